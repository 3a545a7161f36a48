/** The index follows its log: restarts, jumps, lost calls, damage, and rows of an index that was given up. */
import { describe, expect, it } from 'vitest'
import type { AppendedEvent } from '../../../src/audit/recorder.ts'
import { mac } from '../../../src/audit/sealer.node.ts'
import type { Search } from '../../../src/audit/search/open-search.ts'
import { SEARCH_STORE } from '../../../src/audit/search/search-store.ts'
import { encodeUtf8 } from '../../../src/primitives/bytes.ts'
import { TlogError } from '../../../src/primitives/error.ts'
import { encodeHex } from '../../../src/primitives/hex.ts'
import { openStorage } from '../../../src/storage/backends.ts'
import type { Change, KeyValueStore, Storage } from '../../../src/storage/storage.ts'
import { roleAssigned } from '../../support/memory-audit.ts'
import { plainLog } from './plain-log.ts'

const eventAt = (index: number, id = `e${index}`): AppendedEvent => ({
  index,
  received: 1_000 + index,
  source: 's',
  event: roleAssigned(id, { time: new Date(index).toISOString(), corr: `c${index % 10}` }),
})

const some = (start: number, end: number): readonly AppendedEvent[] =>
  Array.from({ length: end - start }, (_, i) => eventAt(start + i))

const filled = async (count: number) => {
  const log = plainLog()
  const storage = await openStorage('memory:', { create: true })
  const search = await log.open(storage)
  log.push(some(0, count))
  search.append(some(0, count))
  await search.drain()
  return { log, storage, search }
}

const rowsIn = async (storage: Storage): Promise<ReadonlyMap<string, string>> => {
  const rows = new Map<string, string>()
  for await (const { key, value } of storage.keyValue(SEARCH_STORE).range(Uint8Array.of(0), Uint8Array.of(255)))
    rows.set(encodeHex(key), encodeHex(value))
  return rows
}

/** All that was found of a term, and of the whole. */
const answers = async (search: Search) => ({
  all: await search.count({}),
  corr: await search.count({ corr: 'c3' }),
  word: (await search.search({ q: 'e77' })).indices,
  actors: (await search.facets({}, 'actor')).values,
  first: (await search.search({ order: 'time', limit: 3 })).indices,
})

describe('after a restart', () => {
  it('[SEARCH-11] at most 4,096 entries are read again', async () => {
    const { log, storage, search } = await filled(10_000)
    const before = await answers(search)
    expect(log.reads).toBeLessThan(20)
    expect(search.position).toEqual({ indexed: 10_000, written: 8_192, size: 10_000, lag: 0 })
    const reads = log.reads
    await using again = await log.open(storage)
    await again.count({})
    expect(log.reads - reads).toBe(10_000 - 8_192)
    expect(await answers(again)).toEqual(before)
  })

  it('[SEARCH-11] what was never written is read', async () => {
    const { log, search, storage } = await filled(9_000)
    const before = await answers(search)
    const store = storage.keyValue(SEARCH_STORE)
    const failing: KeyValueStore = {
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      range: (from, to) => store.range(from, to),
      write: async () => {
        throw new TlogError('unknown_outcome', 'no space left')
      },
    }
    log.push(some(9_000, 13_000))
    search.append(some(9_000, 13_000))
    await search.drain()
    const full = await log.open(storage, { store: failing })
    log.push(some(13_000, 17_000))
    full.append(some(13_000, 17_000))
    // It goes on searching in memory, and says what is wrong when asked.
    expect(await full.count({})).toBe(17_000)
    await expect(full.drain()).rejects.toMatchObject({ code: 'unknown_outcome' })
    expect(full.position).toMatchObject({ indexed: 17_000, written: 12_288 })
    await using again = await log.open(storage)
    expect(await answers(again)).toEqual({
      ...before,
      all: 17_000,
      corr: 1_700,
      actors: [{ value: 'u_1', count: 17_000 }],
    })
  })

  it('[SEARCH-11] a segment is there with its position or not at all', async () => {
    const steps: (readonly Change[])[] = []
    const log = plainLog()
    const storage = await openStorage('memory:', { create: true })
    const store = storage.keyValue(SEARCH_STORE)
    const watching: KeyValueStore = {
      get: (key) => store.get(key),
      getMany: (keys) => store.getMany(keys),
      range: (from, to) => store.range(from, to),
      write: async (changes) => void steps.push(changes),
    }
    const search = await log.open(storage, { store: watching })
    log.push(some(0, 13_000))
    search.append(some(0, 13_000))
    const want = await answers(search)
    await search.drain()
    expect(steps).toHaveLength(3)
    for (let written = 0; written <= 3; written++) {
      const crashed = await openStorage('memory:', { create: true })
      for (const step of steps.slice(0, written)) await crashed.keyValue(SEARCH_STORE).write(step)
      await using again = await log.open(crashed)
      expect(again.position.written).toBe(4_096 * written)
      expect(await answers(again)).toEqual(want)
    }
  })
})

