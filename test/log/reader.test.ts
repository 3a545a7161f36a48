/** Reading: every partial of every earlier size, and nothing that does not match the tree. */
import { describe, expect, it } from 'vitest'
import { LogReader } from '../../src/log/reader.ts'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { concatBytes, equalBytes } from '../../src/primitives/bytes.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import type { LogStore } from '../../src/storage/storage.ts'
import { parseEntryBundle } from '../../src/tlog/entry-bundle.ts'
import { tileWidth } from '../../src/tlog/tile.ts'
import { entries, newLog } from '../support/log.ts'

const code = (wanted: string) => (error: unknown) => isTlogError(error) && error.code === wanted
const all = entries(1_000)
const hashes = all.map(hashLeaf)

describe('[HTTP-5] tiles and bundles', () => {
  it('partial ones of every size that ever was are served while the log grows past them', async () => {
    const { log } = await newLog()
    for (const size of [1, 200, 255, 256, 257, 600, 1_000]) {
      await log.sequencer.append(all.slice(log.reader.published.size, size))
      for (const width of [1, 100, 199, 200, 255, 256]) {
        for (const index of [0, 1, 2, 3]) {
          const id = { level: 0, index, width }
          if (width > tileWidth(id, size)) {
            await expect(log.reader.resource(id)).rejects.toSatisfy(code('not_found'))
            continue
          }
          const [from, to] = [index * 256, index * 256 + width]
          expect(equalBytes(await log.reader.resource(id), concatBytes(...hashes.slice(from, to)))).toBe(true)
          const bundle = parseEntryBundle(await log.reader.resource({ ...id, level: 'entries' }))
          expect(bundle.map((one) => [...one])).toEqual(all.slice(from, to).map((one) => [...one]))
        }
      }
    }
  })

  it('of levels that the tree does not have are not there', async () => {
    const { log } = await newLog()
    await expect(log.reader.resource({ level: 0, index: 0, width: 1 })).rejects.toSatisfy(code('not_found'))
    await log.sequencer.append(all)
    for (const level of [2, 7, 63]) {
      await expect(log.reader.resource({ level, index: 0, width: 1 })).rejects.toSatisfy(code('not_found'))
    }
    expect((await log.reader.resource({ level: 1, index: 0, width: 3 })).length).toBe(96)
  })
})

describe('[STORE-3] what is stored is checked on every read', () => {
  /** A reader over the same head whose store flips one bit of one thing. */
  const damagedReader = async (change: (store: LogStore) => Partial<LogStore>): Promise<LogReader> => {
    const { log, options } = await newLog()
    await log.sequencer.append(all)
    const { store } = options
    return new LogReader(
      {
        head: () => store.head(),
        commit: (step) => store.commit(step),
        entries: (start, end) => store.entries(start, end),
        fullTile: (key) => store.fullTile(key),
        lookup: (keys) => store.lookup(keys),
        ...change(store),
      },
      () => log.reader.published,
    )
  }

  it('an entry with any flipped bit is corrupt, not served', async () => {
    for (let bit = 0; bit < 64; bit++) {
      const reader = await damagedReader((store) => ({
        entries: async (start, end) =>
          (await store.entries(start, end)).map((one, i) => {
            if (start + i !== 300) return one
            const copy = one.slice()
            copy[Math.floor(bit / 8)]! ^= 1 << (bit % 8)
            return copy
          }),
      }))
      await expect(reader.entries(300, 301)).rejects.toSatisfy(code('corrupt'))
      await expect(reader.resource({ level: 'entries', index: 1, width: 256 })).rejects.toSatisfy(code('corrupt'))
      expect(await reader.entries(0, 256)).toHaveLength(256)
    }
  })

  it('entries in another order, cut short or doubled are corrupt', async () => {
    for (const change of [
      (read: readonly Uint8Array[]) => [...read].reverse(),
      (read: readonly Uint8Array[]) => read.slice(1),
      (read: readonly Uint8Array[]) => [...read, ...read],
      () => [],
    ]) {
      const reader = await damagedReader((store) => ({
        entries: async (start, end) => change(await store.entries(start, end)),
      }))
      await expect(reader.entries(0, 10)).rejects.toSatisfy(code('corrupt'))
    }
  })
})
