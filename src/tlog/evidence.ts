/** Evidence that a key signed what cannot both be true, in one text that anyone can check with that key alone (spec/gossip.md). */
import { verifyConsistency } from '../merkle/consistency.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import { COSIGNATURE_V1, SUBTREE_V1 } from '../note/algorithm.ts'
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { formatNote, MAX_NOTE_BYTES, parseNote } from '../note/note.ts'
import { decodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, equalHash, formatHash, type Hash } from '../primitives/hash.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import { type OpenedCheckpoint, openCheckpoint } from './checkpoint.ts'
import { cosignatureTime, verifierOf } from './signatures/index.ts'

/**
 * - `fork`      the key signed two trees of one log of which neither is the beginning of the other
 * - `rollback`  a witness stated, later than it had cosigned a larger tree, that a smaller one is the largest it has seen
 */
export type EvidenceKind = 'fork' | 'rollback'

/** Two signed checkpoints of one log that cannot both be true. */
export interface Evidence {
  readonly kind: EvidenceKind
  /** The key that signed both: of a log or of a witness. */
  readonly accused: VerifierKey
  /** The signed checkpoint of the smaller tree, or of two trees of one size the one whose text sorts first. */
  readonly smaller: Uint8Array
  /** The signed checkpoint of the larger tree. */
  readonly larger: Uint8Array
  /**
   * For a fork of trees of two sizes: the root that the larger tree has at the smaller size, which is not the one that was
   * signed, and the consistency proof from it. Undefined when the sizes are equal, and for a rollback.
   */
  readonly contradiction?: Contradiction | undefined
}

/** What the larger tree says about the size of the smaller one. */
export interface Contradiction {
  readonly rootInLarger: Hash
  readonly proof: readonly Hash[]
}

/** What was proven: of which log, at which two sizes. */
export interface ProvenEvidence {
  readonly origin: string
  readonly smaller: OpenedCheckpoint
  readonly larger: OpenedCheckpoint
}

/** Longer files are refused: the two longest notes that any reader takes, with room for a proof. */
export const MAX_EVIDENCE_BYTES = 2 * MAX_NOTE_BYTES + 8 * 1024

/** The media type of an evidence file. */
export const EVIDENCE_TYPE = 'text/x.treehead.evidence'

const HEADER = 'treehead/evidence@v1'

/** The bytes of an evidence file. Throws `malformed` or `too_large` for what `parseEvidence` would refuse. */
export const formatEvidence = ({ kind, accused, smaller, larger, contradiction }: Evidence): Uint8Array => {
  const lines = [HEADER, `${kind} ${formatVerifierKey(accused)}`]
  if (contradiction !== undefined) {
    lines.push(`root ${formatHash(contradiction.rootInLarger)}`, ...contradiction.proof.map(formatHash))
  }
  const bytes = encodeUtf8(`${lines.join('\n')}\n\n${decodeUtf8(smaller)}\n${decodeUtf8(larger)}`)
  parseEvidence(bytes)
  return bytes
}

/** Parses an evidence file strictly; nothing in it is verified. Throws `malformed`, or `too_large` over the limit. */
export const parseEvidence = (bytes: Uint8Array): Evidence => {
  if (bytes.length > MAX_EVIDENCE_BYTES)
    throw new TlogError('too_large', `evidence has at most ${MAX_EVIDENCE_BYTES} bytes, got ${bytes.length}`)
  // Neither the text of a checkpoint nor signature lines have an empty line in them.
  const [head, smallerText, smallerLines, largerText, largerLines, ...rest] = decodeUtf8(bytes).split('\n\n')
  if (head === undefined || largerText === undefined || largerLines === undefined || rest.length > 0)
    throw new TlogError('malformed', 'evidence is a head and two signed checkpoints, an empty line between each')
  const [header, accusation = '', ...lines] = head.split('\n')
  if (header !== HEADER) throw new TlogError('malformed', `evidence starts with ${HEADER}`)
  const [, kind, vkey] = /^(fork|rollback) (.*)$/.exec(accusation) ?? []
  if (kind === undefined || vkey === undefined)
    throw new TlogError('malformed', 'want "fork" or "rollback" and the accused vkey')
  const contradiction = lines.length === 0 ? undefined : parseContradiction(lines)
  return {
    kind: kind as EvidenceKind,
    accused: parseVerifierKey(vkey),
    smaller: encodeUtf8(`${smallerText}\n\n${smallerLines}\n`),
    larger: encodeUtf8(`${largerText}\n\n${largerLines}`),
    ...(contradiction && { contradiction }),
  }
}

const parseContradiction = ([first = '', ...proof]: readonly string[]): Contradiction => {
  if (!first.startsWith('root ')) throw new TlogError('malformed', 'want "root" and a hash before the proof')
  return {
    rootInLarger: asHash(decodeBase64(first.slice('root '.length))),
    proof: proof.map((line) => asHash(decodeBase64(line))),
  }
}

