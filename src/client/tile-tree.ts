/** A tree read through its tiles: whatever is answered has been checked against the root of a head that the caller trusts. */
import { shiftRight } from '../merkle/bits.ts'
import { planConsistency } from '../merkle/consistency.ts'
import { EMPTY_ROOT, hashNode } from '../merkle/hash.ts'
import { planInclusion } from '../merkle/inclusion.ts'
import { coveringNodes, type LeafRange, type NodeId } from '../merkle/node.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import {
  hashesAt,
  hashInTile,
  nodesOfTile,
  placeOfNode,
  TILE_HEIGHT,
  TILE_WIDTH,
  type TileId,
  tileLevels,
  tileWidth,
} from '../tlog/tile.ts'

/** A tile of hashes, as it is asked for. */
export interface HashTileId extends TileId {
  readonly level: number
}

/** Where tiles come from; need not be trusted. Rejects with `not_found` when the tile is not there. */
export type TileSource = (tile: HashTileId) => Promise<Uint8Array>

/** Remembers verified full tiles; they never change, so nothing is ever invalidated. */
export interface TileCache {
  get(tile: HashTileId): Uint8Array | undefined
  set(tile: HashTileId, bytes: Uint8Array): void
}

/**
 * The tiles of one head. The partial tiles of its right edge are checked against the root when the tree is opened; each
 * full tile against its hash in the tile above, when it is read. Therefore every hash it returns is in the tree.
 */
export class TileTree {
  readonly size: number
  readonly root: Hash
  readonly #edge: readonly Uint8Array[]
  readonly #source: TileSource
  readonly #cache: TileCache | undefined

  private constructor(head: TreeHead, edge: readonly Uint8Array[], source: TileSource, cache: TileCache | undefined) {
    this.size = head.size
    this.root = head.root
    this.#edge = edge
    this.#source = source
    this.#cache = cache
  }

  /**
   * Opens the tree of a trusted head by fetching its right edge: one partial tile for each tile level that has one.
   * Rejects with `bad_proof` when the edge does not hash to the root.
   */
  static async open(head: TreeHead, source: TileSource, cache?: TileCache): Promise<TileTree> {
    const levels = Array.from({ length: tileLevels(head.size) }, (_, level) => level)
    const edge = await Promise.all(
      levels.map(async (level) => {
        const hashes = hashesAt(level, head.size)
        const width = hashes % TILE_WIDTH
        if (width === 0) return new Uint8Array(0)
        return fetchExactly(source, { level, index: shiftRight(hashes, 8), width })
      }),
    )
    return TileTree.fromEdge(head, edge, source, cache)
  }

  /** Opens the tree with an edge already at hand. Throws `bad_proof` when it does not hash to the root. */
  static fromEdge(head: TreeHead, edge: readonly Uint8Array[], source: TileSource, cache?: TileCache): TileTree {
    if (!equalHash(edgeRoot(head.size, edge), head.root)) {
      throw new TlogError('bad_proof', `the right edge does not hash to the root of size ${head.size}`)
    }
    return new TileTree(head, edge, source, cache)
  }

