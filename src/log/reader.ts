/** Reading a log: tiles, bundles, entries and proofs of its published heads, all of it checked against the tree first. */
import type { HashTileId, TileTree } from '../client/tile-tree.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { LogStore } from '../storage/storage.ts'
import { formatEntryBundle } from '../tlog/entry-bundle.ts'
import { formatProofFile } from '../tlog/proof-file.ts'
import { TILE_WIDTH, type TileId, tileWidth } from '../tlog/tile.ts'
import { findLeaf, readPosition } from './leaf-index.ts'
import type { Entry, PublishedCheckpoint } from './log.ts'

/** A signed checkpoint and the tree that is read through: that of the checkpoint, or a larger one that begins with it. */
export interface ReadHead {
  readonly checkpoint: Uint8Array
  readonly tree: TileTree
}

/** Answers from what has been published, never from what is on its way. */
export class LogReader<H extends ReadHead = PublishedCheckpoint> {
  readonly #store: LogStore
  readonly #published: () => H
  readonly #offered: () => H | undefined

  constructor(store: LogStore, published: () => H, offered: () => H | undefined = published) {
    this.#store = store
    this.#published = published
    this.#offered = offered
  }

  /** The same, offering another checkpoint than the newest signed head: the newest that a quorum has cosigned. */
  offering(offered: () => H | undefined): LogReader<H> {
    return new LogReader(this.#store, this.#published, offered)
  }

  /** The newest published head: everything under it is served. */
  get published(): H {
    return this.#published()
  }

  /** The checkpoint that readers are given. Throws `not_found` while there is none, for want of a quorum. */
  get offered(): H {
    const checkpoint = this.#offered()
    if (checkpoint !== undefined) return checkpoint
    throw new TlogError('not_found', 'no quorum of witnesses has cosigned a checkpoint yet')
  }

  /**
   * The bytes of a tile or bundle, partial ones of any earlier head included: they are prefixes of what is there.
   * Rejects with `not_found` beyond the published tree and `corrupt` when stored bytes do not match it.
   */
  async resource(id: TileId): Promise<Uint8Array> {
    const { tree } = this.published
    if (id.width > tileWidth(id, tree.size)) throw new TlogError('not_found', 'the tree does not reach this tile')
    if (id.level === 'entries') {
      const start = id.index * TILE_WIDTH
      return formatEntryBundle(await this.#checkedEntries(tree, start, start + id.width))
    }
    return this.#checked(() => tree.tile(id as HashTileId))
  }

  /**
   * The entries `start` up to but not including `end`, at most `limit` of them. Rejects with `out_of_range` when the
   * range is empty or begins beyond the published tree, and `corrupt`.
   */
  async entries(start: number, end: number, limit = TILE_WIDTH * 4): Promise<readonly Entry[]> {
    const { tree } = this.published
    if (start >= end || start >= tree.size)
      throw new TlogError('out_of_range', `no entries from ${start} to ${end} in a tree of size ${tree.size}`)
    return this.#checkedEntries(tree, start, Math.min(end, tree.size, start + limit))
  }

  /** The inclusion proof of `index` in the tree of `size`. Rejects with `out_of_range`, `corrupt`. */
  async inclusionProof(index: number, size: number): Promise<readonly Hash[]> {
    return this.#checked(() => this.published.tree.inclusionProof(index, size))
  }

  /** The consistency proof between two sizes. Rejects with `out_of_range` (also for a first size of 0), `corrupt`. */
  async consistencyProof(size1: number, size2: number): Promise<readonly Hash[]> {
    return this.#checked(() => this.published.tree.consistencyProof(size1, size2))
  }

  /** The root of the tree of `size`. Rejects with `out_of_range`, `corrupt`. */
  async rootAt(size: number): Promise<Hash> {
    return this.#checked(() => this.published.tree.rootAt(size))
  }

  /** The leaf hash at `index`. Rejects with `out_of_range`, `corrupt`. */
  async leafHash(index: number): Promise<Hash> {
    return this.#checked(() => this.published.tree.leafHash(index))
  }

  /** The first index of a leaf. Rejects with `not_found`, also when the log keeps no index of leaf hashes. */
  async indexOf(leafHash: Hash): Promise<number> {
    const { tree } = this.published
    const index = await this.#checked(() => findLeaf(this.#store, tree, leafHash))
    if (index !== undefined) return index
    const complete = (await readPosition(this.#store)) >= tree.size
    throw new TlogError(
      'not_found',
      complete ? 'no entry has this leaf hash' : 'this log allows duplicates and keeps no index of leaf hashes',
    )
  }

  /** The bytes of a tlog-proof file for `index` under `checkpoint`, by default the one offered. Rejects with `out_of_range`. */
  async proofFile(index: number, checkpoint: ReadHead = this.offered): Promise<Uint8Array> {
    const proof = await this.#checked(() => checkpoint.tree.inclusionProof(index))
    return formatProofFile({ index, proof, checkpoint: checkpoint.checkpoint })
  }

  async #checkedEntries(tree: TileTree, start: number, end: number): Promise<readonly Entry[]> {
    return this.#checked(async () => {
      const entries = await this.#store.entries(start, end)
      if (entries.length !== end - start)
        throw new TlogError('corrupt', `got ${entries.length} entries from ${start} to ${end}`)
      const computed = new Uint8Array(entries.length * HASH_SIZE)
      treeHasher().hashLeaves(entries, computed)
      for (let at = start; at < end; ) {
        const index = Math.floor(at / TILE_WIDTH)
        const to = Math.min(end, (index + 1) * TILE_WIDTH)
        const tile = await tree.tile({ level: 0, index, width: to - index * TILE_WIDTH })
        const want = tile.subarray((at - index * TILE_WIDTH) * HASH_SIZE)
        const got = computed.subarray((at - start) * HASH_SIZE, (to - start) * HASH_SIZE)
        if (!equalBytes(got, want))
          throw new TlogError('corrupt', `an entry of ${at} to ${to - 1} does not match the tree`)
        at = to
      }
      return entries
    })
  }

  /** Stored bytes that do not fit the tree are corruption, whatever the tree called it. */
  async #checked<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read()
    } catch (error) {
      if (isTlogError(error, 'bad_proof')) throw new TlogError('corrupt', error.message, { cause: error })
      throw error
    }
  }
}