/**
 * Checks evidence as a stranger would, with the key that it names; whether that is the key of a log or witness one cares
 * about is for the caller to compare. Throws `malformed` for a checkpoint that is none, `untrusted` or `bad_signature`
 * when the key did not sign both, and `bad_proof` when both may be true.
 */
export const verifyEvidence = (evidence: Evidence): ProvenEvidence => {
  const verifiers = [verifierOf(evidence.accused)]
  const smaller = openCheckpoint(evidence.smaller, { verifiers })
  const larger = openCheckpoint(evidence.larger, { verifiers })
  const { origin, size } = larger.checkpoint
  if (smaller.checkpoint.origin !== origin) throw new TlogError('bad_proof', 'the checkpoints are of two logs')
  if (smaller.checkpoint.size > size) throw new TlogError('bad_proof', 'the smaller tree comes first')
  if (evidence.kind === 'rollback') assertRollback(smaller, larger, evidence)
  else assertFork(smaller, larger, evidence)
  return { origin, smaller, larger }
}

const assertFork = (smaller: OpenedCheckpoint, larger: OpenedCheckpoint, { contradiction }: Evidence): void => {
  const [a, b] = [smaller.checkpoint, larger.checkpoint]
  if (a.size === b.size) {
    if (contradiction !== undefined) throw new TlogError('bad_proof', 'trees of one size need no proof')
    if (equalHash(a.root, b.root)) throw new TlogError('bad_proof', 'the checkpoints are of the same tree')
    if (smaller.text > larger.text)
      throw new TlogError('bad_proof', 'of one size, the text that sorts first comes first')
    return
  }
  if (contradiction === undefined) throw new TlogError('bad_proof', 'trees of two sizes need a proof')
  const { rootInLarger, proof } = contradiction
  if (equalHash(rootInLarger, a.root)) throw new TlogError('bad_proof', 'the larger tree begins with the smaller one')
  // spec (RFC 6962): nothing can be proven about the empty tree, and every tree begins with it.
  if (a.size > 0) verifyConsistency({ size1: a.size, root1: rootInLarger, size2: b.size, root2: b.root, proof })
  else if (proof.length > 0 || !equalHash(rootInLarger, EMPTY_ROOT))
    throw new TlogError('bad_proof', 'every tree begins with the empty one')
}

const assertRollback = (
  smaller: OpenedCheckpoint,
  larger: OpenedCheckpoint,
  { accused, contradiction }: Evidence,
): void => {
  if (contradiction !== undefined) throw new TlogError('bad_proof', 'a rollback needs no proof')
  if (accused.algorithm !== COSIGNATURE_V1 && accused.algorithm !== SUBTREE_V1)
    throw new TlogError('bad_proof', 'only cosignatures state a time')
  const first = Math.min(...timesOf(larger))
  const second = Math.max(...timesOf(smaller))
  // spec (tlog-cosignature): as of the specified time, the consistent tree head with the largest size the cosigner has
  // observed. Several may be made within one second, so equal times say nothing.
  if (smaller.checkpoint.size === larger.checkpoint.size || !(second > first))
    throw new TlogError('bad_proof', 'the smaller tree was not cosigned after the larger one')
}

/** The times that were stated; a time of 0 states none. */
const timesOf = ({ verified }: OpenedCheckpoint): readonly number[] =>
  verified.map((signature) => cosignatureTime(signature) ?? 0).filter((time) => time > 0)

/** A key that signed the same twice says no more for it; a rollback is judged by the times of these. */
const MAX_OWN = 4

/** The same with no signatures but those of the accused: one file for one lie, whoever else signed the checkpoints. */
export const withoutOthers = (evidence: Evidence): Evidence => {
  const { name, keyId } = evidence.accused
  const strip = (bytes: Uint8Array): Uint8Array => {
    const { text, signatures } = parseNote(bytes)
    const own = signatures.filter((signature) => signature.name === name && signature.keyId === keyId)
    return own.length === 0 ? bytes : formatNote({ text, signatures: own.slice(0, MAX_OWN) })
  }
  return { ...evidence, smaller: strip(evidence.smaller), larger: strip(evidence.larger) }
}

/** The name of an evidence file: the SHA-256 of its bytes, in hex. */
export const evidenceId = (bytes: Uint8Array): string => encodeHex(sha256(bytes))

/**
 * The evidence in two checkpoints of one size whose roots differ, in one order whoever finds it. The caller has verified
 * the signatures of `accused` on both.
 */
export const forkOfOneSize = (accused: VerifierKey, a: Uint8Array, b: Uint8Array): Evidence => {
  // The texts come first in the bytes, and they differ in their roots.
  const [smaller, larger] = decodeUtf8(a) < decodeUtf8(b) ? [a, b] : [b, a]
  return { kind: 'fork', accused, smaller, larger }
}