  /** The same tree and cache over another source, such as one that is bound to a caller's signal. */
  over(source: TileSource): TileTree {
    return new TileTree(this, this.#edge, source, this.#cache)
  }

  /** The verified bytes of a full or partial tile. Rejects with `out_of_range` beyond the tree, `bad_proof` for wrong bytes. */
  async tile({ level, index, width }: HashTileId): Promise<Uint8Array> {
    const there = tileWidth({ level, index }, this.size)
    if (width < 1 || width > there)
      throw new TlogError('out_of_range', `the tree of size ${this.size} has no such tile`)
    const bytes = there < TILE_WIDTH ? this.#edgeTile(level) : await this.#fullTile(level, index)
    return bytes.subarray(0, width * HASH_SIZE)
  }

  /** The verified hash of a perfect subtree. */
  async node(node: NodeId): Promise<Hash> {
    const { level, index, from, to } = placeOfNode(node)
    const width = tileWidth({ level, index }, this.size)
    if (to > width) throw new TlogError('out_of_range', `the tree of size ${this.size} has no such node`)
    const tile = width < TILE_WIDTH ? this.#edgeTile(level) : await this.#fullTile(level, index)
    return nodeInTile(tile, { height: node.level % TILE_HEIGHT, index: from / (to - from) })
  }

  /** The root of a range of leaves that starts where a subtree may start. */
  async rangeRoot(range: LeafRange): Promise<Hash> {
    let root: Hash | undefined
    for (const node of [...coveringNodes(range)].reverse()) {
      const hash = await this.node(node)
      root = root === undefined ? hash : hashNode(hash, root)
    }
    return root ?? EMPTY_ROOT
  }

  /** The root of the first `size` leaves. Rejects with `out_of_range` when there are fewer. */
  async rootAt(size: number): Promise<Hash> {
    if (size > this.size) throw new TlogError('out_of_range', `size ${size} is over ${this.size}`)
    return size === this.size ? this.root : this.rangeRoot({ start: 0, end: size })
  }

  /** The hash of the leaf `index`. Rejects with `out_of_range` when there is none. */
  async leafHash(index: number): Promise<Hash> {
    return this.node({ level: 0, index })
  }

  /** The inclusion proof of `index` in the first `size` leaves, by default all of them. Rejects with `out_of_range`. */
  async inclusionProof(index: number, size = this.size): Promise<readonly Hash[]> {
    if (size > this.size) throw new TlogError('out_of_range', `size ${size} is over ${this.size}`)
    return this.#rangeRoots(planInclusion({ index, size }))
  }

  /** The consistency proof from `size1` to `size2`, by default all of the tree. Rejects with `out_of_range`. */
  async consistencyProof(size1: number, size2 = this.size): Promise<readonly Hash[]> {
    if (size2 > this.size) throw new TlogError('out_of_range', `size ${size2} is over ${this.size}`)
    return this.#rangeRoots(planConsistency({ size1, size2 }))
  }

  async #rangeRoots(ranges: readonly LeafRange[]): Promise<readonly Hash[]> {
    return Promise.all(ranges.map((range) => this.rangeRoot(range)))
  }

  #edgeTile(level: number): Uint8Array {
    return this.#edge[level] ?? new Uint8Array(0)
  }

  async #fullTile(level: number, index: number): Promise<Uint8Array> {
    const id = { level, index, width: TILE_WIDTH }
    const known = this.#cache?.get(id)
    if (known !== undefined) return known
    const [bytes, expected] = await Promise.all([
      fetchExactly(this.#source, id),
      this.node({ level: 8 * (level + 1), index }),
    ])
    if (!equalHash(nodeInTile(bytes, { height: TILE_HEIGHT, index: 0 }), expected)) {
      throw new TlogError('bad_proof', `tile ${index} of level ${level} does not match the tree`)
    }
    // Only what was verified is remembered, so a cache cannot be poisoned.
    this.#cache?.set(id, bytes)
    return bytes
  }
}

/** For tiles that are in memory, all of their nodes: a proof needs one of each height, and making one makes most of them. */
const nodesOf = new WeakMap<Uint8Array, readonly Uint8Array[]>()

/** The node `height` levels above the hashes of a tile that never changes. */
const nodeInTile = (tile: Uint8Array, { height, index }: { readonly height: number; readonly index: number }): Hash => {
  let nodes = nodesOf.get(tile)
  if (nodes === undefined) {
    nodes = nodesOfTile(tile)
    nodesOf.set(tile, nodes)
  }
  const level = nodes[height] ?? new Uint8Array(0)
  return asHash(Uint8Array.from(level.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE)))
}

/** The size and root of a tree, from a head whose signature the caller has checked. */
export interface TreeHead {
  readonly size: number
  readonly root: Hash
}

/**
 * The root that the right edge leads to: `edge[level]` holds the hashes of the partial tile of that tile level, or is empty.
 * Throws `corrupt` when a tile is too short.
 */
export const edgeRoot = (size: number, edge: readonly Uint8Array[]): Hash => {
  let root: Hash | undefined
  for (const node of [...coveringNodes({ start: 0, end: size })].reverse()) {
    const place = placeOfNode(node)
    const hash = hashInTile(edge[place.level] ?? new Uint8Array(0), place)
    root = root === undefined ? hash : hashNode(hash, root)
  }
  return root ?? EMPTY_ROOT
}

const fetchExactly = async (source: TileSource, tile: HashTileId): Promise<Uint8Array> => {
  const bytes = await source(tile)
  if (bytes.length !== tile.width * HASH_SIZE) {
    throw new TlogError('bad_proof', `tile has ${bytes.length} bytes, want ${tile.width * HASH_SIZE}`)
  }
  return bytes
}
