/** ML-DSA-44 (FIPS 204): pure, with an empty context, and deterministic. */
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'

/** Bytes in a public key. */
export const MLDSA44_KEY_SIZE = 1312

/** Bytes in the seed of a key pair (ξ of FIPS 204). */
export const MLDSA44_SEED_SIZE = 32

/** Bytes in a signature. */
export const MLDSA44_SIGNATURE_SIZE = 2420

/** The key pair of a 32-byte seed; the secret key is the expanded one, 2,560 bytes. Throws RangeError for other lengths. */
export const mldsa44Keys = (seed: Uint8Array): { readonly publicKey: Uint8Array; readonly secretKey: Uint8Array } => {
  if (seed.length !== MLDSA44_SEED_SIZE) throw new RangeError(`an ML-DSA-44 seed has 32 bytes, got ${seed.length}`)
  return ml_dsa44.keygen(seed)
}

/** Signs `message` with an expanded secret key. Takes about five milliseconds. */
export const signMldsa44 = (message: Uint8Array, secretKey: Uint8Array): Uint8Array =>
  // Without fresh randomness the same input gives the same signature, which FIPS 204 section 3.4 allows.
  ml_dsa44.sign(message, secretKey, { extraEntropy: false })

/** True when `signature` over `message` is by `publicKey`. Wrong lengths are false. Takes about a millisecond. */
export const verifyMldsa44 = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean =>
  signature.length === MLDSA44_SIGNATURE_SIZE &&
  publicKey.length === MLDSA44_KEY_SIZE &&
  ml_dsa44.verify(signature, message, publicKey)
