/** Integers of as many bytes as they need (LEB128), up to 2^53−1. */
import { TlogError } from '../../primitives/error.ts'

/** Bytes with a place in them. */
export interface Cursor {
  bytes: Uint8Array
  at: number
}

/** Writes an integer from 0 to 2^53−1 and goes on behind it. There has to be room: eight bytes. */
export const writeVarint = (into: Cursor, value: number): void => {
  let rest = value
  while (rest > 0x7f) {
    into.bytes[into.at++] = (rest % 0x80) | 0x80
    rest = Math.floor(rest / 0x80)
  }
  into.bytes[into.at++] = rest
}

/** Reads one and goes on behind it. Throws `corrupt` when it is cut off or over 2^53−1. */
export const readVarint = (from: Cursor): number => {
  let byte = from.bytes[from.at++] ?? cutOff()
  if (byte < 0x80) return byte
  let value = byte & 0x7f
  for (let scale = 0x80; byte >= 0x80; scale *= 0x80) {
    byte = from.bytes[from.at++] ?? cutOff()
    value += (byte & 0x7f) * scale
    if (!Number.isSafeInteger(value)) return cutOff()
  }
  return value
}

/** A signed integer as one without sign: 0, −1, 1, −2, 2 become 0 to 4. At most 2^52 either way. */
export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

/** The way back. */
export const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2)

const cutOff = (): never => {
  throw new TlogError('corrupt', 'a row of the search index is cut off')
}
