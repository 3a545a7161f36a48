/** What a trust policy accepts: checkpoints of its logs that a quorum of its witnesses cosigned (c2sp.org/tlog-policy). */
import { formatVerifierKey, type VerifierKey } from '../note/key.ts'
import { TlogError } from '../primitives/error.ts'
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts'
import { NO_QUORUM, type Octets, type Policy, type PolicyLog, type PolicyWitness } from './policy.ts'
import { cosignatureTime, verifierOf } from './signatures/index.ts'

/** A checkpoint that a policy accepts. */
export interface AcceptedCheckpoint extends OpenedCheckpoint {
  /** The log that signed it. */
  readonly log: PolicyLog
  /** Every witness of the policy that cosigned it, needed for the quorum or not. */
  readonly cosigners: readonly Cosigner[]
}

/** A witness that cosigned, and when it says it did. */
export interface Cosigner {
  readonly witness: PolicyWitness
  /** POSIX seconds; 0 when the witness makes no statement about time. The latest, if it cosigned more than once. */
  readonly time: number
}

/** True when the witnesses of these names are enough for the policy. Other names do not count, and do no harm. */
export const isQuorum = ({ witnesses, groups, quorum }: Policy, names: ReadonlySet<Octets>): boolean => {
  const witnessed = new Set([NO_QUORUM, ...witnesses.map(({ name }) => name).filter((name) => names.has(name))])
  // Groups name only what stands before them, so one pass in order decides them all.
  for (const { name, threshold, members } of groups) {
    if (members.filter((member) => witnessed.has(member)).length >= threshold) witnessed.add(name)
  }
  return witnessed.has(quorum)
}

/**
 * Opens a signed checkpoint as the policy wants it: signed by a listed log under its own origin, and cosigned by a
 * quorum. Throws `malformed` and `too_large` for a bad form, `wrong_origin` when no listed log has its origin,
 * `bad_signature` when a signature by any key of the policy does not verify, and `untrusted` when the log did not
 * sign or the quorum is not met. A policy without logs takes them from `logs`. Times are reported and not judged.
 */
export const checkPolicy = (
  policy: Policy,
  bytes: Uint8Array,
  { logs = policy.logs }: { readonly logs?: readonly PolicyLog[] } = {},
): AcceptedCheckpoint => {
  const keys = new Map([...logs, ...policy.witnesses].map(({ key }) => [formatVerifierKey(key), key]))
  // spec: This name MUST correspond to the log's origin line, representing the identity of the log.
  const origin = logs.map(({ key }) => key.name)
  const opened = openCheckpoint(bytes, { origin, verifiers: [...keys.values()].map(verifierOf) })
  const signaturesOf = (key: VerifierKey) =>
    opened.verified.filter((signature) => signature.name === key.name && signature.keyId === key.keyId)
  const log = logs.find(({ key }) => key.name === opened.checkpoint.origin && signaturesOf(key).length > 0)
  if (log === undefined) throw new TlogError('untrusted', 'no log of the policy signed this checkpoint as its own')
  const cosigners = policy.witnesses.flatMap((witness): Cosigner[] => {
    const times = signaturesOf(witness.key).map((signature) => cosignatureTime(signature) ?? 0)
    return times.length === 0 ? [] : [{ witness, time: Math.max(...times) }]
  })
  if (!isQuorum(policy, new Set(cosigners.map(({ witness }) => witness.name)))) {
    const count = `${cosigners.length} of ${policy.witnesses.length} witnesses`
    throw new TlogError('untrusted', `quorum is not met: ${count} cosigned`)
  }
  return { ...opened, log, cosigners }
}