describe('conditions that end where a segment does', () => {
  const searched = filled(9_000)

  // Event i happened at i.
  it.each([0, 1, 4_094, 4_095, 4_096, 4_097, 8_191, 8_192, 8_999, 9_000, 9_001])(
    '[SEARCH-1] hold for times and indices around %i',
    async (edge) => {
      const { search } = await searched
      const below = Math.min(edge, 9_000)
      expect(await search.count({ to: edge })).toBe(below)
      expect(await search.count({ from: edge })).toBe(9_000 - below)
      expect(await search.count({ from: edge, to: edge + 1 })).toBe(edge < 9_000 ? 1 : 0)
      expect(await search.count({ end: edge })).toBe(below)
      expect(await search.count({ first: edge })).toBe(9_000 - below)
      expect(await search.count({ first: edge, end: edge + 1 })).toBe(edge < 9_000 ? 1 : 0)
    },
  )
})

describe('entries of other kinds', () => {
  it('[SEARCH-8] are passed over, however many, and the index is not behind them', async () => {
    const { log, storage, search } = await filled(10)
    log.skip(20_000)
    expect(search.position).toMatchObject({ indexed: 10, lag: 20_000 })
    log.push([eventAt(20_010)])
    search.append([eventAt(20_010)])
    expect((await search.search({ first: 5 })).indices).toEqual([5, 6, 7, 8, 9, 20_010])
    log.skip(3)
    expect(await search.count({})).toBe(11)
    expect(search.position).toMatchObject({ indexed: 20_014, lag: 0 })
    await search.drain()
    expect(search.position.written).toBe(16_384)
    await using again = await log.open(storage)
    expect(await again.count({})).toBe(11)
  })
})

describe('events that nobody told of', () => {
  it('[SEARCH-2] are read when the first one is told of that comes behind them', async () => {
    const { log, storage } = await filled(100)
    await using search = await log.open(storage)
    await search.count({})
    log.push(some(100, 105))
    log.push(some(105, 106))
    search.append(some(105, 106))
    expect(await search.count({})).toBe(106)
  })

  it('[SEARCH-2] are there once when somebody tells of them after they were read', async () => {
    const { log, storage, search } = await filled(0)
    log.push(some(0, 100))
    expect(await search.count({})).toBe(100)
    search.append(some(0, 100))
    log.push(some(100, 5_000))
    search.append(some(100, 5_000))
    const want = { all: 5_000, corr: 500, word: [77], actors: [{ value: 'u_1', count: 5_000 }], first: [0, 1, 2] }
    expect(await answers(search)).toEqual(want)
    await search.drain()
    await using again = await log.open(storage)
    expect(await answers(again)).toEqual(want)
  })

  it('[SEARCH-2] are found with those that come while they are read, once each', async () => {
    const { log, storage } = await filled(3_000)
    let next = 3_000
    // Whenever some are read, more are appended.
    const search: Search = await log.open(storage, {
      events: {
        readMany: async (indices) => {
          log.push(some(next, next + 100))
          search.append(some(next, next + 100))
          next += 100
          return log.readMany(indices)
        },
      },
    })
    const { indices, size } = await search.search({ limit: 1_000, descending: true })
    expect(size).toBeGreaterThan(3_000)
    expect(indices).toEqual(Array.from({ length: 1_000 }, (_, i) => size - 1 - i))
    expect(await search.count({ end: size })).toBe(size)
  })

  it('[SEARCH-2] are waited for until they can be read', async () => {
    const { log, storage } = await filled(300)
    let isBroken = true
    await using search = await log.open(storage, {
      events: {
        readMany: async (indices) => {
          if (isBroken) throw new TlogError('io', 'the disk refused')
          return log.readMany(indices)
        },
      },
    })
    await expect(search.count({})).rejects.toMatchObject({ code: 'io' })
    log.push(some(300, 310))
    search.append(some(300, 310))
    await expect(search.count({})).rejects.toMatchObject({ code: 'io' })
    isBroken = false
    log.push(some(310, 320))
    search.append(some(310, 320))
    expect(await search.count({})).toBe(320)
  })
})

