/** The start-up gate: a log whose parts do not agree is refused by name. */
import { describe, expect, it } from 'vitest'
import { memoryLedger } from '../../src/log/ledger.ts'
import { type LogOptions, openLog } from '../../src/log/open.ts'
import { RefusedError, refusals } from '../../src/log/refusal.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { LogStore } from '../../src/storage/storage.ts'
import { entries, entry, newLog, testClock, testKey } from '../support/log.ts'

const refusalOf = async (options: LogOptions): Promise<string> => {
  const refusal = await openLog(options).then(
    () => 'opened',
    (error: unknown) => error,
  )
  if (!(refusal instanceof RefusedError)) return String(refusal)
  expect(refusal.help).toBe(refusals[refusal.reason])
  return refusal.reason
}

const copyOf = async (store: LogStore, size: number, head: Uint8Array): Promise<LogStore> => {
  const { log: copy } = await openStorage('memory:', { create: true })
  const all = size === 0 ? [] : await store.entries(0, size)
  const fullTiles = new Map<{ level: number; index: number }, Uint8Array>()
  for (let index = 0; index < Math.floor(size / 256); index++)
    fullTiles.set({ level: 0, index }, (await store.fullTile({ level: 0, index }))!)
  await copy.commit({ previous: undefined, head, firstIndex: 0, entries: all, fullTiles, index: [] })
  return copy
}

describe('[GATE-1] a log that is as it was left opens and goes on', () => {
  it.each([0, 1, 255, 256, 257, 700])('at size %d', async (size) => {
    const { log, options } = await newLog()
    if (size > 0) await log.sequencer.append(entries(size))
    const again = await openLog(options)
    expect(again.reader.published.size).toBe(size)
    expect(again.reader.published.root).toEqual(log.reader.published.root)
    expect((await again.sequencer.append([entry('next')])).indices).toEqual([size])
  })
})

describe('[GATE-2] an older copy of the database is refused', () => {
  it('when the ledger knows a larger head', async () => {
    const { log, options } = await newLog()
    await log.sequencer.append(entries(300))
    const old = await copyOf(options.store, 300, (await options.store.head())!.head)
    await log.sequencer.append([entry('released after the copy')])
    expect(await refusalOf({ ...options, store: old })).toBe('behind_ledger')
  })

  it('when it went on to another history of the same size, or a larger one', async () => {
    for (const more of [1, 5]) {
      const { log, options } = await newLog()
      await log.sequencer.append(entries(300))
      const old = await copyOf(options.store, 300, (await options.store.head())!.head)
      await log.sequencer.append([entry('true')])
      // The fork is made with the log's own key, past a ledger that knows nothing.
      const ledger = memoryLedger()
      await ledger.record(undefined, (await old.head())!.head)
      const fork = await openLog({ ...options, store: old, ledger })
      await fork.sequencer.append(entries(more, 'false'))
      expect(await refusalOf({ ...options, store: old })).toBe('fork_of_ledger')
    }
  })

  it('when there is no ledger at all', async () => {
    const { log, options } = await newLog()
    await log.sequencer.append(entries(3))
    expect(await refusalOf({ ...options, ledger: memoryLedger() })).toBe('ledger_missing')
  })
})

describe('[GATE-3] damage is refused', () => {
  const damaged = async (change: (store: LogStore) => Partial<LogStore>): Promise<string> => {
    const { log, options } = await newLog()
    const all = entries(70_000)
    for (const at of [0, 35_000]) await log.sequencer.append(all.slice(at, at + 35_000))
    const { store } = options
    const whole: LogStore = {
      head: () => store.head(),
      commit: (step) => store.commit(step),
      entries: (start, end) => store.entries(start, end),
      fullTile: (key) => store.fullTile(key),
      lookup: (keys) => store.lookup(keys),
    }
    return refusalOf({ ...options, store: { ...whole, ...change(store) } })
  }
  const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
    const copy = bytes.slice()
    copy[Math.floor(bit / 8)]! ^= 1 << (bit % 8)
    return copy
  }

  it.each([
    ['a flipped bit in an entry of the right edge', 69_999],
    ['a flipped bit in a recent entry', 60_000],
  ])('%s', async (_, index) => {
    const change = (store: LogStore): Partial<LogStore> => ({
      entries: async (start, end) =>
        (await store.entries(start, end)).map((one, i) => (start + i === index ? flip(one, 3) : one)),
    })
    expect(await damaged(change)).toBe('tree_damaged')
  })

  it.each([
    ['a recent tile of leaves', 0, 272],
    ['a tile that the right edge needs', 0, 256],
    ['a full tile above', 1, 0],
  ])('a flipped bit in %s', async (_, level, index) => {
    const change = (store: LogStore): Partial<LogStore> => ({
      fullTile: async (key) => {
        const tile = await store.fullTile(key)
        return tile !== undefined && key.level === level && key.index === index ? flip(tile, 1_000) : tile
      },
    })
    expect(await damaged(change)).toBe('tree_damaged')
  })

  it('missing entries and tiles', async () => {
    expect(await damaged(() => ({ entries: async () => [] }))).toBe('tree_damaged')
    expect(await damaged(() => ({ fullTile: async () => undefined }))).toBe('tree_damaged')
  })

  it('a head whose signature or shape is broken, and none at all', async () => {
    for (const bit of [0, 100, 500, 900]) {
      const change = (store: LogStore): Partial<LogStore> => ({
        head: async () => {
          const head = (await store.head())!
          return { ...head, head: flip(head.head, bit) }
        },
      })
      expect(['head_damaged', 'wrong_key']).toContain(await damaged(change))
    }
    expect(await damaged(() => ({ head: async () => undefined }))).toBe('head_missing')
  })
})

describe('[GATE-4] the key and the clock must fit', () => {
  it('another key, or the key of another origin', async () => {
    const { log, options } = await newLog()
    await log.sequencer.append(entries(3))
    expect(await refusalOf({ ...options, key: testKey('example.com/test', 8) })).toBe('wrong_key')
    expect(await refusalOf({ ...options, key: testKey('example.com/other') })).toBe('wrong_key')
  })

  it('a clock before the newest head', async () => {
    const clock = testClock()
    const { log, options } = await newLog({ clock: clock.read })
    await log.sequencer.append(entries(3))
    clock.now -= 86_400_000
    expect(await refusalOf(options)).toBe('clock')
  })
})
