/** The frontier of an append-only tree: the least one must keep to append leaves and to know the root. */
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { shiftRight } from './bits.ts'
import { EMPTY_ROOT, hashNode } from './hash.ts'
import type { TreeHasher } from './hasher.ts'

/**
 * The roots of the perfect subtrees that cover all `size` leaves, one for each set bit of `size`: `nodes[level]` is there
 * exactly when that bit is 1. Also known as a compact range starting at 0.
 */
export interface Frontier {
  readonly size: number
  readonly nodes: readonly (Hash | undefined)[]
}

/** The frontier of the tree without leaves. */
export const EMPTY_FRONTIER: Frontier = { size: 0, nodes: [] }

/** What appending leaves made: the frontier after them, and per level the perfect nodes that they completed. */
export interface Growth {
  readonly frontier: Frontier
  /** `levels[l]` holds, 32 bytes each, the nodes of level `l` from index `floor(old size / 2^l)` on. `levels[0]` is the input. */
  readonly levels: readonly Uint8Array[]
}

/**
 * Appends leaf hashes (32 bytes each, in one array that is kept, not copied). Costs one hash for each node completed and
 * one call of the hasher for each level.
 */
export const growFrontier = (frontier: Frontier, leafHashes: Uint8Array, hasher: TreeHasher): Growth => {
  const size = frontier.size + leafHashes.length / HASH_SIZE
  const nodes: (Hash | undefined)[] = []
  const levels: Uint8Array[] = []
  let fresh = leafHashes
  for (let level = 0; shiftRight(size, level) > 0; level++) {
    levels.push(fresh)
    // The left sibling that an earlier append left behind goes before the fresh nodes of its level.
    const waiting = frontier.nodes[level]
    const all = waiting === undefined ? fresh : prepend(waiting, fresh)
    const odd = all.length % (2 * HASH_SIZE) !== 0
    nodes.push(odd ? (all.slice(all.length - HASH_SIZE) as Hash) : undefined)
    const pairs = odd ? all.subarray(0, all.length - HASH_SIZE) : all
    fresh = new Uint8Array(pairs.length / 2)
    hasher.hashNodes(pairs, fresh)
  }
  return { frontier: { size, nodes }, levels }
}

const prepend = (hash: Hash, hashes: Uint8Array): Uint8Array => {
  const all = new Uint8Array(HASH_SIZE + hashes.length)
  all.set(hash)
  all.set(hashes, HASH_SIZE)
  return all
}

/** The root of the tree (RFC 6962 section 2.1): the frontier folded from the right. Costs at most 53 hashes. */
export const frontierRoot = (frontier: Frontier): Hash => {
  let root: Hash | undefined
  for (const node of frontier.nodes) {
    if (node !== undefined) root = root === undefined ? node : hashNode(node, root)
  }
  return root ?? EMPTY_ROOT
}
