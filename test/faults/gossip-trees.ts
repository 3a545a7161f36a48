/** Small trees for simulated logs: named by their leaves, a letter each, with real hashes and proofs that are made only once. */
import { planConsistency } from '../../src/merkle/consistency.ts'
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import type { Tree } from '../../src/witness/decide.ts'

/** A tree and the letters of its leaves. */
export interface NamedTree extends Tree {
  readonly leaves: string
}

const once = <V>(make: (key: string) => V): ((key: string) => V) => {
  const made = new Map<string, V>()
  return (key) => {
    let value = made.get(key)
    if (value === undefined) {
      value = make(key)
      made.set(key, value)
    }
    return value
  }
}

/** RFC 6962 section 2.1 over letters; equal ranges of different trees are hashed once. */
const rootOf = once((leaves: string): Hash => {
  if (leaves.length === 0) return EMPTY_ROOT
  if (leaves.length === 1) return hashLeaf(new TextEncoder().encode(leaves))
  let half = 1
  while (half * 2 < leaves.length) half *= 2
  return hashNode(rootOf(leaves.slice(0, half)), rootOf(leaves.slice(half)))
})

/** The tree with these leaves. */
export const treeOf = once((leaves: string): NamedTree => ({ leaves, size: leaves.length, root: rootOf(leaves) }))

const proofOf = once((key: string): readonly Hash[] => {
  const [size1 = '', leaves = ''] = key.split(' ')
  const plan = planConsistency({ size1: Number(size1), size2: leaves.length })
  return plan.map(({ start, end }) => rootOf(leaves.slice(start, end)))
})

/** The consistency proof from the first `size1` leaves to all of them; none from nothing, or from more than there are. */
export const consistencyOf = (size1: number, leaves: string): readonly Hash[] =>
  size1 === 0 || size1 > leaves.length ? [] : proofOf(`${size1} ${leaves}`)

/** The leaf hashes of a tree, as its first tile holds them. */
export const leafHashes = (leaves: string): readonly Hash[] => [...leaves].map(rootOf)

/** True when one of two trees is the beginning of the other. */
export const isOneHistory = (a: NamedTree, b: NamedTree): boolean =>
  a.leaves.startsWith(b.leaves) || b.leaves.startsWith(a.leaves)
