/** Signature type 0x06: ML-DSA-44 cosignatures of checkpoints and subtrees (c2sp.org/tlog-cosignature). */
import type { NoteSigner, NoteVerifier } from '../../note/algorithm.ts'
import { formatVerifierKey, type SignerKey, type VerifierKey } from '../../note/key.ts'
import { concatBytes, encodeUint64, encodeUtf8 } from '../../primitives/bytes.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { asHash, type Hash } from '../../primitives/hash.ts'
import { MLDSA44_SIGNATURE_SIZE, signMldsa44, verifyMldsa44 } from '../../primitives/mldsa44.ts'
import { parseCheckpoint } from '../checkpoint.ts'
import { joinTimestamped, splitTimestamped } from './timestamped.ts'

/** A range of leaves of a log and the root of the tree over them. A checkpoint is the range from 0 to its size. */
export interface Subtree {
  /** The log's origin line, at most 255 bytes. */
  readonly origin: string
  /** Index of the first leaf. */
  readonly start: number
  /** Index after the last leaf. */
  readonly end: number
  /** Root of the tree over these leaves. */
  readonly hash: Hash
}

/**
 * The bytes that a cosigner named `cosigner` signs about a subtree at `timestamp` (POSIX seconds; 0 makes no statement
 * about time). Throws `malformed` for a name or origin that does not fit, RangeError for other impossible values.
 */
export const cosignedMessage = (
  subtree: Subtree & { readonly cosigner: string; readonly timestamp: number },
): Uint8Array => {
  const { cosigner, timestamp, origin, start, end, hash } = subtree
  if (start > end) throw new RangeError(`a subtree starts before it ends, got ${start} and ${end}`)
  // spec: If `start` is not zero, `timestamp` MUST be zero.
  if (start !== 0 && timestamp !== 0) throw new RangeError(`a subtree from ${start} has no timestamp, got ${timestamp}`)
  return concatBytes(
    LABEL,
    opaque8(cosigner),
    encodeUint64(timestamp),
    opaque8(origin),
    encodeUint64(start),
    encodeUint64(end),
    asHash(hash),
  )
}

/** Verifies cosignatures of checkpoints with a key of type 0x06. Extension lines are not signed. */
export const mldsa44Verifier = (key: VerifierKey): NoteVerifier => ({
  name: key.name,
  keyId: key.keyId,
  verify: (text, signature) => {
    const subtree = ifWellFormed(() => checkpointSubtree(text))
    return subtree !== undefined && verifySubtreeSignature(key, subtree, signature)
  },
})

/**
 * Signs checkpoints with a key of type 0x06, stating `time` in POSIX seconds, or 0 for no statement about time. Its
 * `sign` throws `malformed` for a text that is not a checkpoint or whose origin is over 255 bytes.
 */
export const mldsa44Signer = (key: SignerKey, time: number): NoteSigner => ({
  name: key.name,
  keyId: key.keyId,
  vkey: formatVerifierKey(key),
  sign: (text) => signTimestamped(key, checkpointSubtree(text), time),
})

/** The subtree that a cosignature of a checkpoint's text is about. Throws `malformed` for a text that is no checkpoint. */
export const checkpointSubtree = (text: string): Subtree => {
  const { origin, size, root } = parseCheckpoint(text)
  // spec: If signing a checkpoint, [start] MUST be zero. If signing a checkpoint, [end] is the size of the tree.
  return { origin, start: 0, end: size, hash: root }
}

/** Signs a subtree without a time, as `sign-subtree` answers it: the bytes after the key ID. Throws as `cosignedMessage`. */
export const signSubtree = (key: SignerKey, subtree: Subtree): Uint8Array => signTimestamped(key, subtree, 0)

/** The bare signature of a message that `cosignedMessage` made, by a key of type 0x06: what takes time when one cosigns. */
export const signCosignedMessage = (key: SignerKey, message: Uint8Array): Uint8Array => signMldsa44(message, key.seed)

/** True when `signature`, the bytes after the key ID, is the key's over the subtree, at the time that it states. */
export const verifySubtreeSignature = (key: VerifierKey, subtree: Subtree, signature: Uint8Array): boolean => {
  const parts = splitTimestamped(signature, MLDSA44_SIGNATURE_SIZE)
  if (parts === undefined || (subtree.start !== 0 && parts.time !== 0)) return false
  const message = ifWellFormed(() => cosignedMessage({ ...subtree, cosigner: key.name, timestamp: parts.time }))
  return message !== undefined && verifyMldsa44(parts.signature, message, key.publicKey)
}

// spec: uint8 label[12] = "subtree/v1\n\0";
const LABEL = encodeUtf8('subtree/v1\n\0')

const signTimestamped = (key: SignerKey, subtree: Subtree, time: number): Uint8Array =>
  joinTimestamped(time, signCosignedMessage(key, cosignedMessage({ ...subtree, cosigner: key.name, timestamp: time })))

// spec: opaque cosigner_name<1..2^8-1>; opaque log_origin<1..2^8-1>;
const opaque8 = (text: string): Uint8Array => {
  const bytes = encodeUtf8(text)
  if (bytes.length < 1 || bytes.length > 255) {
    throw new TlogError('malformed', `names and origins have 1 to 255 bytes here, got ${bytes.length}`)
  }
  return concatBytes(Uint8Array.of(bytes.length), bytes)
}

/** What `make` returns, or undefined for a name, origin or text that cannot have been signed. */
const ifWellFormed = <T>(make: () => T): T | undefined => {
  try {
    return make()
  } catch (error) {
    if (isTlogError(error, 'malformed')) return undefined
    throw error
  }
}
