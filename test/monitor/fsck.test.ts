/** fsck: passes what is whole, and names the first bad place of what is not. */
import { describe, expect, it } from 'vitest'
import { httpResources } from '../../src/client/index.ts'
import { checkpointIn, storedKeys } from '../../src/log/stored-rows.ts'
import { type FsckOptions, fsck } from '../../src/monitor/fsck.ts'
import { MAX_PROBLEMS } from '../../src/monitor/fsck-report.ts'
import { type FsckSource, httpSource, storeSource } from '../../src/monitor/fsck-source.ts'
import { encodeUint64 } from '../../src/primitives/bytes.ts'
import { TlogError } from '../../src/primitives/error.ts'
import type { LogStore } from '../../src/storage/storage.ts'
import { formatTilePath } from '../../src/tlog/tile.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'

const sourceOf = (store: LogStore): FsckSource => storeSource(store, { checkpointIn, keys: storedKeys(store) })

const freshLog = async (size: number): Promise<MemoryLog> => {
  const made = await memoryLog()
  await made.append(numbered(0, size))
  return made
}

const logs = new Map<number, Promise<MemoryLog>>()

/** A log of this size that nobody appends to. */
const logOf = (size: number): Promise<MemoryLog> => {
  const made = logs.get(size) ?? freshLog(size)
  logs.set(size, made)
  return made
}

const flipped = (bytes: Uint8Array, at = bytes.length - 1): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  copy[at]! ^= 1
  return copy
}

const missing = (): never => {
  throw new TlogError('corrupt', 'missing')
}

/** A store with other entries at some indices; undefined means that the row is gone. */
const withEntries = (store: LogStore, bad: ReadonlyMap<number, Uint8Array | undefined>): LogStore =>
  overlay(store, {
    entries: async (start, end) =>
      (await store.entries(start, end)).map((entry, i) =>
        bad.has(start + i) ? (bad.get(start + i) ?? missing()) : entry,
      ),
  })

/** A store with other tiles. */
const withTiles = (store: LogStore, change: (path: string, tile: Uint8Array) => Uint8Array | undefined): LogStore =>
  overlay(store, {
    fullTile: async (key) => {
      const tile = await store.fullTile(key)
      return tile && change(formatTilePath({ ...key, width: 256 }), tile)
    },
  })

const isPosition = (key: Uint8Array | undefined): boolean => new TextDecoder().decode(key) === 'position'

/** A store with other index rows, by the index that the row should lead to. */
const withRows = (store: LogStore, change: (index: number) => number | undefined): LogStore =>
  overlay(store, {
    lookup: async (keys) => {
      const values = await store.lookup(keys)
      return values.map((value, i) => {
        if (value === undefined || isPosition(keys[i])) return value
        const changed = change(Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0)))
        return changed === undefined ? undefined : encodeUint64(changed)
      })
    },
  })

const overlay = (store: LogStore, changes: Partial<LogStore>): LogStore => ({
  head: () => store.head(),
  commit: (step) => store.commit(step),
  entries: (start, end) => store.entries(start, end),
  fullTile: (key) => store.fullTile(key),
  lookup: (keys) => store.lookup(keys),
  ...changes,
})

const check = (made: MemoryLog, store: LogStore, options: Partial<FsckOptions> = {}) =>
  fsck(sourceOf(store), { vkey: made.vkey, ...options })

