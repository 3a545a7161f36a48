/** The index from leaf hash to the first index of that leaf, for strict de-duplication and proofs by hash. */
import type { TileTree } from '../client/tile-tree.ts'
import { encodeUint64, encodeUtf8, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { Change, LogStore } from '../storage/storage.ts'

/**
 * The first 12 bytes of a leaf hash are the key: the row is only a hint, checked against the tree, so a collision (which
 * takes 2^48 work to make, and does not happen by chance) costs its maker the de-duplication of the second leaf and
 * nobody else anything. Short rows matter, because their keys are random and LevelDB rewrites them many times.
 */
export const KEY_SIZE = 12

/** The key of the row that says up to which size the index is complete; keys of leaves are longer. */
const POSITION = encodeUtf8('position')

/** The key of a leaf hash. */
export const leafKey = (leafHash: Uint8Array): Uint8Array => leafHash.subarray(0, KEY_SIZE)

/** The row that says where the leaf is. */
export const leafRow = (leafHash: Uint8Array, index: number): Change => ({
  key: leafKey(leafHash),
  value: encodeUint64(index),
})

/** The row that says the index is complete for a tree of `size`. */
export const positionRow = (size: number): Change => ({ key: POSITION, value: encodeUint64(size) })

/** The size up to which the index is complete; 0 when there is none. Rejects with `corrupt` when that row is damaged. */
export const readPosition = async (store: LogStore): Promise<number> => {
  const [value] = await store.lookup([POSITION])
  if (value === undefined) return 0
  try {
    if (value.length === 8) return readUint64(value)
  } catch {}
  throw new TlogError('corrupt', 'the row that says how far the index of leaf hashes goes is damaged')
}

/** What the index says of a leaf: its first index, that it has none, or that the key is taken by another leaf. */
export type Lookup =
  | { readonly kind: 'found'; readonly index: number }
  | { readonly kind: 'absent' }
  | { readonly kind: 'taken' }

const ABSENT: Lookup = { kind: 'absent' }

/**
 * Looks leaves up, 32 bytes each in one array: those at `positions` in the store, by default all of them; the others are
 * known to be absent. A hit counts only when the tree has the same hash at that index.
 */
export const findLeaves = async (
  store: LogStore,
  tree: TileTree,
  leafHashes: Uint8Array,
  positions: Iterable<number> = Array(leafHashes.length / HASH_SIZE).keys(),
): Promise<readonly Lookup[]> => {
  const lookups: Lookup[] = new Array<Lookup>(leafHashes.length / HASH_SIZE).fill(ABSENT)
  const leaves = [...positions].map((i) => ({ i, hash: leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE) }))
  if (leaves.length === 0) return lookups
  const values = await store.lookup(leaves.map(({ hash }) => leafKey(hash)))
  for (const [at, { i, hash }] of leaves.entries()) {
    const value = values[at]
    // Awaited only for hits, because most leaves of a batch are new and each await is a turn of the queue.
    if (value !== undefined) lookups[i] = await check(tree, hash, value)
  }
  return lookups
}

const check = async (tree: TileTree, leafHash: Uint8Array, value: Uint8Array): Promise<Lookup> => {
  const index = value.length === 8 ? readUint64(value) : tree.size
  const found = index < tree.size && equalHash(await tree.leafHash(index), leafHash)
  return found ? { kind: 'found', index } : { kind: 'taken' }
}

/** The first index of a leaf, or undefined. */
export const findLeaf = async (store: LogStore, tree: TileTree, leafHash: Hash): Promise<number | undefined> => {
  const [lookup] = await findLeaves(store, tree, leafHash)
  return lookup?.kind === 'found' ? lookup.index : undefined
}
