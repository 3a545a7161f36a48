/** Values from outside are made to fit the rules for events: nothing happened less because its text is too long. */
import { canonicalJson } from '../../event/canonical-json.ts'
import { MAX_STRING } from '../../event/event.ts'
import { isJsonObject, type Json, type JsonObject } from '../../event/strict-json.ts'
import { parseTime } from '../../event/time.ts'
import { encodeUtf8 } from '../../primitives/bytes.ts'
import { encodeHex } from '../../primitives/hex.ts'
import { sha256 } from '../../primitives/sha256.ts'
import { type Loose, textOf } from './foreign-json.ts'

/** Text without the characters that events refuse, cut to the longest that they take; undefined when there is none. */
export const fitText = (value: Loose): string | undefined => {
  const text = textOf(value)
  return text === undefined ? undefined : fitString(text)
}

/** An id of 1 to 64 visible ASCII characters: the text itself where it is one, or else the hash of it; none for none. */
export const fitId = (text: string | undefined): string | undefined => {
  if (text === undefined || text === '') return undefined
  return /^[\x21-\x7e]{1,64}$/.test(text) ? text : hashId(text)
}

/** An id made of a text: `sha256:` and the first 40 hex digits of its hash. */
export const hashId = (text: string | Uint8Array): string => {
  const hash = sha256(typeof text === 'string' ? encodeUtf8(text) : text)
  return `sha256:${encodeHex(hash).slice(0, 40)}`
}

/** A type of things: 1 to 64 of a-z, 0-9, _ and -; `unknown` when nothing is left. */
export const fitKind = (text: string | undefined): string => {
  const kind = (text ?? '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, '-')
    .replaceAll(/^-+/g, '')
    .slice(0, 64)
    .replaceAll(/-+$/g, '')
  return kind === '' ? 'unknown' : kind
}

/** A tenant, where the text can be one. */
export const fitTenant = (value: Loose): string | undefined => {
  const text = textOf(value)?.toLowerCase()
  return text !== undefined && /^[a-z0-9._-]{1,64}$/.test(text) ? text : undefined
}

/** The longest `before` or `after` that is kept beside the bytes it came in, in characters of its JSON. */
export const MAX_STATE = 65_536

/** An object whose strings and keys fit. One that is too large, which the raw bytes have in full, is kept as its size and hash. */
export const fitObject = (value: Loose): JsonObject | undefined => {
  if (!isJsonObject(value) || Object.keys(value).length === 0) return undefined
  const text = canonicalJson(value)
  if (text.length > MAX_STATE)
    return { omitted: { characters: text.length, sha256: encodeHex(sha256(encodeUtf8(text))) } }
  return fitMembers(value, 0)
}

/** The time of an event from its text, cut to nine decimals. What is no time is handed on, to be refused. */
export const fitTime = (value: Loose): string | undefined => {
  const text = textOf(value)
  return text === undefined || parseTime(text) !== undefined ? text : text.replace(/(\.\d{9})\d+/, '$1').slice(0, 64)
}

const YEAR_0 = -62_167_219_200_000
const YEAR_10000 = 253_402_300_800_000

/** Milliseconds since the Unix epoch, a number or its digits, as RFC 3339; undefined for what is no time. */
export const timeOfMillis = (value: Loose): string | undefined => {
  const isDigits = typeof value === 'string' && /^\d{1,15}$/.test(value)
  const ms = typeof value === 'number' || isDigits ? Math.floor(Number(value)) : Number.NaN
  return ms >= YEAR_0 && ms < YEAR_10000 ? new Date(ms).toISOString() : undefined
}

/** Nanoseconds since the Unix epoch, in digits, as RFC 3339 to the nanosecond; undefined for 0 and what is no time. */
export const timeOfNanos = (value: Loose): string | undefined => {
  const digits = textOf(value)
  if (digits === undefined || !/^[1-9]\d{0,20}$/.test(digits)) return undefined
  const padded = digits.padStart(10, '0')
  const seconds = timeOfMillis(Number(padded.slice(0, -9)) * 1_000)
  return seconds?.replace('.000Z', `.${padded.slice(-9)}Z`)
}

/** The action of what has no counterpart in the vocabulary: `custom.<format>.<name>`, at most 64 characters behind `custom.` */
export const customAction = (format: string, name: string | undefined): string => {
  const text = `${format}.${name ?? 'unknown'}`.toLowerCase().replaceAll(/[^a-z0-9._-]/g, '-')
  return `custom.${text.slice(0, 64)}`
}

/** Keys under which systems write secrets. What stands there does not go into `before` and `after`. */
const SECRET =
  /^(?:.*password|passwd|pwd|.*secret|credentials?|secretdata|credentialdata|.*token|privatekey|.*secretaccesskey)$/i

/** Objects below this many levels are cut: the event around them is 32 levels deep at most. */
const MAX_LEVELS = 24

const fitMembers = (value: JsonObject, level: number): JsonObject =>
  Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const isSecret = SECRET.test(key) && one !== null && typeof one !== 'boolean'
      return [fitKey(key), isSecret ? '[redacted]' : fitJson(one, level + 1)]
    }),
  )

/** Paths of other systems become keys here, and some of those would be refused wherever the event is read again. */
const fitKey = (key: string): string => (/^(?:__proto__|constructor|prototype)$/.test(key) ? `${key} ` : fitString(key))

const fitJson = (value: Json, level: number): Json => {
  if (typeof value === 'string') return fitString(value)
  if (typeof value !== 'object' || value === null) return value
  if (level > MAX_LEVELS) return '…'
  if (Array.isArray(value)) return (value as readonly Json[]).map((one) => fitJson(one, level + 1))
  return fitMembers(value as JsonObject, level)
}

// What events refuse: controls but tab and line feed, and what makes text run the other way; and halves of surrogate pairs.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are replaced
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g

const fitString = (text: string): string => {
  // Cut before it is searched: what is thrown away costs nothing.
  const short = text.length > MAX_STRING ? `${text.slice(0, MAX_STRING - 1).replace(/[\ud800-\udbff]$/, '')}…` : text
  return short.toWellFormed().replaceAll(REFUSED, '\ufffd')
}
