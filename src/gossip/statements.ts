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

/** Hears a statement: what to remember of this witness from now on, and the evidence if it contradicts what it said before. */
export const hear = (
  last: Statement | undefined,
  statement: Statement,
): { readonly last: Statement; readonly evidence?: Evidence } => {
  if (last === undefined || statement.size > last.size) {
    // Stated before the smaller one was: then the smaller one, heard first, takes the larger one back.
    const isTakenBack = last !== undefined && last.time > statement.time
    return { last: statement, ...(isTakenBack && { evidence: rollback(last, statement) }) }
  }
  if (statement.size === last.size && !equalHash(statement.root, last.root))
    return { last, evidence: forkOfOneSize(statement.witness, last.bytes, statement.bytes) }
  if (statement.size === last.size) return { last: statement.time < last.time ? statement : last }
  return { last, ...(statement.time > last.time && { evidence: rollback(statement, last) }) }
}

const rollback = (smaller: Statement, larger: Statement): Evidence => ({
  kind: 'rollback',
  accused: larger.witness,
  smaller: smaller.bytes,
  larger: larger.bytes,
})
