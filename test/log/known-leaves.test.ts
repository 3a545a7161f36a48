/** What a log knows of its leaves: whatever becomes of the filter, equal entries get one index, across starts too. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogEvent } from '../../src/log/events.ts'
import { filterFile } from '../../src/log/filter-file.node.ts'
import type { FilterKeeper, KeptFilter } from '../../src/log/known-leaves.ts'
import { LeafFilter } from '../../src/log/leaf-filter.ts'
import { type LogOptions, openLog } from '../../src/log/open.ts'
import { asHash } from '../../src/primitives/hash.ts'
import type { LogStore } from '../../src/storage/storage.ts'
import { entries, newLog } from '../support/log.ts'

/** A store that counts the keys it is asked for. */
const counting = (store: LogStore): LogStore & { asked: number } => {
  const counted = {
    asked: 0,
    head: () => store.head(),
    commit: (step: Parameters<LogStore['commit']>[0]) => store.commit(step),
    entries: (start: number, end: number) => store.entries(start, end),
    fullTile: (key: Parameters<LogStore['fullTile']>[0]) => store.fullTile(key),
    lookup: (keys: readonly Uint8Array[]) => {
      counted.asked += keys.length
      return store.lookup(keys)
    },
  }
  return counted
}

/** Lets the filling of a filter come to its end. */
const filled = async (): Promise<void> => {
  for (let i = 0; i < 600; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a log that was started', () => {
  it('asks its database for no new leaf, and for every old one', async () => {
    const { log, options } = await newLog()
    await log.sequencer.append(entries(1_000))
    await log.sequencer.drain()
    const store = counting(options.store)
    const again = await openLog({ ...options, store })
    await filled()
    store.asked = 0
    await again.sequencer.append(entries(1_000, 'new'))
    expect(store.asked).toBeLessThan(50)
    const before = store.asked
    const { indices, duplicates } = await again.sequencer.append(entries(1_000))
    expect(store.asked - before).toBe(1_000)
    expect([duplicates, indices[0], indices[999]]).toEqual([1_000, 0, 999])
    expect((await again.sequencer.append(entries(1_000, 'new'))).indices[0]).toBe(1_000)
  })

  it('knows every leaf from the first moment on', async () => {
    const { log, options } = await newLog()
    await log.sequencer.append(entries(5_000))
    await log.sequencer.drain()
    const again = await openLog(options)
    const answers = await Promise.all(
      entries(5_000).map(async (entry) => (await again.sequencer.append([entry])).indices[0]),
    )
    expect(answers).toEqual(answers.map((_, i) => i))
  })

  it('says so when it cannot read its tiles, and asks its database from then on', async () => {
    const { log, options } = await newLog()
    for (let at = 0; at < 70_000; at += 10_000) await log.sequencer.append(entries(70_000).slice(at, at + 10_000))
    await log.sequencer.drain()
    const store: LogStore = {
      ...counting(options.store),
      fullTile: async (key) =>
        key.level === 0 && key.index === 5 ? new Uint8Array(8_192) : options.store.fullTile(key),
    }
    const events: LogEvent[] = []
    const again = await openLog({ ...options, store, observe: (event) => events.push(event) })
    await filled()
    expect(events).toMatchObject([{ kind: 'unfiltered', error: { code: 'bad_proof' } }])
    expect((await again.sequencer.append([...entries(2), ...entries(2, 'new')])).indices).toEqual([
      0, 1, 70_000, 70_001,
    ])
  })
})

