/** The one error class of the program: a stable code for machines, a sentence for people. */

/**
 * What can go wrong, in words that stay the same between versions; messages may change.
 *
 * - `malformed`        the text or bytes are not in the one form that the format allows
 * - `bad_proof`        a Merkle proof does not lead to the root it claims
 * - `bad_signature`    a signature by a known key does not verify
 * - `untrusted`        no signature by a known key, or the policy's quorum is not met
 * - `wrong_origin`     the checkpoint is of another log
 * - `inconsistent`     two signed heads that cannot both be true; carries the evidence
 * - `not_found`        the thing asked for is not there
 * - `out_of_range`     an index or size beyond the published tree
 * - `too_large`        an input over a stated limit
 * - `unauthorized`     no valid token
 * - `forbidden`        a valid token that may not do this
 * - `pushback`         too busy now; retry after `retryAfterSeconds`
 * - `conflict`         another writer was faster
 * - `unknown_outcome`  the write may or may not have happened; a retry with the same bytes is safe
 * - `poisoned`         a write failed, so this process accepts no more of them
 * - `corrupt`          stored bytes are not what was written
 * - `io`               the disk or the network refused
 * - `refused`          the start-up gate found a reason not to run; `reason` names it
 * - `usage`            the program was called wrongly
 */
export type ErrorCode =
  | 'malformed'
  | 'bad_proof'
  | 'bad_signature'
  | 'untrusted'
  | 'wrong_origin'
  | 'inconsistent'
  | 'not_found'
  | 'out_of_range'
  | 'too_large'
  | 'unauthorized'
  | 'forbidden'
  | 'pushback'
  | 'conflict'
  | 'unknown_outcome'
  | 'poisoned'
  | 'corrupt'
  | 'io'
  | 'refused'
  | 'usage'

/** A failure of the outside world or of an input; programming mistakes are RangeError or TypeError instead. */
export class TlogError extends Error {
  override readonly name: string = 'TlogError'
  /** Stable: programs may switch on it. */
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }
}

/** True when `error` is a TlogError, with that code if one is given. */
export const isTlogError = (error: unknown, code?: ErrorCode): error is TlogError =>
  error instanceof TlogError && (code === undefined || error.code === code)