describe('an index that does not belong to the log', () => {
  const other = { tag: (text: string): Uint8Array => mac(new Uint8Array(32).fill(1), encodeUtf8(text)) }

  it.each([
    ['of another version', (row: Uint8Array) => row.with(0, 9)],
    ['with more segments than there are', (row: Uint8Array) => row.with(16, 200)],
    ['cut off', (row: Uint8Array) => row.slice(0, 12)],
  ])('[SEARCH-12] is given up: %s', async (_, change) => {
    const { log, storage, search } = await filled(9_000)
    const want = await answers(search)
    const store = storage.keyValue(SEARCH_STORE)
    const state = (await store.get(encodeUtf8('p'))) ?? new Uint8Array()
    await store.write([{ key: encodeUtf8('p'), value: change(state) }])
    const again = await log.open(storage)
    expect(again.position.written).toBe(0)
    expect(await answers(again)).toEqual(want)
    await again.drain()
    await using third = await log.open(storage)
    expect(third.position.written).toBe(8_192)
    expect(await answers(third)).toEqual(want)
  })

  it('[SEARCH-12] is given up under another key, and leaves no rows', async () => {
    const { log, storage, search } = await filled(9_000)
    const want = await answers(search)
    const again = await log.open(storage, { subjects: other })
    expect(await answers(again)).toEqual(want)
    await again.drain()
    const fresh = await openStorage('memory:', { create: true })
    const anew = await log.open(fresh, { subjects: other })
    await anew.count({})
    await anew.drain()
    const [replaced, rows] = [await rowsIn(storage), await rowsIn(fresh)]
    const state = encodeHex(encodeUtf8('p'))
    expect([...replaced].filter(([key, value]) => key !== state && rows.get(key) !== value)).toEqual([])
    expect(replaced.size).toBe(rows.size)
  })

  it('[SEARCH-12] is given up when the log is smaller than it', async () => {
    const { storage } = await filled(9_000)
    const smaller = plainLog()
    smaller.push(some(0, 5_000))
    await using search = await smaller.open(storage)
    expect(await search.count({})).toBe(5_000)
    expect((await search.search({ q: 'e4999 e8000' })).indices).toEqual([])
    expect((await search.search({ order: 'time', descending: true, limit: 1 })).indices).toEqual([4_999])
  })

  it('[SEARCH-12] is given up when a summary is missing', async () => {
    const { log, storage, search } = await filled(9_000)
    const want = await answers(search)
    await storage.keyValue(SEARCH_STORE).write([{ key: Uint8Array.of(0x73, 0, 0, 0, 1), value: undefined }])
    await using again = await log.open(storage)
    expect(again.position.written).toBe(0)
    expect(await answers(again)).toEqual(want)
  })
})

describe('damage', () => {
  it('[SEARCH-12] is said, and mended by a rebuild, which tells how far it is', async () => {
    const { log, storage, search } = await filled(9_000)
    const want = await answers(search)
    const store = storage.keyValue(SEARCH_STORE)
    let isDamaged = true
    const damaged: KeyValueStore = {
      get: (key) => store.get(key),
      getMany: async (keys) => {
        if (isDamaged && keys.length > 0) throw new TlogError('corrupt', 'a row of search does not match its digest')
        return store.getMany(keys)
      },
      range: (from, to) => store.range(from, to),
      write: (changes) => {
        isDamaged = false
        return store.write(changes)
      },
    }
    await using again = await log.open(storage, { store: damaged })
    await expect(again.count({})).rejects.toMatchObject({ code: 'corrupt' })
    const progress: number[] = []
    await again.rebuild(({ done, total }) => {
      expect(total).toBe(9_000)
      progress.push(done)
    })
    expect(progress).toEqual([4_096, 8_192, 9_000])
    expect(await answers(again)).toEqual(want)
  })

  it('[SEARCH-12] a rebuild makes the same rows, while it is searched and appended to', async () => {
    const { log, storage, search } = await filled(9_000)
    const before = await rowsIn(storage)
    let next = 9_000
    const rebuilding = search.rebuild(() => {
      log.push(some(next, next + 10))
      search.append(some(next, next + 10))
      next += 10
    })
    expect(await search.count({ end: 9_000 })).toBe(9_000)
    await rebuilding
    expect(next).toBe(9_030)
    expect(await search.count({})).toBe(9_030)
    const after = await rowsIn(storage)
    expect([...after].filter(([key, value]) => before.get(key) !== value)).toEqual([])
    expect(after.size).toBe(before.size)
  })

  it('[SEARCH-6] an event whose payload does not open is found by what its entry says', async () => {
    const { log, storage } = await filled(20)
    const entries = log.leaves()
    await using search = await log.open(storage, {
      events: {
        readMany: async (indices) => {
          if (indices.includes(7)) throw new TlogError('corrupt', 'the payload does not open')
          return log.readMany(indices)
        },
      },
      reader: {
        get published() {
          return log.reader.published
        },
        entries: async (start) => entries.slice(start, start + 1),
      },
    })
    expect(await search.count({ actor: 'u_1' })).toBe(19)
    expect(await search.count({ action: 'user.role.assign', source: 's' })).toBe(20)
    expect((await search.facets({ first: 7, end: 8 }, 'actor')).without).toBe(1)
  })
})
