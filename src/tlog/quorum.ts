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
  /** Every witness of the policy that cosigned it, in the span asked for if one was; needed for the quorum or not. */
  readonly cosigners: readonly Cosigner[]
}

/** A witness that cosigned, and when it says it did. */
export interface Cosigner {
  readonly witness: PolicyWitness
  /**
   * POSIX seconds; 0 when the witness makes no statement about time. If it cosigned more than once, the latest, of those
   * in the span asked for.
   */
  readonly time: number
}

/** A span of time in POSIX seconds, both ends in it. The time 0 is in none, as it is no statement about time. */
export interface TimeSpan {
  readonly from: number
  readonly to: number
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
 * Since when a quorum has stood, in POSIX seconds: the latest time such that the cosignatures of it and later ones make
 * the quorum. Undefined when those that state a time do not.
 */
export const quorumTime = (policy: Policy, cosigners: readonly Cosigner[]): number | undefined => {
  const names = new Set<Octets>()
  for (const { witness, time } of cosigners.filter(({ time }) => time > 0).toSorted((a, b) => b.time - a.time)) {
    names.add(witness.name)
    if (isQuorum(policy, names)) return time
  }
  return undefined
}

/** What a caller may ask for beyond the policy. */
export interface PolicyCheck {
  /** The logs to believe instead of those of the policy. */
  readonly logs?: readonly PolicyLog[] | undefined
  /** Only cosignatures of this span count, for the quorum too. Default: all count, and times are not judged. */
  readonly within?: TimeSpan | undefined
}

/**
 * Opens a signed checkpoint as the policy wants it: signed by a listed log under its own origin, and cosigned by a
 * quorum. Throws `malformed` and `too_large` for a bad form, `wrong_origin` when no listed log has its origin,
 * `bad_signature` when a signature by any key of the policy does not verify, and `untrusted` when the log did not
 * sign or the quorum is not met, by cosignatures of the span `within` if that is given.
 */
export const checkPolicy = (
  policy: Policy,
  bytes: Uint8Array,
  { logs = policy.logs, within }: PolicyCheck = {},
): AcceptedCheckpoint => {
  const keys = new Map([...logs, ...policy.witnesses].map(({ key }) => [formatVerifierKey(key), key]))
  // spec: This name MUST correspond to the log's origin line, representing the identity of the log.
  const origin = logs.map(({ key }) => key.name)
  const opened = openCheckpoint(bytes, { origin, verifiers: [...keys.values()].map(verifierOf) })
  const signaturesOf = (key: VerifierKey) =>
    opened.verified.filter((signature) => signature.name === key.name && signature.keyId === key.keyId)
  const log = logs.find(({ key }) => key.name === opened.checkpoint.origin && signaturesOf(key).length > 0)
  if (log === undefined) throw new TlogError('untrusted', 'no log of the policy signed this checkpoint as its own')
  const signed = policy.witnesses.map((witness) => {
    const times = signaturesOf(witness.key).map((signature) => cosignatureTime(signature) ?? 0)
    return { witness, times, counted: within === undefined ? times : times.filter((time) => isWithin(time, within)) }
  })
  const cosigners = signed.flatMap(({ witness, counted }): Cosigner[] =>
    counted.length === 0 ? [] : [{ witness, time: Math.max(...counted) }],
  )
  if (isQuorum(policy, new Set(cosigners.map(({ witness }) => witness.name)))) return { ...opened, log, cosigners }
  const count = `${signed.filter(({ times }) => times.length > 0).length} of ${policy.witnesses.length} witnesses cosigned`
  const inTime = within === undefined ? '' : `, ${cosigners.length} of them within the time that was asked for`
  throw new TlogError('untrusted', `quorum is not met: ${count}${inTime}`)
}

const isWithin = (time: number, { from, to }: TimeSpan): boolean => time > 0 && time >= from && time <= to
