/** Subtrees and their proofs (draft-ietf-plants-merkle-tree-certs section 4), of which RFC 6962 consistency is the case start = 0. */
import { TlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import { bitLength, isSize, splitPoint } from './bits.ts'
import { EMPTY_ROOT, hashNode } from './hash.ts'
import { planInclusion, proofHash, rootFromInclusion } from './inclusion.ts'
import type { LeafRange } from './node.ts'

/** A claim about the leaf `index` of the subtree of the leaves `start` to `end` with root `subtreeRoot`. */
export interface SubtreeInclusionClaim extends LeafRange {
  readonly index: number
  readonly leafHash: Hash
  readonly subtreeRoot: Hash
  readonly proof: readonly Hash[]
}

/** A claim that the leaves `start` to `end` of the tree with `size` leaves and `root` hash to `subtreeRoot`. */
export interface SubtreeConsistencyClaim extends LeafRange {
  readonly size: number
  readonly subtreeRoot: Hash
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/**
 * True when some node of the tree covers the range with nothing to its left.
 * spec: start is a multiple of BIT_CEIL(end - start), the smallest power of two that is at least end - start.
 */
export const isSubtree = ({ start, end }: LeafRange): boolean =>
  isSize(start) && isSize(end) && start <= end && (start === end || start % 2 ** bitLength(end - start - 1) === 0)

/** The ranges whose roots prove `index` in the subtree, leaf to root. Throws `out_of_range` for no subtree or another index. */
export const planSubtreeInclusion = ({
  index,
  start,
  end,
}: LeafRange & { readonly index: number }): readonly LeafRange[] => {
  if (!isSubtree({ start, end })) throw new TlogError('out_of_range', `[${start}, ${end}) is not a subtree`)
  const inner = planInclusion({ index: index - start, size: end - start })
  return inner.map((range) => ({ start: range.start + start, end: range.end + start }))
}

/** Checks the claim. Throws `bad_proof`. */
export const verifySubtreeInclusion = ({
  index,
  start,
  end,
  leafHash,
  subtreeRoot,
  proof,
}: SubtreeInclusionClaim): void => {
  if (!isSubtree({ start, end })) throw new TlogError('bad_proof', `[${start}, ${end}) is not a subtree`)
  const root = rootFromInclusion({ index: index - start, size: end - start, leafHash, proof })
  if (!equalHash(root, subtreeRoot)) {
    throw new TlogError('bad_proof', `the proof does not put the leaf at index ${index} of [${start}, ${end})`)
  }
}

/** Which side of the path a sibling is on, and whether it belongs to the subtree as well as to the tree. */
interface Step extends LeafRange {
  readonly side: 'left of both' | 'left of tree' | 'right of tree'
}

/**
 * Walks from the root of the tree down to where the subtree ends and notes the siblings on the way.
 *
 * spec (SUBTREE_SUBPROOF): with k the split point of the tree,
 *   end <= k            go left, the right half is a sibling outside the subtree
 *   k <= start          go right, the left half is a sibling outside the subtree
 *   start = 0, k < end  go right, the left half is a sibling inside the subtree, whose root is from here on unknown
 */
const walk = ({
  start,
  end,
  size,
}: LeafRange & { readonly size: number }): { steps: readonly Step[]; seed?: LeafRange } => {
  const steps: Step[] = []
  let low = 0
  let high = size
  let from = start
  let known = true
  while (from !== low || end !== high) {
    const middle = low + splitPoint(high - low)
    if (end <= middle) {
      steps.push({ start: middle, end: high, side: 'right of tree' })
      high = middle
    } else {
      const inside = from < middle
      steps.push({ start: low, end: middle, side: inside ? 'left of both' : 'left of tree' })
      if (inside) {
        known = false
        from = middle
      }
      low = middle
    }
  }
  steps.reverse()
  return known ? { steps } : { steps, seed: { start: low, end: high } }
}

const isWithin = ({ start, end }: LeafRange, size: number): boolean =>
  isSubtree({ start, end }) && isSize(size) && end <= size

/** The ranges whose roots prove that the subtree is part of the tree, in the order of the proof. Throws `out_of_range`. */
export const planSubtreeConsistency = (claim: LeafRange & { readonly size: number }): readonly LeafRange[] => {
  const { start, end, size } = claim
  if (!isWithin(claim, size))
    throw new TlogError('out_of_range', `[${start}, ${end}) is not a subtree of a tree of size ${size}`)
  if (start === end) return []
  const { steps, seed } = walk(claim)
  return seed === undefined ? steps : [seed, ...steps]
}

/** Checks the claim. Throws `bad_proof`. The empty subtree is part of every tree: its root is the empty root, its proof empty. */
export const verifySubtreeConsistency = (claim: SubtreeConsistencyClaim): void => {
  const { start, end, size, subtreeRoot, root, proof } = claim
  if (isWithin(claim, size) && start === end) {
    if (proof.length !== 0 || !equalHash(subtreeRoot, EMPTY_ROOT))
      throw new TlogError('bad_proof', 'the empty subtree has the empty root and no proof')
    return
  }
  const found = rootsFromSubtreeConsistency(claim)
  if (!equalHash(found.subtreeRoot, subtreeRoot))
    throw new TlogError('bad_proof', `the proof does not lead to the root of [${start}, ${end})`)
  if (!equalHash(found.root, root))
    throw new TlogError('bad_proof', `the proof does not lead from [${start}, ${end}) to the root of size ${size}`)
}

/**
 * The two roots that a proof for a subtree that is not empty leads to. Where the subtree is a node of the tree the proof
 * has no hash of it, and `subtreeRoot` is taken as given. Throws `bad_proof` for a proof that is none in form.
 */
export const rootsFromSubtreeConsistency = (
  claim: Omit<SubtreeConsistencyClaim, 'root'>,
): { readonly subtreeRoot: Hash; readonly root: Hash; readonly isGiven: boolean } => {
  const { start, end, size, subtreeRoot, proof } = claim
  if (!isWithin(claim, size) || start === end)
    throw new TlogError('bad_proof', `[${start}, ${end}) is not a subtree of a tree of size ${size}`)
  const { steps, seed } = walk(claim)
  const seeded = seed === undefined ? 0 : 1
  if (proof.length !== steps.length + seeded) {
    throw new TlogError('bad_proof', `want ${steps.length + seeded} hashes in the proof, got ${proof.length}`)
  }
  let inSubtree = proofHash(seed === undefined ? subtreeRoot : proof[0])
  let inTree = inSubtree
  for (const [i, step] of steps.entries()) {
    const sibling = proofHash(proof[i + seeded])
    if (step.side === 'left of both') inSubtree = hashNode(sibling, inSubtree)
    inTree = step.side === 'right of tree' ? hashNode(inTree, sibling) : hashNode(sibling, inTree)
  }
  return { subtreeRoot: inSubtree, root: inTree, isGiven: seed === undefined }
}
