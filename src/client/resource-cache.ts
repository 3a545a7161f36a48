/** A cache that outlives the process: full tiles and bundles by their paths, saved once verified, checked again when read. */
import { concatBytes, encodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import { sha256 } from '../primitives/sha256.ts'
import { formatEntryBundle, parseEntryBundle } from '../tlog/entry-bundle.ts'
import { formatTilePath, TILE_WIDTH } from '../tlog/tile.ts'
import type { LogResources } from './resources.ts'

/**
 * Keeps bytes under a path such as `tile/0/001`, for one log. What comes out is verified like what a server sends, so the
 * cache need not be trusted; wrong bytes cost a fetch, or at worst an error.
 */
export interface ResourceCache {
  get(path: string): Promise<Uint8Array | undefined>
  /** Called with what was verified, and only that. Failures are its own business: it may lose anything, and must not throw. */
  set(path: string, bytes: Uint8Array): void
}

/** Resources that ask the cache first. They save nothing: `saveTile` and `saveBundle` do, once the bytes are verified. */
export const cachedResources = (resources: LogResources, cache: ResourceCache): LogResources => ({
  checkpoint: (options) => resources.checkpoint(options),
  tile: async (tile, options) => {
    const known = tile.width === TILE_WIDTH ? await load(cache, formatTilePath(tile)) : undefined
    return known ?? resources.tile(tile, options)
  },
  entries: async (bundle, options) => {
    const path = formatTilePath({ ...bundle, level: 'entries' })
    const known = bundle.width === TILE_WIDTH ? await load(cache, path) : undefined
    return known === undefined ? resources.entries(bundle, options) : parseEntryBundle(known, TILE_WIDTH)
  },
})

/** Saves a verified full tile. */
export const saveTile = (cache: ResourceCache, level: number, index: number, bytes: Uint8Array): void =>
  save(cache, formatTilePath({ level, index, width: TILE_WIDTH }), bytes)

/** Saves a verified full bundle. */
export const saveBundle = (cache: ResourceCache, index: number, entries: readonly Uint8Array[]): void =>
  save(cache, formatTilePath({ level: 'entries', index, width: TILE_WIDTH }), formatEntryBundle(entries))

// The digest is against accidents: without it a flipped bit on a disk would read as a lying server for ever.
const save = (cache: ResourceCache, path: string, bytes: Uint8Array): void =>
  cache.set(path, concatBytes(digest(path, bytes), bytes))

const load = async (cache: ResourceCache, path: string): Promise<Uint8Array | undefined> => {
  const kept = await cache.get(path)
  const bytes = kept?.subarray(HASH_SIZE)
  if (kept === undefined || bytes === undefined) return undefined
  return equalBytes(kept.subarray(0, HASH_SIZE), digest(path, bytes)) ? bytes : undefined
}

const digest = (path: string, bytes: Uint8Array): Uint8Array => sha256(concatBytes(encodeUtf8(`${path}\n`), bytes))
