/** Lower-case hexadecimal, strict: one text per value. */
import { TlogError } from './error.ts'

const digits = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Bytes as lower-case hex. */
export const encodeHex = (bytes: Uint8Array): string => {
  let text = ''
  for (const byte of bytes) text += digits[byte]
  return text
}

/** The bytes of a lower-case hex text. Throws `malformed` for upper case, odd length or other characters. */
export const decodeHex = (text: string): Uint8Array => {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new TlogError('malformed', 'text is not lower-case hex of whole bytes')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}
