/** Consistency proofs (RFC 6962 section 2.1.2): that a smaller tree is the beginning of a larger one. */
import { TlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import type { LeafRange } from './node.ts'
import { planSubtreeConsistency, rootsFromSubtreeConsistency, verifySubtreeConsistency } from './subtree.ts'

/** What a consistency proof claims: the first `size1` leaves of the tree of `size2` leaves are the tree with `root1`. */
export interface ConsistencyClaim {
  readonly size1: number
  readonly size2: number
  readonly root1: Hash
  readonly root2: Hash
  readonly proof: readonly Hash[]
}

/**
 * The ranges of leaves whose roots are the consistency proof from `size1` to `size2`, in the order of the proof.
 * Throws `out_of_range` unless 0 < size1 ≤ size2: nothing can be proven about the empty tree.
 */
export const planConsistency = ({
  size1,
  size2,
}: {
  readonly size1: number
  readonly size2: number
}): readonly LeafRange[] => {
  if (size1 === 0) throw new TlogError('out_of_range', 'a consistency proof from the empty tree proves nothing')
  return planSubtreeConsistency({ start: 0, end: size1, size: size2 })
}

/** Checks the claim. Throws `bad_proof` when the smaller tree is not the beginning of the larger, or is empty. */
export const verifyConsistency = ({ size1, size2, root1, root2, proof }: ConsistencyClaim): void => {
  if (size1 === 0) throw new TlogError('bad_proof', 'a consistency proof from the empty tree proves nothing')
  verifySubtreeConsistency({ start: 0, end: size1, size: size2, subtreeRoot: root1, root: root2, proof })
}

/**
 * The root of `size1` that a proof shows the tree of `root2` to have, whether or not somebody signed another: what tells
 * a fork from a bad proof. Undefined when the proof does not lead to `root2`, or says nothing of the older root by itself,
 * as where `size1` is a power of two.
 */
export const olderRootOf = ({ size1, size2, root1, root2, proof }: ConsistencyClaim): Hash | undefined => {
  try {
    const found = rootsFromSubtreeConsistency({ start: 0, end: size1, size: size2, subtreeRoot: root1, proof })
    return !found.isGiven && equalHash(found.root, root2) ? found.subtreeRoot : undefined
  } catch {
    return undefined
  }
}
