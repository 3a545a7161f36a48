/** The folders of a mirror: keys that are never those of a witness, and a database for each copy, made once. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCopies } from '../../src/mirror/copies.node.ts'
import { parseVerifierKey } from '../../src/note/key.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { commitsRow } from '../../src/witness/records.ts'
import { openWitnessDir } from '../../src/witness/witness-dir.node.ts'

const folder = mkdtempSync(join(tmpdir(), 'treehead-mirror-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the folder of a mirror', () => {
  it('[MIRROR-16] has keys of its own, which others cannot read, and is opened as that of a mirror only', async () => {
    for (const [kind, other] of [
      ['mirror', 'witness'],
      ['witness', 'mirror'],
    ] as const) {
      const path = join(folder, kind)
      const made = await openWitnessDir({ path, kind, name: `${kind}.example` })
      await made[Symbol.asyncDispose]()
      const vkeys = readFileSync(join(path, `${kind}.vkeys`), 'utf8')
        .trim()
        .split('\n')
        .map(parseVerifierKey)
      expect(vkeys.map(({ algorithm, name }) => [algorithm, name])).toEqual([
        [0x04, `${kind}.example`],
        [0x06, `${kind}.example`],
      ])
      for (const name of ['ed25519.key', 'mldsa44.key']) expect(statSync(join(path, name)).mode & 0o077).toBe(0)
      const wrong = await openWitnessDir({ path, kind: other }).catch((error: unknown) => error)
      expect(isTlogError(wrong, 'refused')).toBe(true)
      const again = await openWitnessDir({ path, kind })
      await again[Symbol.asyncDispose]()
    }
  })

  it('starts again after a crash between its very first commit and the mark of that', async () => {
    const path = join(folder, 'first-commit')
    {
      await using dir = await openWitnessDir({ path, kind: 'mirror' })
      await dir.storage.keyValue('witness').write([commitsRow(1)])
    }
    await using again = await openWitnessDir({ path, kind: 'mirror' })
    expect(again.queue.failure).toBeUndefined()
  })

  it('has a database for each log, which is the same one later', async () => {
    const path = join(folder, 'logs')
    const [a, b] = ['a'.repeat(64), 'b'.repeat(64)]
    for (const version of [1, 2]) {
      await using copies = await openCopies(path)
      const store = await copies.open(a)
      const head = await store.head()
      expect(head?.version).toBe(version === 1 ? undefined : 1)
      const step = { entries: [Uint8Array.of(version)], fullTiles: new Map(), index: [], head: new Uint8Array(1) }
      await store.commit({ previous: head?.version, firstIndex: version - 1, ...step })
      expect(await copies.open(a)).toBe(store)
      expect(await (await copies.open(b)).head()).toBeUndefined()
    }
    expect(readdirSync(path).toSorted()).toEqual([a, b])
  })
})
