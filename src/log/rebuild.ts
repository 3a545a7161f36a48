/** The tree of a store made again from its entries and tiles, and checked against a root that is known. */
import { type TileCache, type TileSource, TileTree, type TreeHead } from '../client/tile-tree.ts'
import type { Frontier } from '../merkle/frontier.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { coveringNodes } from '../merkle/node.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { LogStore } from '../storage/storage.ts'
import { fullTileRoot, hashesAt, hashInTile, placeOfNode, TILE_WIDTH, tileLevels } from '../tlog/tile.ts'
import type { TreeState } from './integrate.ts'

/**
 * How many of the newest entries are hashed again at each start. LevelDB replays its newest records from a log file in
 * which a flipped bit silently drops some, and that file holds less than this. `fsck` looks at all of them.
 */
const RECENT_BUNDLES = 256

/** A tree that is checked, and what must be kept to append to it. */
export interface RebuiltTree {
  readonly state: TreeState
  readonly tree: TileTree
}

/**
 * Rebuilds the right edge, which is never stored, from the last entries and tiles, and compares its root with the head's.
 * Rejects with `bad_proof` when they differ, and as the store and `source` do.
 */
export const rebuildTree = async (
  store: LogStore,
  head: TreeHead,
  source: TileSource,
  cache?: TileCache,
): Promise<RebuiltTree> => {
  const levels = Array.from({ length: tileLevels(head.size) }, (_, level) => level)
  const edge = await Promise.all(levels.map((level) => loadEdgeTile(store, source, level, head.size)))
  const tree = TileTree.fromEdge(head, edge, source, cache)
  return { state: { frontier: frontierOf(head.size, edge), edge }, tree }
}

/** Hashes the newest entries again and compares them with the tree. Rejects with `corrupt`, and as the tree does. */
export const checkRecent = async (store: LogStore, tree: TileTree): Promise<void> => {
  const full = Math.floor(tree.size / TILE_WIDTH)
  for (let index = Math.max(0, full - RECENT_BUNDLES); index < full; index++) {
    const hashes = await tree.tile({ level: 0, index, width: TILE_WIDTH })
    const entries = await store.entries(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
    const computed = new Uint8Array(hashes.length)
    treeHasher().hashLeaves(entries, computed)
    for (let i = 0; i < TILE_WIDTH; i++) {
      const at = i * HASH_SIZE
      if (!equalHash(hashes.subarray(at, at + HASH_SIZE), computed.subarray(at, at + HASH_SIZE)))
        throw new TlogError('corrupt', `entry ${index * TILE_WIDTH + i} does not match its leaf hash`)
    }
  }
}

/** The tiles in a store, unchecked. Rejects with `corrupt` for one that is missing. */
export const tilesOf =
  (store: LogStore): TileSource =>
  async (tile) => {
    const bytes = await store.fullTile(tile)
    if (bytes === undefined)
      throw new TlogError('corrupt', `tile ${tile.index} of level ${tile.level} is missing from the database`)
    return bytes
  }

const loadEdgeTile = async (store: LogStore, source: TileSource, level: number, size: number): Promise<Uint8Array> => {
  const end = hashesAt(level, size)
  const start = end - (end % TILE_WIDTH)
  const hashes = new Uint8Array((end - start) * HASH_SIZE)
  if (level === 0) {
    treeHasher().hashLeaves(await store.entries(start, end), hashes)
    return hashes
  }
  for (let index = start; index < end; index++) {
    const below = await source({ level: level - 1, index, width: TILE_WIDTH })
    hashes.set(fullTileRoot(below), (index - start) * HASH_SIZE)
  }
  return hashes
}

const frontierOf = (size: number, edge: readonly Uint8Array[]): Frontier => {
  const nodes: (Hash | undefined)[] = []
  for (const node of coveringNodes({ start: 0, end: size })) {
    const place = placeOfNode(node)
    nodes[node.level] = hashInTile(edge[place.level] ?? new Uint8Array(0), place)
  }
  return { size, nodes: Array.from(nodes) }
}
