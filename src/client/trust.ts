/** Trust: the keys or the policy that a reader has pinned, and the one way in which signed checkpoints become believable. */
import { isSize } from '../merkle/bits.ts'
import type { NoteVerifier } from '../note/algorithm.ts'
import { parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { encodeUtf8 } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import { type OpenedCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts'
import { formatPolicy, NO_QUORUM, type Policy, type PolicyLog } from '../tlog/policy.ts'
import { type Cosigner, checkPolicy, type TimeSpan } from '../tlog/quorum.ts'
import { verifierOf } from '../tlog/signatures/index.ts'

/**
 * Whom to believe. Give `vkey`, or `verifiers`, or `policy`; a policy without log lines takes its logs from `vkey`.
 * Nothing of this is ever learnt from a server.
 */
export interface Trust {
  /** The key of the log, or several while it rotates, as `<name>+<key ID>+<base64>`. */
  readonly vkey?: string | readonly string[] | undefined
  /** The same, ready to verify. All of them are keys of the log: the keys of witnesses belong into a policy. */
  readonly verifiers?: readonly NoteVerifier[] | undefined
  /** Which logs to believe, and the witnesses that must have cosigned. */
  readonly policy?: Policy | undefined
  /** The origin of the log. Default: the name of the key that signed. */
  readonly origin?: string | undefined
  /**
   * In POSIX seconds: only cosignatures of this time or earlier count for the quorum, so that what is under the checkpoint
   * is known to have been there by then. Wants a policy with a quorum. Default: any time.
   */
  readonly notAfter?: number | undefined
  /**
   * In seconds: only cosignatures that are at most this old when the checkpoint is looked at, and at most
   * `CLOCK_TOLERANCE` ahead, count for the quorum. Wants `clock`, and a policy with a quorum. Default: any age.
   */
  readonly maxAge?: number | undefined
  /** What time it is, for `maxAge`. */
  readonly clock?: Clock | undefined
}

/** How far the clock of a witness may be ahead of ours, in seconds, where the age of its cosignature matters. */
export const CLOCK_TOLERANCE = 60

/** A checkpoint that is signed by a pinned key as the trust demands. */
export interface VerifiedCheckpoint extends OpenedCheckpoint {
  /** The witnesses of the policy that cosigned, within the time asked for; empty without a policy. */
  readonly cosigners: readonly Cosigner[]
}

/** Trust made ready for use. */
export interface CheckpointReader {
  /** The origins that are believed. */
  readonly origins: readonly string[]
  /**
   * Stands for the pinned origins: what is remembered of a log is kept under this name, 64 hex digits. Not for the keys,
   * as a client that pins a further one must not forget what the log showed it before.
   */
  readonly id: string
  /**
   * Verifies a signed checkpoint. Throws `malformed` or `too_large` for a bad form, `wrong_origin` for another log,
   * `bad_signature` when a signature by a known key does not verify, and `untrusted` when the log's key did not sign or
   * the quorum is not met within the time asked for.
   */
  open(bytes: Uint8Array): VerifiedCheckpoint
  /**
   * The same without asking for a quorum or a time: for checkpoints that were kept, since they may be older than the policy or than
   * the cosignatures on them. Good for comparing with, not for believing in.
   */
  openKept(bytes: Uint8Array): VerifiedCheckpoint
}

/**
 * Makes trust ready. Throws `malformed` for a bad vkey, TypeError when no key or policy is given, when `verifiers` stand
 * beside another choice, when the policy has no log of that origin, or when a time is asked for without a quorum or a
 * clock, and RangeError for a time that is not in whole seconds.
 */
export const checkpointReader = (trust: Trust): CheckpointReader => {
  const keys = (typeof trust.vkey === 'string' ? [trust.vkey] : (trust.vkey ?? [])).map(parseVerifierKey)
  const span = spanOf(trust)
  if (trust.policy !== undefined && trust.verifiers === undefined) {
    return policyReader(trust.policy, { keys, pinned: trust.origin, span })
  }
  if (trust.policy !== undefined || (trust.verifiers !== undefined && keys.length > 0)) {
    throw new TypeError('want verifiers alone, without a vkey or a policy beside them')
  }
  return keyReader(trust.verifiers ?? keys.map(verifierOf), trust.origin)
}

/** When a cosignature must have been made to count; asked at each look, since age depends on it. */
const spanOf = ({ policy, notAfter, maxAge, clock }: Trust): (() => TimeSpan) | undefined => {
  if (notAfter === undefined && maxAge === undefined) return undefined
  // Without cosignatures there is no time that anyone vouches for: passing would be worse than an error.
  if (policy === undefined || policy.quorum === NO_QUORUM) throw new TypeError('notAfter and maxAge want a quorum')
  for (const seconds of [notAfter ?? 0, maxAge ?? 0]) {
    if (!isSize(seconds)) throw new RangeError(`want notAfter and maxAge in whole seconds, got ${seconds}`)
  }
  const last = notAfter ?? Number.POSITIVE_INFINITY
  if (maxAge === undefined) return () => ({ from: 0, to: last })
  if (clock === undefined) throw new TypeError('maxAge wants a clock')
  return () => {
    const now = Math.floor(clock() / 1_000)
    return { from: now - maxAge, to: Math.min(last, now + CLOCK_TOLERANCE) }
  }
}

const keyReader = (verifiers: readonly NoteVerifier[], pinned: string | undefined): CheckpointReader => {
  if (verifiers.length === 0) throw new TypeError('want a vkey, verifiers or a policy: nothing is believed without')
  const origins = pinned === undefined ? [...new Set(verifiers.map(({ name }) => name))] : [pinned]
  const open = (bytes: Uint8Array): VerifiedCheckpoint => {
    const opened = openCheckpoint(bytes, { origin: origins, verifiers })
    // With several logs pinned, the key of one says nothing about another.
    if (pinned === undefined && !opened.verified.some(({ name }) => name === opened.checkpoint.origin)) {
      throw new TlogError('untrusted', `${JSON.stringify(opened.checkpoint.origin)} is signed by another log's key`)
    }
    return { ...opened, cosigners: [] }
  }
  return { origins, id: identity(origins), open, openKept: open }
}

interface PolicyParts {
  readonly keys: readonly VerifierKey[]
  readonly pinned: string | undefined
  readonly span: (() => TimeSpan) | undefined
}

const policyReader = (policy: Policy, { keys, pinned, span }: PolicyParts): CheckpointReader => {
  const listed: readonly PolicyLog[] = keys.length > 0 ? keys.map((key) => ({ key })) : policy.logs
  const logs = listed.filter(({ key }) => pinned === undefined || key.name === pinned)
  if (logs.length === 0)
    throw new TypeError(`want a log in the policy, or a vkey beside it, got none of ${pinned ?? 'any origin'}`)
  formatPolicy(policy)
  const logAlone = keyReader(
    logs.map(({ key }) => verifierOf(key)),
    pinned,
  )
  return { ...logAlone, open: (bytes) => checkPolicy(policy, bytes, { logs, within: span?.() }) }
}

const identity = (origins: readonly string[]): string => encodeHex(sha256(encodeUtf8([...origins].sort().join('\n'))))