describe('a whole log', () => {
  const sizes = [0, 1, 255, 256, 257, 512, 600, 65_536, 66_000]

  it.each(sizes)('of size %i passes as it is stored', async (size) => {
    const made = await logOf(size)
    const report = await check(made, made.store)
    expect(report.problems).toEqual([])
    const tiles = Math.floor(size / 256) + Math.floor(size / 65_536)
    expect(report).toMatchObject({ ok: true, size, count: 0, checked: { entries: size, tiles, keys: size } })
    expect(report.checkpoint).toEqual(made.checkpoint())
  })

  it.each([0, 1, 256, 257, 600, 66_000])('of size %i passes as it is served', async (size) => {
    const made = await logOf(size)
    const report = await fsck(httpSource(httpResources({ url: LOG_URL, fetch: logFetch(made) })), { vkey: made.vkey })
    const hashes = [size, Math.floor(size / 256), Math.floor(size / 65_536)]
    const tiles = hashes.reduce((sum, count) => sum + Math.ceil(count / 256), 0)
    expect(report.problems).toEqual([])
    expect(report).toMatchObject({ ok: true, size, checked: { entries: size, tiles, keys: 0 } })
  })

  it('that allows duplicates passes, with and without an index from before', async () => {
    const made = await memoryLog({ allowDuplicates: true })
    await made.append([...numbered(0, 300), ...numbered(0, 300)])
    expect(await check(made, made.store)).toMatchObject({ ok: true, size: 600 })
    // As after a time of strict de-duplication up to 300: rows and a position, then equal leaves without rows.
    const strict = await logOf(300)
    const store = overlay(made.store, { lookup: (keys) => strict.store.lookup(keys) })
    expect(await check(made, store)).toMatchObject({ ok: true, size: 600, checked: { keys: 600 } })
  })

  it('[FSCK-2] passes with its older checkpoints, and tells which one is not of it', async () => {
    const made = await memoryLog()
    const older: Uint8Array[] = []
    for (const size of [0, 1, 255, 256, 300, 600]) {
      await made.append(numbered(made.log.reader.published.size, size))
      older.push(made.checkpoint())
    }
    expect(await check(made, made.store, { older })).toMatchObject({ ok: true })
    const other = await memoryLog()
    await other.append(numbered(1, 257))
    const report = await check(made, made.store, { older: [...older, other.checkpoint()] })
    expect(report.problems).toEqual([
      { kind: 'checkpoint', at: 256, message: 'the log signed another root for size 256' },
    ])
  })
})

describe('[FSCK-1] a damaged entry', () => {
  // 66,000: a full tile of level 1 stands over the first 65,536, and nothing that is stored over the rest.
  it.each([0, 40_000, 65_535, 65_536, 65_999])('is named: %i', async (index) => {
    const made = await logOf(66_000)
    const [entry] = await made.store.entries(index, index + 1)
    const report = await check(made, withEntries(made.store, new Map([[index, flipped(entry!, 0)]])))
    expect(report.ok).toBe(false)
    // The last, partial bundle has no tile in the store: there the index of leaf hashes points to it.
    expect(report.problems[0]).toMatchObject({ kind: index < 65_792 ? 'entry' : 'key', at: index })
  })

  it('is named when it is shorter, longer or empty', async () => {
    const made = await logOf(600)
    const [entry] = await made.store.entries(7, 8)
    for (const bad of [entry!.slice(1), Uint8Array.of(...entry!, 0), new Uint8Array(0)]) {
      const report = await check(made, withEntries(made.store, new Map([[7, bad]])))
      expect(report).toMatchObject({ count: 1, problems: [{ kind: 'entry', at: 7 }] })
    }
  })

  it.each([0, 300, 65_999])('is named when it is gone: %i', async (index) => {
    const made = await logOf(66_000)
    const report = await check(made, withEntries(made.store, new Map([[index, undefined]])))
    expect(report.problems[0]).toMatchObject({ kind: 'entry', at: index })
  })

  it('in the last bundle shows in the root when there is no index', async () => {
    const made = await logOf(300)
    const [entry] = await made.store.entries(299, 300)
    const store = withEntries(made.store, new Map([[299, flipped(entry!, 0)]]))
    const report = await fsck(storeSource(store, { checkpointIn }), { vkey: made.vkey })
    expect(report).toMatchObject({ ok: false, problems: [{ kind: 'root', at: 300 }] })
  })

  it('does not hide others', async () => {
    const made = await logOf(66_000)
    const bad = new Map([5, 700, 701, 40_000, 65_600].map((index) => [index, new Uint8Array(3)]))
    const report = await check(made, withEntries(made.store, bad))
    expect(report.problems.filter(({ kind }) => kind === 'entry').map(({ at }) => at)).toEqual([...bad.keys()])
    expect(report.problems.every(({ kind }) => kind === 'entry')).toBe(true)
  })
})

