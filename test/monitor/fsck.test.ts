/** fsck: passes on what is whole, and names what is not. */
import { describe, expect, it } from 'vitest'
import { checkpointIn, storedKeys } from '../../src/log/stored-rows.ts'
import { fsck } from '../../src/monitor/fsck.ts'
import { storeSource } from '../../src/monitor/fsck-source.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'

describe('a whole log', () => {
  it.each([0, 1, 255, 256, 257, 1_000, 65_536, 70_000])('of size %i passes', async (size) => {
    const made = await memoryLog()
    await made.append(numbered(0, size))
    const source = storeSource(made.store, { checkpointIn, keys: storedKeys(made.store) })
    const report = await fsck(source, { vkey: made.vkey })
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ ok: true, size, checked: { entries: size, keys: size } })
  })
})
