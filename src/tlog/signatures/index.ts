/** The list of signature algorithms: a new one is one file and one line here. */
import {
  type Algorithm,
  COSIGNATURE_V1,
  ED25519,
  type NoteSigner,
  type NoteVerifier,
  SUBTREE_V1,
} from '../../note/algorithm.ts'
import { parseSignerKey, parseVerifierKey, type SignerKey, type VerifierKey } from '../../note/key.ts'
import type { NoteSignature } from '../../note/note.ts'
import { ED25519_SIGNATURE_SIZE } from '../../primitives/ed25519-key.ts'
import { MLDSA44_SIGNATURE_SIZE } from '../../primitives/mldsa44.ts'
import { cosignatureSigner, cosignatureVerifier } from './cosignature.ts'
import { ed25519Signer, ed25519Verifier } from './ed25519.ts'
import { mldsa44Signer, mldsa44Verifier } from './mldsa44.ts'
import { splitTimestamped } from './timestamped.ts'

/** One signature algorithm as the list holds it. */
export interface SignatureAlgorithm {
  /** For people. */
  readonly title: string
  readonly verifier: (key: VerifierKey) => NoteVerifier
  /** `time` is in POSIX seconds; algorithms that are not `timed` ignore it. */
  readonly signer: (key: SignerKey, time: number) => NoteSigner
  /** True when signatures begin with a time, so that signing needs one. */
  readonly timed: boolean
}

/** Every algorithm by its signature type byte. */
export const signatureAlgorithms: Readonly<Record<Algorithm, SignatureAlgorithm>> = {
  [ED25519]: { title: 'Ed25519', verifier: ed25519Verifier, signer: ed25519Signer, timed: false },
  [COSIGNATURE_V1]: {
    title: 'Ed25519 cosignature/v1',
    verifier: cosignatureVerifier,
    signer: cosignatureSigner,
    timed: true,
  },
  [SUBTREE_V1]: { title: 'ML-DSA-44 subtree/v1', verifier: mldsa44Verifier, signer: mldsa44Signer, timed: true },
}

/** The verifier of a key or of its text. Throws `malformed` for a bad text. */
export const verifierOf = (vkey: string | VerifierKey): NoteVerifier => {
  const key = typeof vkey === 'string' ? parseVerifierKey(vkey) : vkey
  return signatureAlgorithms[key.algorithm].verifier(key)
}

/**
 * The signer of a key or of its secret text. Keys of types 0x04 and 0x06 sign a `time` in POSIX seconds and throw
 * RangeError without one; 0x01 has no time. Throws `malformed` for a bad text.
 */
export const signerOf = (
  skey: string | SignerKey,
  { time }: { readonly time?: number | undefined } = {},
): NoteSigner => {
  const key = typeof skey === 'string' ? parseSignerKey(skey) : skey
  const { signer, timed, title } = signatureAlgorithms[key.algorithm]
  if (timed && (time === undefined || !Number.isSafeInteger(time) || time < 0)) {
    throw new RangeError(`${title} signs a time in whole POSIX seconds, got ${time}`)
  }
  return signer(key, time ?? 0)
}

/**
 * The POSIX seconds that a cosignature states, or undefined for a signature without a time. Trust it only in a
 * signature that is verified; 0 makes no statement about time.
 */
export const cosignatureTime = ({ signature }: NoteSignature): number | undefined =>
  (splitTimestamped(signature, ED25519_SIGNATURE_SIZE) ?? splitTimestamped(signature, MLDSA44_SIGNATURE_SIZE))?.time
