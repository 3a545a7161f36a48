/** A SHA-256 value as a type: 32 bytes, checked where it is made. */
import { encodeBase64 } from './base64.ts'
import { TlogError } from './error.ts'

declare const hash: unique symbol

/** Exactly 32 bytes. Types erase at run time, so code that accepts a proof checks the length again. */
export type Hash = Uint8Array & { readonly [hash]: true }

/** The number of bytes in a SHA-256 value. */
export const HASH_SIZE = 32

/** Takes 32 bytes as a hash, without copying. Throws `malformed` for another length. */
export const asHash = (bytes: Uint8Array): Hash => {
  if (bytes.length !== HASH_SIZE) throw new TlogError('malformed', `a hash has 32 bytes, got ${bytes.length}`)
  return bytes as Hash
}

/** True when both are 32 bytes long and the same. */
export const equalHash = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== HASH_SIZE || b.length !== HASH_SIZE) return false
  for (let i = 0; i < HASH_SIZE; i++) if (a[i] !== b[i]) return false
  return true
}

/** A hash as people and texts write it: base64. */
export const formatHash = (value: Hash): string => encodeBase64(value)