describe('[FSCK-1] a damaged tile', () => {
  it.each(['tile/0/000', 'tile/0/100', 'tile/0/255', 'tile/0/256', 'tile/1/000'])('is named: %s', async (path) => {
    const made = await logOf(66_000)
    const bent = withTiles(made.store, (here, tile) => (here === path ? flipped(tile, 4_000) : tile))
    const message = expect.stringContaining('hash 125 ')
    expect((await check(made, bent)).problems).toEqual([{ kind: 'tile', at: path, message }])
    const gone = await check(
      made,
      withTiles(made.store, (here, tile) => (here === path ? undefined : tile)),
    )
    expect(gone).toMatchObject({ count: 1, problems: [{ kind: 'tile', at: path, message: 'there is no such tile' }] })
  })

  it('does not hide a damaged entry under it', async () => {
    const made = await logOf(66_000)
    const store = withEntries(made.store, new Map([[700, new Uint8Array(1)]]))
    const report = await check(
      made,
      withTiles(store, (path, tile) => (path === 'tile/0/100' ? flipped(tile) : tile)),
    )
    expect(report.problems).toMatchObject([
      { kind: 'entry', at: 700 },
      { kind: 'tile', at: 'tile/0/100' },
    ])
  })

  it('and its entries, changed together, do not pass', async () => {
    const made = await logOf(66_000)
    const forged = await memoryLog()
    await forged.append([...numbered(0, 512), ...numbered(512, 768, 'forged'), ...numbered(768, 66_000)])
    const entries = overlay(made.store, { entries: (start, end) => forged.store.entries(start, end) })
    const store = withTiles(entries, (path, tile) => (path === 'tile/0/002' ? missing() : tile))
    const tiles = overlay(store, {
      fullTile: async (key) =>
        key.level === 0 && key.index === 2 ? forged.store.fullTile(key) : made.store.fullTile(key),
    })
    const report = await fsck(storeSource(tiles, { checkpointIn }), { vkey: made.vkey })
    expect(report.problems).toMatchObject([{ kind: 'tile', at: 'tile/1/000' }, { kind: 'root' }])
    // The whole log, changed in all its tiles, is still not the signed one.
    const all = overlay(forged.store, { head: () => made.store.head() })
    expect((await fsck(storeSource(all, { checkpointIn }), { vkey: made.vkey })).problems).toMatchObject([
      { kind: 'root' },
    ])
  })
})

describe('the index', () => {
  it.each([
    ['a row that is gone', (index: number) => (index === 270 ? undefined : index), 270],
    ['a row that leads to a later entry', (index: number) => (index === 3 ? 299 : index), 3],
    ['a row that leads to an earlier entry', (index: number) => (index === 270 ? 3 : index), 270],
    ['a row that leads nowhere', (index: number) => (index === 0 ? 2 ** 40 : index), 0],
  ])('%s is named', async (_title, change, at) => {
    const made = await logOf(300)
    expect(await check(made, withRows(made.store, change))).toMatchObject({ count: 1, problems: [{ kind: 'key', at }] })
  })

  it.each([0, 1, 299, 301])('a position of %i for 300 entries is found', async (position) => {
    const made = await logOf(300)
    const store = overlay(made.store, {
      lookup: (keys) => (isPosition(keys[0]) ? Promise.resolve([encodeUint64(position)]) : made.store.lookup(keys)),
    })
    const report = await check(made, store)
    expect(report.problems[0]).toMatchObject({ kind: 'key', at: Math.min(300, position) })
  })
})

describe('what lies beyond the head', () => {
  it('is found: entries and tiles', async () => {
    const made = await freshLog(256)
    const head = await made.store.head()
    await made.append(numbered(256, 700))
    const report = await fsck(storeSource(overlay(made.store, { head: async () => head }), { checkpointIn }), {
      vkey: made.vkey,
    })
    expect(report.problems).toMatchObject([
      { kind: 'stray', at: 256 },
      { kind: 'stray', at: 'tile/0/001' },
    ])
  })
})

