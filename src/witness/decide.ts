/** The witness's decision, pure: what it cosigned last and a request go in, what it may do comes out. */
import { olderRootOf, verifyConsistency } from '../merkle/consistency.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import { isTlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import type { Contradiction } from '../tlog/evidence.ts'

/** A tree by its size and root. */
export interface Tree {
  readonly size: number
  readonly root: Hash
}

/** What is asked: to go from the tree of `oldSize` to `tree`, which the log has signed. */
export interface Advance {
  readonly oldSize: number
  readonly tree: Tree
  readonly proof: readonly Hash[]
}

/** What the witness may do. */
export type Decision =
  | { readonly kind: 'cosign' }
  | { readonly kind: 'conflict'; readonly size: number }
  | { readonly kind: 'malformed'; readonly reason: string }
  | {
      readonly kind: 'refused'
      readonly reason: string
      /** When the request shows that the log signed two histories: what the larger tree says about the older one. */
      readonly fork?: 'of one size' | Contradiction
    }

/** Decides. `latest` is the tree that was cosigned last, undefined when none of this log ever was. */
export const decide = (latest: Tree | undefined, { oldSize, tree, proof }: Advance): Decision => {
  // spec: The old size MUST be equal to or lower than the checkpoint size. Otherwise, [...] "400 Bad Request"
  if (oldSize > tree.size)
    return { kind: 'malformed', reason: `the old size ${oldSize} is over the size ${tree.size} of the checkpoint` }
  // spec: The witness MUST check that the old size matches the size of the latest checkpoint it cosigned for the
  // checkpoint's origin (or zero if it never cosigned a checkpoint for that origin). [...] "409 Conflict"
  const size = latest?.size ?? 0
  if (oldSize !== size) return { kind: 'conflict', size }
  // spec: A checkpoint of size zero MUST have the root hash of the empty tree
  if (tree.size === 0 && !equalHash(tree.root, EMPTY_ROOT))
    return { kind: 'refused', reason: 'a checkpoint of size 0 has the root of the empty tree' }
  // spec: If the old size is zero, the consistency proof MUST be empty
  if (oldSize === 0) return proof.length === 0 ? COSIGN : { kind: 'refused', reason: 'nothing is proven from size 0' }
  return latest === undefined ? COSIGN : extend(latest, tree, proof)
}

const COSIGN: Decision = { kind: 'cosign' }

const extend = (latest: Tree, tree: Tree, proof: readonly Hash[]): Decision => {
  // spec: If the old size matches the checkpoint size, the witness MUST check that the root hashes are also identical.
  if (latest.size === tree.size && !equalHash(latest.root, tree.root)) {
    return { kind: 'refused', reason: `another tree of size ${tree.size} was cosigned`, fork: 'of one size' }
  }
  const claim = { size1: latest.size, root1: latest.root, size2: tree.size, root2: tree.root, proof }
  try {
    verifyConsistency(claim)
    return COSIGN
  } catch (error) {
    if (!isTlogError(error, 'bad_proof')) throw error
    const rootInLarger = olderRootOf(claim)
    const fork = rootInLarger !== undefined && !equalHash(rootInLarger, latest.root)
    return { kind: 'refused', reason: error.message, ...(fork && { fork: { rootInLarger, proof } }) }
  }
}
