/** Byte strings: comparing, joining, big-endian integers and strict UTF-8. */
import { TlogError } from './error.ts'

/** True when both hold the same bytes. Not constant time: for secrets see http/tokens. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Joins the parts into one new array. */
export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text as UTF-8 bytes. Lone surrogates become U+FFFD: texts that are signed come from decodeUtf8 or are checked. */
export const encodeUtf8 = (text: string): Uint8Array => encoder.encode(text)

/** UTF-8 bytes as text; a byte order mark is kept as a character. Throws `malformed` unless the bytes are valid UTF-8. */
export const decodeUtf8 = (bytes: Uint8Array): string => {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new TlogError('malformed', 'text is not valid UTF-8', { cause })
  }
}

/** Writes `value` (0 to 2^53−1) as eight big-endian bytes at `offset`. Throws RangeError for other numbers. */
export const writeUint64 = (into: Uint8Array, value: number, offset = 0): void => {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`want an integer from 0 to 2^53-1, got ${value}`)
  if (offset + 8 > into.length) throw new RangeError(`want 8 bytes at ${offset} of ${into.length}`)
  // No DataView: making one takes ten times as long as the eight bytes.
  let rest = value
  for (let at = offset + 7; at >= offset; at--) {
    into[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

/** Eight big-endian bytes holding `value` (0 to 2^53−1). */
export const encodeUint64 = (value: number): Uint8Array => {
  const out = new Uint8Array(8)
  writeUint64(out, value)
  return out
}

/** Reads eight big-endian bytes at `offset`. Throws `malformed` when there are too few or the value is over 2^53−1. */
export const readUint64 = (from: Uint8Array, offset = 0): number => {
  if (from.length < offset + 8)
    throw new TlogError('malformed', `want 8 bytes at ${offset}, got ${from.length - offset}`)
  let value = 0
  for (let at = offset; at < offset + 8; at++) value = value * 256 + (from[at] ?? 0)
  if (!Number.isSafeInteger(value)) throw new TlogError('malformed', 'integer is over 2^53-1')
  return value
}

/** Order of byte strings: negative, zero or positive as `a` sorts before, with or after `b`; a prefix sorts first. */
export const compareBytes = (a: Uint8Array, b: Uint8Array): number => {
  const shorter = Math.min(a.length, b.length)
  for (let i = 0; i < shorter; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
