/** What every storage backend must do, run over the list of backends. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { isTlogError } from '../../src/primitives/error.ts'
import { backends, openStorage } from '../../src/storage/backends.ts'
import type { Commit, Storage } from '../../src/storage/storage.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined): string | undefined => value && new TextDecoder().decode(value)

const step = (
  previous: number | undefined,
  firstIndex: number,
  entries: readonly string[],
  more: Partial<Commit> = {},
): Commit => ({
  previous,
  head: bytes(`head ${firstIndex + entries.length}`),
  firstIndex,
  entries: entries.map(bytes),
  fullTiles: new Map(),
  index: [],
  ...more,
})

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
const freshUrl = (scheme: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'treehead-storage-'))
  folders.push(folder)
  return `${scheme}:${join(folder, 'db')}`
}

describe.each(Object.keys(backends))('%s', (scheme) => {
  const use = async (run: (storage: Storage) => Promise<void>): Promise<void> => {
    await using storage = await openStorage(freshUrl(scheme), { create: true })
    await run(storage)
  }

  it('[STORE-1] a commit is seen as a whole', () =>
    use(async ({ log }) => {
      expect(await log.head()).toBeUndefined()
      const tile = { level: 0, index: 0 }
      const all = Array.from({ length: 257 }, (_, i) => `entry ${i}`)
      const first = await log.commit(
        step(undefined, 0, all, {
          fullTiles: new Map([[tile, bytes('hashes')]]),
          index: [{ key: bytes('key'), value: bytes('value') }],
        }),
      )
      expect(text((await log.head())?.head)).toBe('head 257')
      expect((await log.head())?.version).toBe(first.version)
      expect((await log.entries(0, 257)).map(text)).toEqual(all)
      expect(text(await log.fullTile({ level: 0, index: 0 }))).toBe('hashes')
      expect(await log.fullTile({ level: 0, index: 1 })).toBeUndefined()
      expect(await log.fullTile({ level: 1, index: 0 })).toBeUndefined()
      expect((await log.lookup([bytes('key'), bytes('other')])).map(text)).toEqual(['value', undefined])
      const second = await log.commit(
        step(first.version, 257, ['c'], { index: [{ key: bytes('key'), value: undefined }] }),
      )
      expect(second.version).toBeGreaterThan(first.version)
      expect((await log.entries(256, 258)).map(text)).toEqual(['entry 256', 'c'])
      expect(await log.lookup([bytes('key')])).toEqual([undefined])
    }))

  it('[STORE-2] a commit on an old head conflicts and changes nothing', () =>
    use(async ({ log }) => {
      const first = await log.commit(step(undefined, 0, ['a']))
      await log.commit(step(first.version, 1, ['b']))
      for (const previous of [undefined, first.version, 99]) {
        await expect(log.commit(step(previous, 2, ['x']))).rejects.toSatisfy((error) => isTlogError(error, 'conflict'))
      }
      expect(text((await log.head())?.head)).toBe('head 2')
      await expect(log.entries(2, 3)).rejects.toSatisfy((error) => isTlogError(error, 'corrupt'))
    }))

  it('[STORE-2] of two commits at once on one head, one conflicts', () =>
    use(async ({ log }) => {
      const { version } = await log.commit(step(undefined, 0, ['a']))
      const results = await Promise.allSettled([
        log.commit(step(version, 1, ['b'])),
        log.commit(step(version, 1, ['c'])),
      ])
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    }))

  it('[STORE-3] entries come back byte for byte, over the edges of bundles, whatever the sizes of the commits', () =>
    use(async ({ log }) => {
      const all = Array.from({ length: 1_000 }, (_, i) => `${i}:${'x'.repeat((i * 37) % 600)}`)
      let version: number | undefined
      for (let at = 0, size = 1; at < all.length; at += size, size = 1 + ((size * 7) % 300)) {
        version = (await log.commit(step(version, at, all.slice(at, at + size)))).version
      }
      for (const [start, end] of [
        [0, 1_000],
        [0, 1],
        [255, 257],
        [256, 512],
        [511, 513],
        [999, 1_000],
        [300, 301],
        [5, 5],
      ] as const) {
        expect((await log.entries(start, end)).map(text)).toEqual(all.slice(start, end))
      }
      await expect(log.entries(998, 1_001)).rejects.toSatisfy((error) => isTlogError(error, 'corrupt'))
    }))

  it('[STORE-3] the empty entry and the largest entry are kept', () =>
    use(async ({ log }) => {
      const largest = new Uint8Array(65_535).fill(7)
      await log.commit({ ...step(undefined, 0, []), entries: [new Uint8Array(0), largest, new Uint8Array(0)] })
      expect((await log.entries(0, 3)).map((entry) => entry.length)).toEqual([0, 65_535, 0])
    }))

  it('[STORE-4] key-value stores are ordered by bytes, apart from each other, and atomic', () =>
    use(async (storage) => {
      const [one, other] = [storage.keyValue('one'), storage.keyValue('other')]
      await one.write(['b', 'a', 'ab', 'c'].map((key) => ({ key: bytes(key), value: bytes(`=${key}`) })))
      await other.write([{ key: bytes('a'), value: bytes('theirs') }])
      const keys: (string | undefined)[] = []
      for await (const { key, value } of one.range(bytes('a'), bytes('c'))) keys.push(`${text(key)}${text(value)}`)
      expect(keys).toEqual(['a=a', 'ab=ab', 'b=b'])
      await one.write([
        { key: bytes('a'), value: undefined },
        { key: bytes('b'), value: bytes('new') },
      ])
      expect(await one.get(bytes('a'))).toBeUndefined()
      expect(text(await one.get(bytes('b')))).toBe('new')
      expect(text(await other.get(bytes('a')))).toBe('theirs')
      expect(await storage.keyValue('one').get(bytes('zz'))).toBeUndefined()
    }))

  it('[STORE-8] changes to key-value stores are in the same step as the entries beside which they are', () =>
    use(async (storage) => {
      const { log } = storage
      const a = storage.keyValue('a')
      await a.write([{ key: bytes('old'), value: bytes('1') }])
      const beside = new Map([
        [
          'a',
          [
            { key: bytes('old'), value: undefined },
            { key: bytes('new'), value: bytes('2') },
          ],
        ],
        ['b', [{ key: bytes('k'), value: bytes('3') }]],
      ])
      const first = await log.commit(step(undefined, 0, ['x'], { beside }))
      const keys = [bytes('old'), bytes('new'), bytes('k'), bytes('new')]
      expect(await a.getMany(keys)).toEqual([undefined, bytes('2'), undefined, bytes('2')])
      expect(await storage.keyValue('b').getMany(keys)).toEqual([undefined, undefined, bytes('3'), undefined])
      const lost = new Map([['a', [{ key: bytes('lost'), value: bytes('4') }]]])
      const conflict = log.commit(step(undefined, 1, ['y'], { beside: lost }))
      await expect(conflict).rejects.toSatisfy((error) => isTlogError(error, 'conflict'))
      expect(await a.get(bytes('lost'))).toBeUndefined()
      await log.commit(step(first.version, 1, ['y']))
    }))
})

describe.each(Object.keys(backends).filter((scheme) => scheme !== 'memory'))('%s, opened again', (scheme) => {
  it('[STORE-5] everything is there after closing and opening again', async () => {
    const url = freshUrl(scheme)
    {
      await using storage = await openStorage(url, { create: true })
      await storage.log.commit(step(undefined, 0, ['a', 'b'], { index: [{ key: bytes('k'), value: bytes('v') }] }))
      await storage.keyValue('own').write([{ key: bytes('k'), value: bytes('w') }])
    }
    await using storage = await openStorage(url)
    const head = await storage.log.head()
    expect(text(head?.head)).toBe('head 2')
    expect((await storage.log.entries(0, 2)).map(text)).toEqual(['a', 'b'])
    expect(text(await storage.keyValue('own').get(bytes('k')))).toBe('w')
    await storage.log.commit(step(head?.version, 2, ['c']))
  })

  it('[STORE-6] an absent store is not made by mistake, and an open one is not shared', async () => {
    const url = freshUrl(scheme)
    await expect(openStorage(url)).rejects.toSatisfy((error) => isTlogError(error, 'not_found'))
    await using _held = await openStorage(url, { create: true })
    await expect(openStorage(url)).rejects.toSatisfy((error) => isTlogError(error, 'conflict'))
  })
})

it('[STORE-7] an unknown scheme is refused by name', async () => {
  for (const url of ['', 'level', 'constructor:x', 'redis://x']) {
    await expect(openStorage(url)).rejects.toSatisfy((error) => isTlogError(error, 'usage'))
  }
})
