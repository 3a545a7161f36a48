/** Inclusion proofs (RFC 6962 section 2.1.1), planned without I/O and verified by throwing. */
import { TlogError } from '../primitives/error.ts'
import { asHash, equalHash, type Hash } from '../primitives/hash.ts'
import { isSize, splitPoint } from './bits.ts'
import { hashNode } from './hash.ts'
import type { LeafRange } from './node.ts'

/** What an inclusion proof claims: the leaf `index` of the tree of `size` leaves and this `root` has this hash. */
export interface InclusionClaim {
  readonly index: number
  readonly size: number
  readonly leafHash: Hash
  readonly root: Hash
  /** Sibling hashes from the leaf to the root. */
  readonly proof: readonly Hash[]
}

/**
 * The ranges of leaves whose roots are the inclusion proof of `index`, in the order of the proof (leaf to root).
 * Throws `out_of_range` unless 0 ≤ index < size ≤ 2^53−1.
 */
export const planInclusion = ({
  index,
  size,
}: {
  readonly index: number
  readonly size: number
}): readonly LeafRange[] => {
  if (!isSize(index) || !isSize(size) || index >= size) {
    throw new TlogError('out_of_range', `index ${index} is not in a tree of size ${size}`)
  }
  const siblings: LeafRange[] = []
  let start = 0
  let end = size
  while (end - start > 1) {
    const middle = start + splitPoint(end - start)
    if (index < middle) {
      siblings.push({ start: middle, end })
      end = middle
    } else {
      siblings.push({ start, end: middle })
      start = middle
    }
  }
  return siblings.reverse()
}

/** Checks the claim. Throws `bad_proof` when the proof does not lead from the leaf to the root. */
export const verifyInclusion = (claim: InclusionClaim): void => {
  const root = rootFromInclusion(claim)
  if (!equalHash(root, claim.root)) {
    throw new TlogError('bad_proof', `the proof does not put the leaf at index ${claim.index} of size ${claim.size}`)
  }
}

/** The root that an inclusion proof leads to, which the caller must compare with one it trusts. Throws `bad_proof`. */
export const rootFromInclusion = ({ index, size, leafHash, proof }: Omit<InclusionClaim, 'root'>): Hash => {
  if (!isSize(index) || !isSize(size) || index >= size) {
    throw new TlogError('bad_proof', `index ${index} is not in a tree of size ${size}`)
  }
  const siblings = planInclusion({ index, size })
  if (proof.length !== siblings.length) {
    throw new TlogError('bad_proof', `want ${siblings.length} hashes in the proof, got ${proof.length}`)
  }
  let hash = proofHash(leafHash)
  for (const [i, range] of siblings.entries()) {
    const sibling = proofHash(proof[i])
    hash = range.start > index ? hashNode(hash, sibling) : hashNode(sibling, hash)
  }
  return hash
}

/** One hash of a proof. Types erase, so where acceptance is decided the length is checked again. Throws `bad_proof`. */
export const proofHash = (bytes: Uint8Array | undefined): Hash => {
  if (bytes?.length !== 32) throw new TlogError('bad_proof', `a hash has 32 bytes, got ${bytes?.length ?? 'none'}`)
  return asHash(bytes)
}
