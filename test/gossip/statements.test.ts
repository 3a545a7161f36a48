/** What witnesses stated, heard in any order. */
import { describe, expect, it } from 'vitest'
import { hear, type Remembered, type Statement } from '../../src/gossip/statements.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()

describe('the statements of a witness', () => {
  it.each([
    ['as they were made', [0, 1, 2]],
    ['the largest last', [1, 2, 0]],
    ['the one that takes it back first', [2, 0, 1]],
    ['the largest between the others', [1, 0, 2]],
  ])(
    '[GOSSIP-6] three statements of a witness that went back are evidence in whatever order they arrive: %s',
    (_, order) => {
      // Of size 7 at 15, and of size 5 before and after.
      const made = [
        { size: 7, time: 15 },
        { size: 5, time: 12 },
        { size: 5, time: 20 },
      ].map(({ size, time }) => ({ witness: log.key, size, time, root: log.root(size), bytes: log.checkpoint(size) }))
      let last: Remembered | undefined
      const found = order.map((i) => {
        const heard = hear(last, made[i] as Statement)
        last = heard.last
        return heard.evidence?.kind
      })
      expect(found.filter((kind) => kind !== undefined)).toEqual(['rollback'])
    },
  )
})
