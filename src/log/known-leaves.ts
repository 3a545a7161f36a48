/** The leaves that a log has, as far as memory knows: a filter that is filled after a start, kept up, and kept in a file. */
import type { TileTree } from '../client/tile-tree.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import type { Observe } from './events.ts'
import { LeafFilter } from './leaf-filter.ts'

/** A filter with all leaves of one tree. */
export interface KeptFilter {
  readonly filter: LeafFilter
  readonly size: number
  readonly root: Hash
}

/** Where a filter is kept from one start to the next. What it holds can be made anew from the tiles, and takes time. */
export interface FilterKeeper {
  /** The kept filter, or undefined when there is none that is whole. */
  load(): Promise<KeptFilter | undefined>
  /** Keeps a filter in place of the one before. Leaves may be added meanwhile. Rejects with the system's error. */
  save(kept: KeptFilter): Promise<void>
}

/** What the leaves are known from. */
export interface KnownLeavesParts {
  readonly tree: TileTree
  readonly observe: Observe
  readonly keeper?: FilterKeeper | undefined
}

/** Fewer new leaves than this are not worth a file: reading their tiles takes a fifth of a second. */
const WORTH_KEEPING = 2 ** 18

/** Owns the filter of a log. Until it is filled, every leaf may be there. */
export class KnownLeaves {
  readonly #parts: KnownLeavesParts
  readonly #filter: LeafFilter
  #tree: Pick<TileTree, 'size' | 'root'>
  /** The size of the tree whose leaves the kept filter has. */
  #kept: number
  #isFilled = false
  #isStopped = false
  #work: Promise<void>

  private constructor(parts: KnownLeavesParts, filter: LeafFilter, size: number) {
    this.#parts = parts
    this.#filter = filter
    this.#tree = parts.tree
    this.#kept = size
    this.#work = this.#fill(size)
  }

  /** Starts with the kept filter, where that is of an earlier state of this very tree. */
  static async open(parts: KnownLeavesParts): Promise<KnownLeaves> {
    const { tree, keeper, observe } = parts
    try {
      const kept = await keeper?.load()
      if (kept !== undefined && kept.size <= tree.size && equalHash(await tree.rootAt(kept.size), kept.root))
        return new KnownLeaves(parts, kept.filter, kept.size)
    } catch (error) {
      observe({ kind: 'unfiltered', error })
    }
    return new KnownLeaves(parts, new LeafFilter(), 0)
  }

  /** The positions of those leaves, 32 bytes each, that may be in the log; the others are not. */
  mayHold(leafHashes: Uint8Array): Iterable<number> {
    return this.#isFilled ? this.#filter.mayHold(leafHashes) : Array(leafHashes.length / HASH_SIZE).keys()
  }

  /** Adds the leaves that made the log into `tree`. */
  add(leafHashes: Uint8Array, tree: TileTree): void {
    this.#filter.add(leafHashes)
    this.#tree = tree
    // An eighth of what there is: so the writing stays in proportion, and so does the filling after a crash.
    if (tree.size - this.#kept >= Math.max(4 * WORTH_KEEPING, this.#kept / 8)) this.#keep()
  }

  /** Ends the filling, or keeps what was filled. */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#work
    if (this.#tree.size - this.#kept >= WORTH_KEEPING) this.#keep()
    await this.#work
  }

  /** Adds the leaves of the tree from `start` on, a tile at a time with other work in between. */
  async #fill(start: number): Promise<void> {
    const { tree, observe } = this.#parts
    try {
      for (
        let index = Math.floor(start / TILE_WIDTH);
        index * TILE_WIDTH < tree.size && !this.#filter.isFull;
        index++
      ) {
        this.#filter.add(await tree.tile({ level: 0, index, width: tileWidth({ level: 0, index }, tree.size) }))
        await new Promise((resolve) => setImmediate(resolve))
        if (this.#isStopped) return
      }
      this.#isFilled = true
    } catch (error) {
      observe({ kind: 'unfiltered', error })
    }
  }

  #keep(): void {
    const { keeper, observe } = this.#parts
    if (keeper === undefined || !this.#isFilled) return
    const { size, root } = this.#tree
    this.#kept = size
    this.#work = this.#work
      .then(() => keeper.save({ filter: this.#filter, size, root }))
      .catch((error: unknown) => observe({ kind: 'unfiltered', error }))
  }
}
