/** JSON that says one thing: what parsers disagree about is refused (spec/audit.md, EVENT-2 and EVENT-3). */
import { decodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'

/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json
}

/** True for an object that is no array. */
export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Deeper nesting is refused. */
export const MAX_DEPTH = 32

/**
 * Parses UTF-8. Throws `malformed` for what is no JSON, and for all that two readers might take for two things: keys that
 * appear twice or reach into prototypes, integers over 2^53−1 and numbers beyond the range of a double, lone surrogates,
 * a byte order mark, and nesting over `maxDepth` levels,
 * by default 32.
 */
export const parseStrictJson = (bytes: Uint8Array, maxDepth = MAX_DEPTH): Json => {
  const text = decodeUtf8(bytes)
  const keys = countKeys(text, maxDepth)
  let value: Json
  try {
    value = JSON.parse(text) as Json
  } catch (cause) {
    throw new TlogError('malformed', `want JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  // JSON.parse keeps the last of two members with one name: then there are fewer keys than were written.
  if (checkValue(value) !== keys) throw new TlogError('malformed', 'an object has a key twice')
  return value
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** How many members the objects in the text have, which outside strings is how many colons; checks the depth on the way. */
const countKeys = (text: string, maxDepth: number): number => {
  let depth = 0
  let colons = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === QUOTE) i = endOfString(text, i)
    else if (unit === COLON) colons++
    else if (unit === 0x7b || unit === 0x5b) {
      depth++
      if (depth > maxDepth) throw new TlogError('malformed', `JSON is nested over ${maxDepth} levels deep`)
    } else if (unit === 0x7d || unit === 0x5d) depth--
  }
  return colons
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

const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** How many members the objects in it have. */
const checkValue = (value: Json): number => {
  switch (typeof value) {
    case 'string':
      checkString(value)
      return 0
    case 'number':
      if (!Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value)))
        throw new TlogError('malformed', 'a number is too large to be held exactly: write it as a string')
      return 0
    case 'object':
      return value === null
        ? 0
        : Array.isArray(value)
          ? sum(value as readonly Json[])
          : checkObject(value as JsonObject)
    default:
      return 0
  }
}

const sum = (values: readonly Json[]): number => {
  let keys = 0
  for (const value of values) keys += checkValue(value)
  return keys
}

const checkObject = (value: JsonObject): number => {
  let keys = 0
  for (const key of Object.keys(value)) {
    if (forbiddenKeys.has(key)) throw new TlogError('malformed', `the key ${key} is not taken`)
    checkString(key)
    keys += 1 + checkValue(value[key] ?? null)
  }
  return keys
}

const checkString = (text: string): void => {
  if (!text.isWellFormed()) throw new TlogError('malformed', 'a string has half of a surrogate pair')
}
