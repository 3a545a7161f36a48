/** The static resources of a log over HTTP: its checkpoint, tiles and entry bundles, bounded in size and right in form. */
import { MAX_NOTE_BYTES } from '../note/note.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import { MAX_ENTRY_SIZE, parseEntryBundle } from '../tlog/entry-bundle.ts'
import { formatTilePath, TILE_WIDTH, type TileId } from '../tlog/tile.ts'
import { type HttpOptions, httpSender, type Send } from './http.ts'
import type { HashTileId } from './tile-tree.ts'

/** A bundle of entries by its index; `width` is how many of its 256 entries are wanted, from the first. */
export interface BundleId {
  readonly index: number
  readonly width: number
}

/** For one call. */
export interface CallOptions {
  /** Aborts it; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Where the parts of a log come from. Nothing of it is verified, and implementers need not be trusted; they reject with
 * `not_found` for what is not there, `malformed` or `too_large` for what cannot be it, and `io` when they cannot tell.
 */
export interface LogResources {
  /** The newest signed checkpoint, at most 1 MiB. */
  checkpoint(options?: CallOptions): Promise<Uint8Array>
  /** Exactly `32 · width` bytes. */
  tile(tile: HashTileId, options?: CallOptions): Promise<Uint8Array>
  /** Exactly `width` entries. */
  entries(bundle: BundleId, options?: CallOptions): Promise<readonly Uint8Array[]>
}

/** The resources of the log at `options.url`; requests fail as `Send` says. */
export const httpResources = (options: HttpOptions): LogResources => resourcesOver(httpSender(options))

/** The resources behind a sender. */
export const resourcesOver = (send: Send): LogResources => ({
  checkpoint: ({ signal } = {}) => send({ path: 'checkpoint', limit: MAX_NOTE_BYTES, signal }),
  tile: async (tile, { signal } = {}) => {
    const { bytes, width } = await getPartialOrFull(send, tile, HASH_SIZE, signal)
    if (bytes.length !== width * HASH_SIZE) {
      throw new TlogError('malformed', `${formatTilePath(tile)} has ${bytes.length} bytes, want ${width * HASH_SIZE}`)
    }
    return bytes.subarray(0, tile.width * HASH_SIZE)
  },
  entries: async (bundle, { signal } = {}) => {
    const id: TileId = { ...bundle, level: 'entries' }
    const { bytes, width } = await getPartialOrFull(send, id, 2 + MAX_ENTRY_SIZE, signal)
    const entries = parseEntryBundle(bytes, width)
    if (entries.length !== width) {
      throw new TlogError('malformed', `${formatTilePath(id)} has ${entries.length} entries, want ${width}`)
    }
    return entries.slice(0, bundle.width)
  },
})

/**
 * The bytes of a tile, or of the full tile when the partial one is gone.
 * spec: Clients MAY fetch the full tile in parallel as a fallback in case the partial tile is not available anymore.
 */
const getPartialOrFull = async (
  send: Send,
  tile: TileId,
  itemSize: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly bytes: Uint8Array; readonly width: number }> => {
  const get = async (width: number) => {
    const path = formatTilePath({ ...tile, width })
    return { bytes: await send({ path, limit: width * itemSize, signal }), width }
  }
  if (tile.width === TILE_WIDTH) return get(TILE_WIDTH)
  try {
    return await get(tile.width)
  } catch (error) {
    if (!isTlogError(error, 'not_found')) throw error
    return get(TILE_WIDTH)
  }
}
