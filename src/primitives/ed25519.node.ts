/** Ed25519 by Node's crypto: ten times faster than the portable one, with exactly its accept set. */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { concatBytes } from './bytes.ts'
import { ED25519_KEY_SIZE, ED25519_SIGNATURE_SIZE, isEd25519Key } from './ed25519-key.ts'
import { decodeHex, encodeHex } from './hex.ts'

/** Whose arithmetic this is. */
export const ed25519Provider: 'platform' | 'noble' = 'platform'

/** The 32-byte public key of a 32-byte seed. Throws RangeError for a seed of another length. */
export const ed25519PublicKey = (seed: Uint8Array): Uint8Array => {
  const spki = createPublicKey(privateKey(seed)).export({ type: 'spki', format: 'der' })
  return Uint8Array.from(spki.subarray(-ED25519_KEY_SIZE))
}

/** Signs `message` with a 32-byte seed; the same input gives the same 64 bytes. Throws RangeError for another length. */
export const signEd25519 = (message: Uint8Array, seed: Uint8Array): Uint8Array =>
  Uint8Array.from(sign(null, message, privateKey(seed)))

/**
 * True when `signature` over `message` is by `publicKey`: the key passes `assertEd25519Key`, S is below the group
 * order, R is not the identity, and R equals the encoding of [S]B − [k]A byte for byte. Wrong lengths are false.
 */
export const verifyEd25519 = (signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean => {
  if (signature.length !== ED25519_SIGNATURE_SIZE || isIdentity(signature)) return false
  // OpenSSL checks S and compares R as bytes, but takes any point as a key.
  return isEd25519Key(publicKey) && verify(null, message, publicKeys(publicKey), signature)
}

// DER around the raw bytes (RFC 8410): the algorithm identifier 1.3.101.112 and a length.
const SPKI = decodeHex('302a300506032b6570032100')
const PKCS8 = decodeHex('302e020100300506032b657004220420')

// Making a KeyObject costs as much as a signature, so they are kept: few in most programs, those of all its logs in a
// witness.
const MAX_KEPT = 16_384

const remember = (make: (bytes: Uint8Array) => KeyObject): ((bytes: Uint8Array) => KeyObject) => {
  const known = new Map<string, KeyObject>()
  return (bytes) => {
    const id = encodeHex(bytes)
    let key = known.get(id)
    if (key === undefined) {
      if (known.size >= MAX_KEPT) known.clear()
      key = make(bytes)
      known.set(id, key)
    }
    return key
  }
}

const publicKeys = remember((bytes) => createPublicKey({ key: derOf(SPKI, bytes), format: 'der', type: 'spki' }))

const privateKeys = remember((bytes) => createPrivateKey({ key: derOf(PKCS8, bytes), format: 'der', type: 'pkcs8' }))

const derOf = (prefix: Uint8Array, bytes: Uint8Array): Buffer => Buffer.from(concatBytes(prefix, bytes))

const privateKey = (seed: Uint8Array): KeyObject => {
  if (seed.length !== ED25519_KEY_SIZE) throw new RangeError(`an Ed25519 seed has 32 bytes, got ${seed.length}`)
  return privateKeys(seed)
}

// With a key of prime order, the identity is the only R of small order that can satisfy the equation.
const isIdentity = (signature: Uint8Array): boolean => {
  for (let i = 1; i < ED25519_KEY_SIZE; i++) if (signature[i] !== 0) return false
  return signature[0] === 1
}
