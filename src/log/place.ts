/** Placement: which entries of a batch are new, and which index each one gets. */
import { HASH_SIZE } from '../primitives/hash.ts'
import type { Change } from '../storage/storage.ts'
import { firstEqual } from './first-equal.ts'
import { KEY_SIZE, type Lookup, leafRow } from './leaf-index.ts'

/** Where the entries of a batch go. */
export interface Placement {
  /** The index of each entry of the batch. */
  readonly indices: readonly number[]
  /** The positions in the batch of the entries that are new, in order: they get the next indices of the log. */
  readonly fresh: readonly number[]
  /** Index rows for the new ones. */
  readonly rows: readonly Change[]
}

/** Every entry is new: for logs that allow duplicates, which keep no index of leaves. */
export const placeAll = (size: number, count: number): Placement => ({
  indices: countUp(size, count),
  fresh: countUp(0, count),
  rows: [],
})

const countUp = (from: number, count: number): readonly number[] => {
  const numbers: number[] = []
  for (let i = 0; i < count; i++) numbers.push(from + i)
  return numbers
}

/**
 * The first of equal leaves counts, in the log as `lookups` found it and within the batch. `leafHashes` holds 32 bytes
 * for each entry.
 */
export const placeOnce = (size: number, leafHashes: Uint8Array, lookups: readonly Lookup[]): Placement => {
  const first = firstEqual(leafHashes)
  const firstOfKey = firstEqual(leafHashes, KEY_SIZE)
  const indices: number[] = []
  const fresh: number[] = []
  const rows: Change[] = []
  for (const [i, lookup] of lookups.entries()) {
    const known = lookup.kind === 'found' ? lookup.index : indices[first[i] ?? i]
    if (known !== undefined) {
      indices.push(known)
      continue
    }
    const index = size + fresh.length
    indices.push(index)
    fresh.push(i)
    // A taken key stays with the leaf that had it first.
    if (lookup.kind === 'absent' && firstOfKey[i] === i)
      rows.push(leafRow(leafHashes.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE), index))
  }
  return { indices, fresh, rows }
}
