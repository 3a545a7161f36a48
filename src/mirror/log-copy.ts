/** The copy of one log: its entries and full tiles in a store of its own, which only ever grows at its end. */
import { lruTileCache } from '../client/tile-cache.ts'
import { type TileCache, type TileSource, TileTree, type TreeHead } from '../client/tile-tree.ts'
import { EMPTY_STATE, integrate, type TreeState } from '../log/integrate.ts'
import { checkRecent, rebuildTree, tilesOf } from '../log/rebuild.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import { treeHasher } from '../merkle/hasher.ts'
import type { LeafRange } from '../merkle/node.ts'
import { decodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { formatDecimal, parseDecimal } from '../primitives/decimal.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { asHash, formatHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { LogStore, Version } from '../storage/storage.ts'
import { TILE_WIDTH } from '../tlog/tile.ts'

/** Verified tiles that stay in memory for each log, 16 KiB each with their inner nodes. */
const CACHED_TILES = 256

/** A row of entries and the leaf hash of each, 32 bytes in one array. */
export interface HashedEntries {
  readonly first: number
  readonly entries: readonly Uint8Array[]
  readonly leafHashes: Uint8Array
}

interface Position {
  readonly version: Version | undefined
  readonly state: TreeState
  readonly tree: TileTree
}

/** Entries that were proven to be of the log. Whoever appends has checked them. */
export class LogCopy {
  /** The store; read it through `tree`, which knows what must be there. */
  readonly store: LogStore
  readonly #source: TileSource
  readonly #cache: TileCache
  // Replaced as a whole by each append, so that readers see one size.
  #at: Position
  #turn: Promise<unknown> = Promise.resolve()
  #failure: unknown

  private constructor(store: LogStore, source: TileSource, cache: TileCache, at: Position) {
    this.store = store
    this.#source = source
    this.#cache = cache
    this.#at = at
  }

  /** Opens a copy, which may be new. Rejects with `corrupt` when its entries and tiles are not those it was left with. */
  static async open(store: LogStore): Promise<LogCopy> {
    const source = tilesOf(store)
    const cache = lruTileCache(CACHED_TILES)
    const stored = await store.head()
    if (stored === undefined) {
      const tree = TileTree.fromEdge({ size: 0, root: EMPTY_ROOT }, [], source, cache)
      return new LogCopy(store, source, cache, { version: undefined, state: EMPTY_STATE, tree })
    }
    const rebuilt = await orCorrupt(rebuildTree(store, parseEnd(stored.head), source, cache))
    await orCorrupt(checkRecent(store, rebuilt.tree))
    return new LogCopy(store, source, cache, { version: stored.version, ...rebuilt })
  }

  /** How many entries there are, which is also the index of the next one. */
  get size(): number {
    return this.#at.tree.size
  }

  /** The tree of all entries. */
  get tree(): TileTree {
    return this.#at.tree
  }

  /** The root of the first `size` entries. Rejects with `out_of_range` when there are fewer, and `corrupt`. */
  rootAt(size: number): Promise<Hash> {
    return orCorrupt(this.tree.rootAt(size))
  }

  /** The leaf hashes of a range of entries that lies within one bundle. Rejects as `rootAt` does. */
  async leafHashes({ start, end }: LeafRange): Promise<Uint8Array> {
    const index = Math.floor(start / TILE_WIDTH)
    const first = index * TILE_WIDTH
    const tile = await orCorrupt(this.tree.tile({ level: 0, index, width: end - first }))
    return tile.subarray((start - first) * HASH_SIZE)
  }

  /**
   * Resolves once the entries are durable; those that are there already are skipped. Resolves to how many were new.
   * Rejects with `poisoned` when a write failed, also ever after, and with RangeError when there would be a gap.
   */
  append(batch: HashedEntries): Promise<number> {
    const turn = this.#turn.then(() => this.#append(batch))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #append({ first, entries, leafHashes }: HashedEntries): Promise<number> {
    const { version, state, tree } = this.#at
    if (this.#failure !== undefined) throw this.#poisoned()
    if (first > tree.size) throw new RangeError(`the next entry is ${tree.size}, not ${first}`)
    // spec: If some entry has already been written to the log or the pending entry list, the mirror MUST skip saving it.
    const known = tree.size - first
    const fresh = entries.slice(known)
    if (fresh.length === 0) return 0
    const grown = integrate(state, leafHashes.slice(known * HASH_SIZE), treeHasher())
    const head = { size: grown.state.frontier.size, root: grown.root }
    // Also computes the root by the other route, before anything is written.
    const next = TileTree.fromEdge(head, grown.state.edge, this.#source, this.#cache)
    try {
      const { fullTiles } = grown
      const step = { previous: version, firstIndex: tree.size, entries: fresh, fullTiles, index: [] }
      const written = await this.store.commit({ ...step, head: formatEnd(next) })
      this.#at = { version: written.version, state: grown.state, tree: next }
    } catch (error) {
      this.#failure = error
      throw this.#poisoned()
    }
    return fresh.length
  }

  #poisoned(): TlogError {
    return new TlogError('poisoned', 'a write failed; the mirror must be restarted', { cause: this.#failure })
  }
}

/** Stored bytes that do not fit the tree are corruption, whatever the tree calls it. */
const orCorrupt = async <T>(reading: Promise<T>): Promise<T> => {
  try {
    return await reading
  } catch (cause) {
    if (!isTlogError(cause, 'bad_proof')) throw cause
    throw new TlogError('corrupt', cause.message, { cause })
  }
}

/** What stands where a log has its signed head: how far the copy goes, for the check when it is opened. */
const formatEnd = ({ size, root }: TileTree): Uint8Array =>
  encodeUtf8(`copy ${formatDecimal(size)} ${formatHash(root)}\n`)

const parseEnd = (bytes: Uint8Array): TreeHead => {
  const [, size, root] = /^copy ([0-9]+) ([^ \n]+)\n$/.exec(decodeUtf8(bytes)) ?? []
  if (size === undefined || root === undefined) throw new TlogError('corrupt', 'this is not the database of a mirror')
  return { size: parseDecimal(size), root: asHash(decodeBase64(root)) }
}
