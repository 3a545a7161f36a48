/** Integration: leaf hashes go into the tree, and out come the new root, the new right edge and the tiles that became full. */
import { EMPTY_FRONTIER, type Frontier, frontierRoot, growFrontier } from '../merkle/frontier.ts'
import type { TreeHasher } from '../merkle/hasher.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { TileKey } from '../storage/storage.ts'
import { hashesAt, TILE_HEIGHT, TILE_WIDTH } from '../tlog/tile.ts'

/** What must be kept to append: two views of the right edge, from which the root can be computed independently. */
export interface TreeState {
  readonly frontier: Frontier
  /** For each tile level the hashes of its partial tile, empty where the last tile is full. */
  readonly edge: readonly Uint8Array[]
}

/** The state of the log without entries. */
export const EMPTY_STATE: TreeState = { frontier: EMPTY_FRONTIER, edge: [] }

/** What a batch of leaves made of the tree. */
export interface Integration {
  readonly state: TreeState
  readonly root: Hash
  readonly fullTiles: ReadonlyMap<TileKey, Uint8Array>
}

/** Appends leaf hashes (32 bytes each, in one array). Pure; costs about one node hash for each leaf. */
export const integrate = (state: TreeState, leafHashes: Uint8Array, hasher: TreeHasher): Integration => {
  const oldSize = state.frontier.size
  const { frontier, levels } = growFrontier(state.frontier, leafHashes, hasher)
  const fullTiles = new Map<TileKey, Uint8Array>()
  const edge: Uint8Array[] = []
  for (let level = 0; level * TILE_HEIGHT < levels.length; level++) {
    // The nodes completed at tree level 8k are the hashes that tile level k gained.
    const hashes = concatBytes(state.edge[level] ?? new Uint8Array(0), levels[level * TILE_HEIGHT] ?? new Uint8Array(0))
    const bytes = TILE_WIDTH * HASH_SIZE
    const full = Math.floor(hashes.length / bytes)
    const firstTile = Math.floor(hashesAt(level, oldSize) / TILE_WIDTH)
    for (let i = 0; i < full; i++)
      fullTiles.set({ level, index: firstTile + i }, hashes.subarray(i * bytes, (i + 1) * bytes))
    edge.push(hashes.slice(full * bytes))
  }
  return { state: { frontier, edge }, root: frontierRoot(frontier), fullTiles }
}
