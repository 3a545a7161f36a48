/** Which Ed25519 public keys are fit for use: one encoding, on the curve, in the prime-order group. */
import { Point } from '@noble/ed25519'
import { TlogError } from './error.ts'
import { encodeHex } from './hex.ts'

/** Bytes in a public key, and in the seed of a private one. */
export const ED25519_KEY_SIZE = 32

/** Bytes in a signature. */
export const ED25519_SIGNATURE_SIZE = 64

/**
 * Takes 32 bytes as an Ed25519 public key. Throws `malformed` for another length, for an encoding that RFC 8032
 * section 5.1.3 does not allow, and for a point with a torsion component.
 *
 * Verifiers disagree about such keys: the identity point verifies any message under some of them, and a mixed-order
 * key signs checkpoints that half of the world accepts. Refusing the key is what makes one answer possible.
 */
export const assertEd25519Key = (publicKey: Uint8Array): void => {
  if (publicKey.length !== ED25519_KEY_SIZE) {
    throw new TlogError('malformed', `an Ed25519 public key has 32 bytes, got ${publicKey.length}`)
  }
  if (!isEd25519Key(publicKey)) {
    throw new TlogError('malformed', 'Ed25519 public key is not the canonical encoding of a point of prime order')
  }
}

/** True when `assertEd25519Key` would not throw. The first answer for a key costs about a millisecond. */
export const isEd25519Key = (publicKey: Uint8Array): boolean => {
  const id = encodeHex(publicKey)
  if (vetted.has(id)) return true
  if (!isPrimeOrder(publicKey)) return false
  if (vetted.size >= MAX_VETTED) vetted.clear()
  vetted.add(id)
  return true
}

// Only good keys are remembered: a handful in most programs, those of all its logs in a witness.
const MAX_VETTED = 65_536
const vetted = new Set<string>()

const isPrimeOrder = (publicKey: Uint8Array): boolean => {
  if (publicKey.length !== ED25519_KEY_SIZE) return false
  try {
    const point = Point.fromBytes(publicKey)
    // The identity is torsion-free by the letter, so small order is asked for by name.
    return !point.isSmallOrder() && point.isTorsionFree()
  } catch {
    return false
  }
}
