/** Completes the index of leaf hashes after a time in which the log allowed duplicates and kept none. */
import type { TileTree } from '../client/tile-tree.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import { encodeHex } from '../primitives/hex.ts'
import type { Change, LogStore, Version } from '../storage/storage.ts'
import { TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import type { Observe } from './events.ts'
import { formatHead } from './head.ts'
import { findLeaves, type Lookup, leafRow, positionRow, readPosition } from './leaf-index.ts'
import type { SignedHead } from './log.ts'

/** What the completion works on. */
export interface Reindexing {
  readonly store: LogStore
  readonly tree: TileTree
  readonly head: SignedHead
  readonly version: Version
  readonly observe: Observe
  /** True to look for every row, wherever the index says that it ends: for a database that was repaired. */
  readonly thorough?: boolean | undefined
}

/** Adds the missing rows, a tile of leaves for each commit, so that it can be interrupted. Resolves to the newest version. */
export const completeLeafIndex = async (work: Reindexing): Promise<Version> => {
  const { store, tree, head, version, observe, thorough = false } = work
  const from = thorough ? 0 : await readPosition(store)
  const step = { head: formatHead(head), firstIndex: tree.size, entries: [], fullTiles: new Map() }
  let newest = version
  for (let size = from; size < tree.size; ) {
    const index = Math.floor(size / TILE_WIDTH)
    const tile = await tree.tile({ level: 0, index, width: tileWidth({ level: 0, index }, tree.size) })
    const leaves = tile.subarray((size - index * TILE_WIDTH) * HASH_SIZE)
    const rows = missingRows(size, leaves, await findLeaves(store, tree, leaves))
    size += leaves.length / HASH_SIZE
    newest = (await store.commit({ ...step, previous: newest, index: [...rows, positionRow(size)] })).version
  }
  if (from < tree.size) observe({ kind: 'reindexed', from, to: tree.size })
  return newest
}

/** A row for each leaf that the index does not know: the first of equal leaves, as they may be many here. */
const missingRows = (firstIndex: number, leaves: Uint8Array, lookups: readonly Lookup[]): readonly Change[] => {
  const rows = new Map<string, Change>()
  for (const [i, lookup] of lookups.entries()) {
    const row = leafRow(leaves.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE), firstIndex + i)
    const name = encodeHex(row.key)
    if (lookup.kind === 'absent' && !rows.has(name)) rows.set(name, row)
  }
  return [...rows.values()]
}
