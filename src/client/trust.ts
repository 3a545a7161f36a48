/** Trust: the keys or the policy that a reader has pinned, and the one way in which signed checkpoints become believable. */
import type { NoteVerifier } from '../note/algorithm.ts'
import { parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import { type OpenedCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts'
import { formatPolicy, type Policy, type PolicyLog } from '../tlog/policy.ts'
import { type Cosigner, checkPolicy } from '../tlog/quorum.ts'
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
}

/** A checkpoint that is signed by a pinned key as the trust demands. */
export interface VerifiedCheckpoint extends OpenedCheckpoint {
  /** The witnesses of the policy that cosigned; empty without a policy. */
  readonly cosigners: readonly Cosigner[]
}

/** Trust made ready for use. */
export interface CheckpointReader {
  /** The origins that are believed. */
  readonly origins: readonly string[]
  /** Stands for the pinned origins and log keys: what is remembered of a log is kept under this name, 64 hex digits. */
  readonly id: string
  /**
   * Verifies a signed checkpoint. Throws `malformed` or `too_large` for a bad form, `wrong_origin` for another log,
   * `bad_signature` when a signature by a known key does not verify, and `untrusted` when the log's key did not sign or
   * the quorum is not met.
   */
  open(bytes: Uint8Array): VerifiedCheckpoint
  /**
   * The same without asking for a quorum: for checkpoints that were kept, since they may be older than the policy or than
   * the cosignatures on them. Good for comparing with, not for believing in.
   */
  openKept(bytes: Uint8Array): VerifiedCheckpoint
}

/**
 * Makes trust ready. Throws `malformed` for a bad vkey, and TypeError when no key or policy is given, when `verifiers`
 * stand beside another choice, or when the policy has no log of that origin.
 */
export const checkpointReader = (trust: Trust): CheckpointReader => {
  const keys = (typeof trust.vkey === 'string' ? [trust.vkey] : (trust.vkey ?? [])).map(parseVerifierKey)
  if (trust.policy !== undefined && trust.verifiers === undefined) return policyReader(trust.policy, keys, trust.origin)
  if (trust.policy !== undefined || (trust.verifiers !== undefined && keys.length > 0)) {
    throw new TypeError('want verifiers alone, without a vkey or a policy beside them')
  }
  return keyReader(trust.verifiers ?? keys.map(verifierOf), trust.origin)
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
  return { origins, id: identity(origins, verifiers.map(nameOf)), open, openKept: open }
}

const policyReader = (policy: Policy, keys: readonly VerifierKey[], pinned: string | undefined): CheckpointReader => {
  const listed: readonly PolicyLog[] = keys.length > 0 ? keys.map((key) => ({ key })) : policy.logs
  const logs = listed.filter(({ key }) => pinned === undefined || key.name === pinned)
  if (logs.length === 0)
    throw new TypeError(`want a log in the policy, or a vkey beside it, got none of ${pinned ?? 'any origin'}`)
  formatPolicy(policy)
  const logAlone = keyReader(
    logs.map(({ key }) => verifierOf(key)),
    pinned,
  )
  return { ...logAlone, open: (bytes) => checkPolicy(policy, bytes, { logs }) }
}

const nameOf = ({ name, keyId }: NoteVerifier): string => `${name} ${keyId}`

const identity = (origins: readonly string[], keys: readonly string[]): string =>
  encodeHex(sha256(encodeUtf8([...[...origins].sort(), '', ...[...keys].sort()].join('\n'))))