describe('a kept filter', () => {
  let folder: string
  let path: string
  let options: LogOptions
  const SIZE = 2 ** 18

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-filter-'))
    path = join(folder, 'leaf.filter')
    const made = await newLog()
    options = { ...made.options, filterKeeper: filterFile(path) }
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const grow = async (count: number, prefix?: string): Promise<void> => {
    const log = await openLog(options)
    const all = entries(count, prefix)
    for (let at = 0; at < count; at += 16_384) await log.sequencer.append(all.slice(at, at + 16_384))
    await log.sequencer.drain()
  }

  /** Opens the log, and says how many tiles of leaves are read from then on until it is idle. */
  const reopen = async (): Promise<{ tiles: number; events: readonly LogEvent[] }> => {
    let tiles = 0
    const events: LogEvent[] = []
    const { store } = options
    const reading: LogStore = {
      ...counting(store),
      fullTile: (key) => {
        if (key.level === 0) tiles++
        return store.fullTile(key)
      },
    }
    const log = await openLog({ ...options, store: reading, observe: (event) => events.push(event) })
    tiles = 0
    // Tiles that the gate has read come from the cache and are not counted.
    for (let idle = 0, seen = -1; idle < 600; idle = seen === tiles ? idle + 1 : 0) {
      seen = tiles
      await new Promise((resolve) => setImmediate(resolve))
    }
    // Whatever was kept, each leaf is known, and each new one is new.
    const { size } = log.reader.published
    const { indices } = await log.sequencer.append([...entries(3), ...entries(3, `new at ${size} `)])
    expect(indices).toEqual([0, 1, 2, size, size + 1, size + 2])
    await log.sequencer.drain()
    return { tiles, events: events.filter(({ kind }) => kind !== 'committed') }
  }

  it('spares the next start the reading of its leaves, and only those that are new are read', async () => {
    await grow(SIZE)
    expect((await reopen()).tiles).toBeLessThan(5)
    await grow(5_000, 'more')
    const { tiles, events } = await reopen()
    expect(tiles).toBeLessThan(30)
    expect(events).toEqual([])
    const log = await openLog(options)
    expect((await log.sequencer.append(entries(5_000, 'more'))).duplicates).toBe(5_000)
  }, 60_000)

  it('of a small log is not written', async () => {
    await grow(1_000)
    expect(() => readFileSync(path)).toThrow('ENOENT')
  })

  it('that is damaged, cut, longer or of another log is as good as none', async () => {
    await grow(SIZE)
    const whole = readFileSync(path)
    const flipped = (at: number): Buffer => {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return bytes
    }
    const bad = [
      flipped(0),
      flipped(16),
      flipped(27),
      flipped(35),
      flipped(40),
      flipped(100_000),
      flipped(whole.length - 1),
      whole.subarray(0, -1),
      whole.subarray(0, 10),
      Buffer.alloc(0),
      Buffer.concat([whole, Buffer.alloc(1)]),
      Buffer.alloc(whole.length),
    ]
    for (const bytes of bad) {
      writeFileSync(path, bytes)
      expect(await filterFile(path).load()).toBeUndefined()
    }
    expect((await reopen()).tiles).toBeGreaterThan(700)
    writeFileSync(path, whole)
    expect((await reopen()).tiles).toBeLessThan(5)
    const other = await newLog()
    await other.log.sequencer.append(entries(10))
    const events: LogEvent[] = []
    const elsewhere = await openLog({
      ...other.options,
      filterKeeper: filterFile(path),
      observe: (event) => events.push(event),
    })
    expect((await elsewhere.sequencer.append(entries(12))).indices).toEqual(Array.from({ length: 12 }, (_, i) => i))
    expect(events.map(({ kind }) => kind)).toEqual(['committed'])
  }, 60_000)

  it('of another history of this size is not believed', async () => {
    await grow(SIZE)
    const kept = (await filterFile(path).load()) as KeptFilter
    const empty = LeafFilter.withRoomFor(kept.filter.leaves)
    const lying: FilterKeeper = {
      load: async () => ({ ...kept, filter: empty, root: asHash(new Uint8Array(32)) }),
      save: async () => {},
    }
    options = { ...options, filterKeeper: lying }
    expect((await reopen()).tiles).toBeGreaterThan(700)
  }, 60_000)

  it('that cannot be read or written stops nothing, and is reported', async () => {
    const failing: FilterKeeper = {
      load: () => Promise.reject(new Error('EIO')),
      save: () => Promise.reject(new Error('ENOSPC')),
    }
    options = { ...options, filterKeeper: failing }
    await grow(SIZE)
    expect((await reopen()).events).toMatchObject([{ kind: 'unfiltered' }, { kind: 'unfiltered' }])
    options = { ...options, filterKeeper: filterFile(join(folder, 'no/such/folder')) }
    expect((await reopen()).events).toMatchObject([{ kind: 'unfiltered' }])
  }, 60_000)
})
