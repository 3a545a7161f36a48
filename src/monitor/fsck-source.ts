/** What fsck reads: a log's checkpoint, tiles and entries as they are kept or served, without the checks of a reader. */
import type { BundleId, CallOptions, LogResources } from '../client/resources.ts'
import type { HashTileId } from '../client/tile-tree.ts'
import { type ErrorCode, isTlogError, TlogError } from '../primitives/error.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import type { LogStore } from '../storage/storage.ts'
import { hashesAt, TILE_WIDTH, tileLevels } from '../tlog/tile.ts'

/** The index from leaf hash to first index, of logs that keep one. */
export interface KeySource {
  /** The size up to which the index claims to be complete. */
  indexedSize(): Promise<number>
  /** What the index says of each leaf, 32 bytes each in one array: its first index, or undefined. */
  firstIndexOf(leafHashes: Uint8Array): Promise<readonly (number | undefined)[]>
  /** True when two leaf hashes share their row, as the index may know only a part of them: the first keeps it. */
  isSameKey(a: Uint8Array, b: Uint8Array): boolean
}

/** Something that is kept and that no head accounts for. */
export interface Stray {
  /** The index of an entry, or the level and index of a tile. */
  readonly at: number | { readonly level: number; readonly index: number }
}

/**
 * A log to be checked. Nothing of it need be trusted. Rejects as `LogResources` does, or with `corrupt`, for what is
 * missing or damaged: these are findings. Every other error, such as `io`, ends the check without a verdict.
 */
export interface FsckSource extends LogResources {
  /** True when the partial tiles of the right edge are kept or served, so that they must be checked too. */
  readonly hasPartialTiles: boolean
  /** Left away when the log has no index, or it cannot be asked. */
  readonly keys?: KeySource | undefined
  /** Every signed checkpoint that is kept, by size, where there are more than the newest. */
  heads?(): AsyncIterable<Uint8Array>
  /** What lies beyond the tree of `size`, where that can be asked. */
  strays?(size: number): Promise<readonly Stray[]>
}

/** A log as it is served: for `httpResources`, or a folder of files behind the same interface. */
export const httpSource = (resources: LogResources): FsckSource => ({
  hasPartialTiles: true,
  checkpoint: (options) => resources.checkpoint(options),
  tile: (tile, options) => resources.tile(tile, options),
  entries: (bundle, options) => resources.entries(bundle, options),
})

/** What the log layer knows of the rows in its store. */
export interface StoredRows {
  /** The signed checkpoint in a stored head. Throws `malformed` when there is none. */
  readonly checkpointIn: (head: Uint8Array) => Uint8Array
  /** The de-duplication index, if there is one. */
  readonly keys?: KeySource | undefined
}

/** A log as it is stored, for example in its data folder. Partial tiles are not stored, and so not checked. */
export const storeSource = (store: LogStore, { checkpointIn, keys }: StoredRows): FsckSource => ({
  hasPartialTiles: false,
  keys,
  checkpoint: async () => {
    const stored = await store.head()
    if (stored === undefined) throw new TlogError('not_found', 'there is no head')
    return checkpointIn(stored.head)
  },
  tile: async ({ level, index, width }) => {
    const bytes = width === TILE_WIDTH ? await store.fullTile({ level, index }) : undefined
    if (bytes === undefined) throw new TlogError('not_found', 'there is no such tile')
    return bytes
  },
  entries: ({ index, width }: BundleId, { signal }: CallOptions = {}) => {
    signal?.throwIfAborted()
    return store.entries(index * TILE_WIDTH, index * TILE_WIDTH + width)
  },
  strays: (size) => straysIn(store, size),
  ...(store.heads && { heads: () => checkpointsIn(store.heads?.() ?? [], checkpointIn) }),
})

async function* checkpointsIn(
  heads: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  checkpointIn: StoredRows['checkpointIn'],
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const head of heads) yield checkpointIn(head)
}

/** Looks right behind the end of the entries and of each level, and at the first tile of the level above. */
const straysIn = async (store: LogStore, size: number): Promise<readonly Stray[]> => {
  const strays: Stray[] = []
  if (await isThere(store.entries(size, size + 1))) strays.push({ at: size })
  for (let level = 0; level <= tileLevels(size); level++) {
    const index = Math.floor(hashesAt(level, size) / TILE_WIDTH)
    if ((await store.fullTile({ level, index })) !== undefined) strays.push({ at: { level, index } })
  }
  return strays
}

const isThere = async (reading: Promise<readonly Uint8Array[]>): Promise<boolean> => {
  try {
    return (await reading).length > 0
  } catch (error) {
    if (isTlogError(error, 'corrupt')) return false
    throw error
  }
}

/** What came of reading something: it, or why it cannot be right. */
export type Read<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'damage'; readonly error: TlogError }

/** Awaits a reading. What is missing or damaged is a finding; rejects with every other failure. */
export const readOrDamage = async <T>(reading: Promise<T>): Promise<Read<T>> => {
  try {
    return { kind: 'value', value: await reading }
  } catch (error) {
    if (isTlogError(error) && damages.has(error.code)) return { kind: 'damage', error }
    throw error
  }
}

/** Reads a tile; one of another length is damaged. */
export const readTile = (source: FsckSource, tile: HashTileId, call: CallOptions): Promise<Read<Uint8Array>> =>
  readOrDamage(
    source.tile(tile, call).then((bytes) => {
      const want = tile.width * HASH_SIZE
      if (bytes.length === want) return bytes
      throw new TlogError('corrupt', `has ${bytes.length} bytes, want ${want}`)
    }),
  )

const damages: ReadonlySet<ErrorCode> = new Set(['not_found', 'corrupt', 'malformed', 'too_large'])
