/** What each witness has stated about a log, pure: another tree of one size, or later a smaller one, takes back what it said. */

import type { VerifierKey } from '../note/key.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import { type Evidence, forkOfOneSize } from '../tlog/evidence.ts'

/** A witness's cosignature on a checkpoint: verified before it comes here. */
export interface Statement {
  readonly witness: VerifierKey
  readonly size: number
  readonly root: Hash
  /** POSIX seconds, over 0. */
  readonly time: number
  /** The checkpoint with the cosignature on it. */
  readonly bytes: Uint8Array
}

/** What is remembered of a witness: the statement of the largest tree that it made first, and two more that it may contradict. */
export interface Remembered extends Statement {
  /** The last one of the largest tree, when that is another. */
  readonly latest?: Statement | undefined
  /** The last one of a smaller tree. */
  readonly smaller?: Statement | undefined
}

/**
 * Hears a statement, in whatever order they arrive: what to remember of this witness from now on, and the evidence if it
 * takes back what it stated of the largest tree.
 */
export const hear = (
  last: Remembered | undefined,
  statement: Statement,
): { readonly last: Remembered; readonly evidence?: Evidence } => {
  if (last === undefined) return { last: statement }
  if (statement.size === last.size && !equalHash(statement.root, last.root))
    return { last, evidence: forkOfOneSize(statement.witness, last.bytes, statement.bytes) }
  const now = remember(last, statement)
  const { smaller } = now
  const isTakenBack = smaller !== undefined && smaller.time > now.time
  const isNews = now.time !== last.time || now.size !== last.size || smaller?.time !== last.smaller?.time
  return { last: now, ...(isTakenBack && isNews && { evidence: rollback(smaller, now) }) }
}

const remember = ({ latest, smaller, ...first }: Remembered, statement: Statement): Remembered => {
  if (statement.size < first.size) return { ...first, latest, smaller: later(smaller, statement) }
  if (statement.size > first.size) return { ...statement, smaller: later(smaller, latest ?? first) }
  const earlier = statement.time < first.time ? statement : first
  return { ...earlier, latest: later(latest ?? first, statement), smaller }
}

const later = (a: Statement | undefined, b: Statement): Statement => (a === undefined || b.time > a.time ? b : a)

const rollback = (smaller: Statement, larger: Statement): Evidence => ({
  kind: 'rollback',
  accused: larger.witness,
  smaller: smaller.bytes,
  larger: larger.bytes,
})
