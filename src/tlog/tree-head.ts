/** Signed tree heads as RFC 6962 encodes them: the bytes that are signed, and the signature around them. */
import { concatBytes, encodeUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'

/** What a signed tree head says (RFC 6962 section 3.5); `timestamp` is in milliseconds since the Unix epoch. */
export interface TreeHeadFields {
  readonly timestamp: number
  readonly size: number
  readonly root: Hash
}

// spec: enum { v1(0), (255) } Version; and enum { certificate_timestamp(0), tree_hash(1), (255) } SignatureType;
const VERSION_AND_TYPE = Uint8Array.of(0, 1)
// spec: RFC 5246 section 7.4.1.4.1: enum { … sha256(4) … } HashAlgorithm; enum { … ecdsa(3), (255) } SignatureAlgorithm;
const SHA256_WITH_ECDSA = Uint8Array.of(4, 3)

/** The 50 bytes that a tree head key signs: the TreeHeadSignature structure of RFC 6962 section 3.5. */
export const treeHeadSignatureInput = ({ timestamp, size, root }: TreeHeadFields): Uint8Array =>
  concatBytes(VERSION_AND_TYPE, encodeUint64(timestamp), encodeUint64(size), root)

/** An ECDSA signature in DER as TLS writes it (DigitallySigned, RFC 5246 section 4.7): algorithms, length, signature. */
export const formatDigitallySigned = (signature: Uint8Array): Uint8Array => {
  if (signature.length > 0xffff)
    throw new RangeError(`want a signature of at most 65,535 bytes, got ${signature.length}`)
  const length = Uint8Array.of(Math.floor(signature.length / 256), signature.length % 256)
  return concatBytes(SHA256_WITH_ECDSA, length, signature)
}

/** The DER signature in a DigitallySigned. Throws `malformed` for other algorithms, a wrong length or bytes behind it. */
export const parseDigitallySigned = (bytes: Uint8Array): Uint8Array => {
  const [hash, algorithm, high = 0, low = 0] = bytes
  if (hash !== 4 || algorithm !== 3) throw new TlogError('malformed', 'signature is not ECDSA with SHA-256')
  const length = 256 * high + low
  if (bytes.length !== 4 + length)
    throw new TlogError('malformed', `want a signature of ${length} bytes, got ${Math.max(0, bytes.length - 4)}`)
  return bytes.slice(4)
}
