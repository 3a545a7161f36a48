/** ML-DSA-44 by Node's crypto where it has it (24.6 with OpenSSL 3.5): seven times faster than the portable one. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { concatBytes } from './bytes.ts'
import { decodeHex, encodeHex } from './hex.ts'
import * as portable from './mldsa44.portable.ts'
import { MLDSA44_KEY_SIZE, MLDSA44_SEED_SIZE, MLDSA44_SIGNATURE_SIZE } from './mldsa44-sizes.ts'

// DER around the raw bytes (RFC 9881): the algorithm identifier 2.16.840.1.101.3.4.3.17, and the seed as [0].
const PKCS8 = decodeHex('3034020100300b060960864801650304031104228020')
const SPKI = decodeHex('30820532300b06096086480165030403110382052100')

const MAX_KEPT = 1_024

const remember = (make: (bytes: Uint8Array) => KeyObject): ((bytes: Uint8Array) => KeyObject) => {
  const known = new Map<string, KeyObject>()
  return (bytes) => {
    const id = encodeHex(bytes)
    const key = known.get(id) ?? make(bytes)
    if (known.size >= MAX_KEPT) known.clear()
    known.set(id, key)
    return key
  }
}

const privateKeys = remember((seed) =>
  createPrivateKey({ key: Buffer.from(concatBytes(PKCS8, seed)), format: 'der', type: 'pkcs8' }),
)
const publicKeys = remember((key) =>
  createPublicKey({ key: Buffer.from(concatBytes(SPKI, key)), format: 'der', type: 'spki' }),
)

/** Node 22 reads such keys where its OpenSSL does, and then neither signs nor verifies with them. */
const isSupported = (): boolean => {
  const seed = new Uint8Array(MLDSA44_SEED_SIZE)
  try {
    const key = privateKeys(seed)
    const signature = sign(null, seed, key)
    return signature.length === MLDSA44_SIGNATURE_SIZE && verify(null, seed, createPublicKey(key), signature)
  } catch {
    return false
  }
}

/** Whose arithmetic this is. */
export const mldsa44Provider: 'platform' | 'noble' = isSupported() ? 'platform' : 'noble'

/** The 1,312-byte public key of a 32-byte seed. Throws RangeError for a seed of another length. */
export const mldsa44PublicKey = (seed: Uint8Array): Uint8Array => {
  if (mldsa44Provider === 'noble') return portable.mldsa44PublicKey(seed)
  const spki = createPublicKey(privateKeys(checkSeed(seed))).export({ type: 'spki', format: 'der' })
  return Uint8Array.from(spki.subarray(-MLDSA44_KEY_SIZE))
}

/**
 * Signs `message` with a 32-byte seed, pure and with an empty context; the platform adds randomness of its own. Throws
 * RangeError for another length.
 */
export const signMldsa44 = (message: Uint8Array, seed: Uint8Array): Uint8Array =>
  mldsa44Provider === 'noble'
    ? portable.signMldsa44(message, seed)
    : Uint8Array.from(sign(null, message, privateKeys(checkSeed(seed))))

/** True when `signature` over `message` is by `publicKey`. Wrong lengths are false. */
export const verifyMldsa44 = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
  if (mldsa44Provider === 'noble') return portable.verifyMldsa44(signature, message, publicKey)
  if (signature.length !== MLDSA44_SIGNATURE_SIZE || publicKey.length !== MLDSA44_KEY_SIZE) return false
  return verify(null, message, publicKeys(publicKey), signature)
}

const checkSeed = (seed: Uint8Array): Uint8Array => {
  if (seed.length !== MLDSA44_SEED_SIZE) throw new RangeError(`an ML-DSA-44 seed has 32 bytes, got ${seed.length}`)
  return seed
}
