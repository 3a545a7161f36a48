/** Base64 with the standard alphabet and padding (RFC 4648 section 4), strict: one text per value. */
import { TlogError } from './error.ts'

const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Bytes as padded base64. */
export const encodeBase64 = (bytes: Uint8Array): string => {
  // In steps, because a call with too many arguments overflows the stack. A spread in its place takes four times as long.
  let binary = ''
  for (let i = 0; i < bytes.length; i += 8192)
    binary += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(i, i + 8192))
  return btoa(binary)
}

/** The bytes of a padded base64 text. Throws `malformed` for any other alphabet, padding, spaces or loose bits. */
export const decodeBase64 = (text: string): Uint8Array => {
  // The alphabet is checked first because atob throws DOMException and skips spaces.
  if (!canonical.test(text)) throw new TlogError('malformed', 'text is not padded standard base64')
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i)
  // spec: RFC 4648 section 3.5, pad bits MUST be zero; atob ignores them, so `AB==` would be a second text of `AA==`.
  if (text.endsWith('=') && encodeBase64(bytes.subarray(bytes.length - (bytes.length % 3))) !== text.slice(-4)) {
    throw new TlogError('malformed', 'base64 text has non-zero pad bits')
  }
  return bytes
}
