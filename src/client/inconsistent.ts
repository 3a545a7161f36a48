/** Inconsistency: two checkpoints that one log signed and that cannot both be true, as an error that is evidence. */
import { TlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'

/** Two signed checkpoints of one log, and the proof between them that failed. */
export interface Inconsistency {
  /** The signed checkpoint of the smaller tree, or of two equal sizes the one seen first. */
  readonly older: Uint8Array
  /** The signed checkpoint of the larger tree. */
  readonly newer: Uint8Array
  /**
   * The consistency proof between the two sizes in the tree of `newer`: it leads to the root of `newer`, and to a root of
   * the smaller size that is not that of `older`. Empty when the sizes are equal: then the two roots say it all.
   */
  readonly proof: readonly Hash[]
}

/**
 * The log signed two histories. Keep the error: whoever trusts the log's key can check what it carries, without us and
 * without the log.
 */
export class InconsistentError extends TlogError implements Inconsistency {
  override readonly name = 'InconsistentError'
  readonly older: Uint8Array
  readonly newer: Uint8Array
  readonly proof: readonly Hash[]

  constructor(message: string, { older, newer, proof }: Inconsistency, options?: { readonly cause?: unknown }) {
    super('inconsistent', message, options)
    this.older = older
    this.newer = newer
    this.proof = proof
  }
}