describe('[FSCK-1] the checkpoint', () => {
  it("is reported when it is missing, malformed, or not the trusted log's", async () => {
    const made = await logOf(300)
    const stranger = await memoryLog({ seed: 2 })
    const source = sourceOf(made.store)
    const failing = (checkpoint: FsckSource['checkpoint']) => fsck({ ...source, checkpoint }, { vkey: made.vkey })
    const none = await failing(() => Promise.reject(new TlogError('not_found', 'there is no head')))
    expect(none).toMatchObject({
      ok: false,
      size: 0,
      problems: [{ kind: 'checkpoint', message: 'not_found: there is no head' }],
    })
    expect(await failing(async () => new Uint8Array(9))).toMatchObject({
      ok: false,
      size: 0,
      problems: [{ kind: 'checkpoint' }],
    })
    const strange = await fsck(source, { vkey: stranger.vkey })
    expect(strange).toMatchObject({
      ok: false,
      size: 300,
      checked: { entries: 300 },
      count: 1,
      problems: [{ kind: 'checkpoint' }],
    })
  })
})

describe('over HTTP', () => {
  it.each([
    ['tile/0/000', 'tile/0/000'],
    ['tile/0/001', 'tile/0/001'],
    ['tile/0/002.p/88', 'tile/0/002.p/88'],
    ['tile/1/000.p/2', 'tile/1/000.p/2'],
    ['tile/entries/000', 255],
    ['tile/entries/001', 511],
    ['tile/entries/002.p/88', 599],
  ])('a flipped bit of %s is named', async (path, at) => {
    const made = await logOf(600)
    const fetch: typeof globalThis.fetch = async (input, init) => {
      const answer = await logFetch(made)(input, init)
      if (!String(input).endsWith(path)) return answer
      return new Response(Uint8Array.from(flipped(new Uint8Array(await answer.arrayBuffer()))))
    }
    const report = await fsck(httpSource(httpResources({ url: LOG_URL, fetch })), { vkey: made.vkey })
    expect(report).toMatchObject({ ok: false, count: 1, problems: [{ at }] })
    for (const status of [404, 410]) {
      const none: typeof globalThis.fetch = async (input, init) =>
        String(input).endsWith(path) ? new Response('', { status }) : logFetch(made)(input, init)
      const gone = await fsck(httpSource(httpResources({ url: LOG_URL, fetch: none })), { vkey: made.vkey })
      expect(gone.ok).toBe(false)
    }
  })

  it('[FSCK-3] a log that cannot be reached has no verdict', async () => {
    const made = await logOf(600)
    const fetch: typeof globalThis.fetch = async (input, init) =>
      String(input).includes('/tile/0/001') ? new Response('', { status: 500 }) : logFetch(made)(input, init)
    const checking = fsck(httpSource(httpResources({ url: LOG_URL, fetch })), { vkey: made.vkey })
    await expect(checking).rejects.toMatchObject({ code: 'io' })
  })
})

describe('a long check', () => {
  it('tells how far it is, and goes on from there', async () => {
    const made = await logOf(66_000)
    const indices: number[] = []
    await check(made, made.store, { onProgress: ({ index }) => indices.push(index) })
    expect(indices).toEqual([...Array.from({ length: 257 }, (_, i) => 256 * (i + 1)), 66_000])
    for (const from of [300, 65_536, 65_900, 99_000]) {
      const report = await check(made, made.store, { from })
      expect(report).toMatchObject({
        ok: true,
        checked: { entries: 66_000 - Math.floor(Math.min(from, 66_000) / 256) * 256 },
      })
    }
  })

  it('that goes on still checks the tiles over what came before', async () => {
    const made = await logOf(66_000)
    const store = withTiles(made.store, (path, tile) => (path === 'tile/0/002' ? flipped(tile) : tile))
    expect(await check(made, store, { from: 1_024 })).toMatchObject({ ok: false })
  })

  it('stops when aborted', async () => {
    const made = await logOf(66_000)
    const stop = new AbortController()
    const onProgress = ({ index }: { readonly index: number }): void => {
      if (index === 2_560) stop.abort(new Error('enough'))
    }
    await expect(check(made, made.store, { signal: stop.signal, onProgress })).rejects.toThrow('enough')
  })

  it('lists the first hundred problems and counts all', async () => {
    const made = await logOf(66_000)
    const bad = new Map(Array.from({ length: 3_000 }, (_, i) => [i * 20, new Uint8Array(1)]))
    const report = await check(made, withEntries(made.store, bad))
    expect(report.count).toBe(3_000)
    expect(report.problems.map(({ at }) => at)).toEqual(Array.from({ length: MAX_PROBLEMS }, (_, i) => i * 20))
  })
})
