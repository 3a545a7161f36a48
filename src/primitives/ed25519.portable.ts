/** Ed25519 by `@noble/ed25519`, for browsers and as the check on the platform's. */
import { getPublicKey, hashes, Point, sign, verify } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { ED25519_KEY_SIZE, ED25519_SIGNATURE_SIZE, isEd25519Key } from './ed25519-key.ts'

hashes.sha512 = sha512

/** Whose arithmetic this is. */
export const ed25519Provider: 'platform' | 'noble' = 'noble'

/** The 32-byte public key of a 32-byte seed. Throws RangeError for a seed of another length. */
export const ed25519PublicKey = (seed: Uint8Array): Uint8Array => getPublicKey(checkSeed(seed))

/** Signs `message` with a 32-byte seed; the same input gives the same 64 bytes. Throws RangeError for another length. */
export const signEd25519 = (message: Uint8Array, seed: Uint8Array): Uint8Array => sign(message, checkSeed(seed))

/**
 * True when `signature` over `message` is by `publicKey`: the key passes `assertEd25519Key`, S is below the group
 * order, R is not the identity, and R equals the encoding of [S]B − [k]A byte for byte. Wrong lengths are false.
 */
export const verifyEd25519 = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
  if (signature.length !== ED25519_SIGNATURE_SIZE || !isEd25519Key(publicKey)) return false
  // noble's strict mode wants R and A canonical and S below the order, but then multiplies by the cofactor, which
  // hides a torsion component in R. With A and R both free of torsion the equation holds without the cofactor too.
  return verify(signature, message, publicKey, { zip215: false }) && isPrimeOrderR(signature)
}

// R is a point like a key is: of prime order and not the identity. It is not remembered, since it never comes again.
const isPrimeOrderR = (signature: Uint8Array): boolean => {
  const point = Point.fromBytes(signature.subarray(0, ED25519_KEY_SIZE))
  return !point.is0() && point.isTorsionFree()
}

const checkSeed = (seed: Uint8Array): Uint8Array => {
  if (seed.length !== ED25519_KEY_SIZE) throw new RangeError(`an Ed25519 seed has 32 bytes, got ${seed.length}`)
  return seed
}
