/** JSON as other systems write it: like the strict reader, but integers that a double cannot hold become strings. */
import { isJsonObject, type Json, type JsonObject } from '../../event/strict-json.ts'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { TlogError } from '../../primitives/error.ts'

/** A value, or that there is none. */
export type Loose = Json | undefined

/** Deeper nesting is refused: more than other systems' objects have, and little enough to recurse over. */
export const MAX_FOREIGN_DEPTH = 128

/**
 * Parses UTF-8. A number that a double cannot hold exactly because it is too large becomes a string of its digits as they
 * stand there. Throws `malformed` for what is no JSON, keys that appear twice, the key `__proto__`, lone surrogates,
 * a byte order mark, and nesting over `MAX_FOREIGN_DEPTH` levels.
 */
export const parseForeignJson = (bytes: Uint8Array): Json => {
  const { text, keys } = quoteLargeNumbers(decodeUtf8(bytes))
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new TlogError('malformed', `want JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  // JSON.parse keeps the last of two members with one name: then there are fewer keys than were written.
  if (countKeys(value) !== keys) throw new TlogError('malformed', 'an object has a key twice')
  return value
}

/** What is found by going from member to member; undefined where the way ends. */
export const at = (value: Loose, ...path: readonly string[]): Loose => {
  let found = value
  for (const name of path) {
    if (!isJsonObject(found) || !Object.hasOwn(found, name)) return undefined
    found = found[name]
  }
  return found
}

/** A string that is not empty, or a number or boolean as text; undefined for anything else. */
export const textOf = (value: Loose): string | undefined => {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** `textOf` what is found on the way. */
export const textAt = (value: Loose, ...path: readonly string[]): string | undefined => textOf(at(value, ...path))

/** The elements of an array; none for anything else. */
export const listOf = (value: Loose): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : [])

/** An object, or undefined for anything else. */
export const objectOf = (value: Loose): JsonObject | undefined => (isJsonObject(value) ? value : undefined)

/** The JSON in a string, as some systems nest it; undefined when it is none, or would be refused. */
export const jsonIn = (value: Loose): Loose => {
  if (typeof value !== 'string') return undefined
  try {
    return parseForeignJson(new TextEncoder().encode(value))
  } catch {
    return undefined
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/** Puts quotes around numbers that are too large; counts the members, which outside strings is how many colons there are. */
const quoteLargeNumbers = (text: string): { readonly text: string; readonly keys: number } => {
  let quoted = ''
  let done = 0
  let depth = 0
  let keys = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === QUOTE) i = endOfString(text, i)
    else if (unit === 0x3a) keys++
    else if (unit === 0x7b || unit === 0x5b) {
      if (++depth > MAX_FOREIGN_DEPTH)
        throw new TlogError('malformed', `JSON is nested over ${MAX_FOREIGN_DEPTH} levels deep`)
    } else if (unit === 0x7d || unit === 0x5d) depth--
    else if (unit === 0x2d || (unit >= 0x30 && unit <= 0x39)) {
      NUMBER.lastIndex = i
      const [digits] = NUMBER.exec(text) ?? []
      // A minus without digits is left to JSON.parse, which refuses it.
      if (digits === undefined) continue
      if (isTooLarge(digits)) {
        quoted += `${text.slice(done, i)}"${digits}"`
        done = i + digits.length
      }
      i += digits.length - 1
    }
  }
  return { text: quoted + text.slice(done), keys }
}

const isTooLarge = (digits: string): boolean => {
  const value = Number(digits)
  return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value))
}

/** The offset of the quote that ends a string; the length of the text when there is none. */
const endOfString = (text: string, start: number): number => {
  for (let i = start + 1; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === BACKSLASH) i++
    else if (unit === QUOTE) return i
  }
  return text.length
}

/** How many members the objects in it have. */
const countKeys = (value: Json): number => {
  if (typeof value === 'string') checkString(value)
  if (Array.isArray(value)) return (value as readonly Json[]).reduce<number>((keys, one) => keys + countKeys(one), 0)
  if (!isJsonObject(value)) return 0
  let keys = 0
  for (const key of Object.keys(value)) {
    // The keys constructor and prototype are taken: anybody can put them into the labels of what they do, and should not be
    // able to have it quarantined. Only own members are ever read.
    if (key === '__proto__') throw new TlogError('malformed', 'the key __proto__ is not taken')
    checkString(key)
    keys += 1 + countKeys(value[key] ?? null)
  }
  return keys
}

const checkString = (text: string): void => {
  if (!text.isWellFormed()) throw new TlogError('malformed', 'a string has half of a surrogate pair')
}
