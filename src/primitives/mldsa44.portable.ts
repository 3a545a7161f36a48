/** ML-DSA-44 by `@noble/post-quantum`, for browsers, for Node before 24.6 and as the check on the platform's. */
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'
import { encodeHex } from './hex.ts'
import { MLDSA44_KEY_SIZE, MLDSA44_SEED_SIZE, MLDSA44_SIGNATURE_SIZE } from './mldsa44-sizes.ts'

/** Whose arithmetic this is. */
export const mldsa44Provider: 'platform' | 'noble' = 'noble'

/** The 1,312-byte public key of a 32-byte seed. Throws RangeError for a seed of another length. */
export const mldsa44PublicKey = (seed: Uint8Array): Uint8Array => keysOf(seed).publicKey

/**
 * Signs `message` with a 32-byte seed, pure and with an empty context. Takes about five milliseconds. Throws RangeError
 * for another length.
 */
export const signMldsa44 = (message: Uint8Array, seed: Uint8Array): Uint8Array =>
  // Without fresh randomness the same input gives the same signature, which FIPS 204 section 3.4 allows.
  ml_dsa44.sign(message, keysOf(seed).secretKey, { extraEntropy: false })

/** True when `signature` over `message` is by `publicKey`. Wrong lengths are false. Takes about a millisecond. */
export const verifyMldsa44 = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean =>
  signature.length === MLDSA44_SIGNATURE_SIZE &&
  publicKey.length === MLDSA44_KEY_SIZE &&
  ml_dsa44.verify(signature, message, publicKey)

type Keys = ReturnType<typeof ml_dsa44.keygen>

/** Expanding a seed takes as long as half a signature, and there are few: the keys of one witness. */
const keysOf = (seed: Uint8Array): Keys => {
  if (seed.length !== MLDSA44_SEED_SIZE) throw new RangeError(`an ML-DSA-44 seed has 32 bytes, got ${seed.length}`)
  const id = encodeHex(seed)
  const known = expanded.get(id)
  if (known !== undefined) return known
  if (expanded.size >= MAX_KEPT) expanded.clear()
  const keys = ml_dsa44.keygen(seed)
  expanded.set(id, keys)
  return keys
}

const MAX_KEPT = 16
const expanded = new Map<string, Keys>()
