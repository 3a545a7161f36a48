/** Keys of notes as text: verifier keys (c2sp.org/signed-note) and Go's encoding of signer keys. */
import { decodeBase64, encodeBase64 } from '../primitives/base64.ts'
import { concatBytes, encodeUtf8 } from '../primitives/bytes.ts'
import { ed25519PublicKey } from '../primitives/ed25519.ts'
import { assertEd25519Key, ED25519_KEY_SIZE } from '../primitives/ed25519-key.ts'
import { TlogError } from '../primitives/error.ts'
import { MLDSA44_KEY_SIZE, MLDSA44_SEED_SIZE, mldsa44PublicKey } from '../primitives/mldsa44.ts'
import { sha256 } from '../primitives/sha256.ts'
import { type Algorithm, COSIGNATURE_V1, ED25519, SUBTREE_V1 } from './algorithm.ts'
import { assertKeyName } from './characters.ts'

/** A public key that verifies the signatures of one name, by one algorithm. */
export interface VerifierKey {
  readonly name: string
  /** Derived from the other fields; unsigned 32 bits. */
  readonly keyId: number
  readonly algorithm: Algorithm
  /** 32 bytes for Ed25519, 1,312 for ML-DSA-44. */
  readonly publicKey: Uint8Array
}

/** A private key with its public half. Keep it secret. */
export interface SignerKey extends VerifierKey {
  /** 32 secret bytes from which both halves are made. */
  readonly seed: Uint8Array
}

/** The key ID of a name and a public key: the first four bytes of their hash, unsigned and big-endian. */
export const keyId = (name: string, algorithm: number, publicKey: Uint8Array): number => {
  // spec: key ID = SHA-256(key name || 0x0A || signature type || public key)[:4]
  const hash = sha256(concatBytes(encodeUtf8(name), Uint8Array.of(0x0a, algorithm), publicKey))
  return new DataView(hash.buffer, hash.byteOffset).getUint32(0)
}

/** A verifier key from its parts. Throws `malformed` for a bad name, an unknown algorithm or an unfit public key. */
export const verifierKey = (name: string, algorithm: number, publicKey: Uint8Array): VerifierKey => {
  assertKeyName(name)
  const known = asAlgorithm(algorithm)
  algorithms[known].assertPublicKey(publicKey)
  return { name, keyId: keyId(name, known, publicKey), algorithm: known, publicKey: Uint8Array.from(publicKey) }
}

/** A signer key from its parts. Throws `malformed` for a bad name, an unknown algorithm or a seed that is not 32 bytes. */
export const signerKey = (name: string, algorithm: number, seed: Uint8Array): SignerKey => {
  assertKeyName(name)
  const known = asAlgorithm(algorithm)
  if (seed.length !== algorithms[known].seedSize) {
    throw new TlogError('malformed', `want a seed of ${algorithms[known].seedSize} bytes, got ${seed.length}`)
  }
  const publicKey = algorithms[known].publicKeyOf(seed)
  return { name, keyId: keyId(name, known, publicKey), algorithm: known, publicKey, seed: Uint8Array.from(seed) }
}

/** Parses `<name>+<8 hex>+<base64>`. Throws `malformed` for every other text, for a wrong key ID and an unfit key. */
export const parseVerifierKey = (text: string): VerifierKey => {
  const { name, id, algorithm, material } = splitKey(text)
  const key = verifierKey(name, algorithm, material)
  assertKeyId(key, id)
  return key
}

/** The text of a verifier key, also called vkey; public. */
export const formatVerifierKey = (key: VerifierKey): string => formatKey(key, key.publicKey)

/** Parses `PRIVATE+KEY+<name>+<8 hex>+<base64>`. Throws `malformed`, with a message that holds nothing secret. */
export const parseSignerKey = (text: string): SignerKey => {
  if (!text.startsWith(PRIVATE)) throw new TlogError('malformed', `a signer key starts with ${PRIVATE}`)
  const { name, id, algorithm, material } = splitKey(text.slice(PRIVATE.length))
  const key = signerKey(name, algorithm, material)
  assertKeyId(key, id)
  return key
}

/** The text of a signer key, as Go's sumdb/note writes it; secret. */
export const formatSignerKey = (key: SignerKey): string => PRIVATE + formatKey(key, key.seed)

const PRIVATE = 'PRIVATE+KEY+'

interface KeyAlgorithm {
  readonly seedSize: number
  readonly publicKeyOf: (seed: Uint8Array) => Uint8Array
  readonly assertPublicKey: (publicKey: Uint8Array) => void
}

const ed25519: KeyAlgorithm = {
  seedSize: ED25519_KEY_SIZE,
  publicKeyOf: ed25519PublicKey,
  assertPublicKey: assertEd25519Key,
}

const mldsa44: KeyAlgorithm = {
  seedSize: MLDSA44_SEED_SIZE,
  publicKeyOf: mldsa44PublicKey,
  assertPublicKey: (publicKey) => {
    // Every string of this length is a key: FIPS 204 algorithm 23 has no failure.
    if (publicKey.length === MLDSA44_KEY_SIZE) return
    throw new TlogError('malformed', `an ML-DSA-44 public key has 1312 bytes, got ${publicKey.length}`)
  },
}

const algorithms: Readonly<Record<Algorithm, KeyAlgorithm>> = {
  [ED25519]: ed25519,
  [COSIGNATURE_V1]: ed25519,
  [SUBTREE_V1]: mldsa44,
}

const asAlgorithm = (byte: number): Algorithm => {
  if (byte === ED25519 || byte === COSIGNATURE_V1 || byte === SUBTREE_V1) return byte
  throw new TlogError('malformed', `want signature type 0x01, 0x04 or 0x06, got ${byte}`)
}

// The name has no plus, and neither has hex; the base64 after them may.
const KEY = /^([^+]*)\+([0-9a-f]{8})\+(.*)$/

const splitKey = (text: string): { name: string; id: string; algorithm: number; material: Uint8Array } => {
  const [, name, id, base64] = KEY.exec(text) ?? []
  if (name === undefined || id === undefined || base64 === undefined) {
    throw new TlogError('malformed', 'a key is written <name>+<8 lower-case hex digits>+<base64>')
  }
  const bytes = decodeBase64(base64)
  const algorithm = bytes[0]
  if (algorithm === undefined) throw new TlogError('malformed', 'key has no signature type')
  return { name, id, algorithm, material: bytes.subarray(1) }
}

const formatKey = (key: VerifierKey, material: Uint8Array): string =>
  `${key.name}+${formatKeyId(key.keyId)}+${encodeBase64(concatBytes(Uint8Array.of(key.algorithm), material))}`

const formatKeyId = (id: number): string => id.toString(16).padStart(8, '0')

const assertKeyId = (key: VerifierKey, id: string): void => {
  const want = formatKeyId(key.keyId)
  if (id !== want) throw new TlogError('malformed', `key ID of ${key.name} is ${want}, got ${id}`)
}
