/** Where the parts of a JSON text lie, found without judging what is in them: harm stays within the item that has it. */
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { TlogError } from '../../primitives/error.ts'

/** The bytes from `start` up to but not including `end`. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** The one value of a text, without the white space around it. Throws `malformed`. */
export const rootOf = (bytes: Uint8Array): Span => {
  const start = skipSpace(bytes, 0)
  const end = skipValue(bytes, start)
  if (skipSpace(bytes, end) !== bytes.length) throw wrong(end, 'the end of the text')
  return { start, end }
}

/** Items of one delivery: two bytes can be one, and each becomes an entry for ever. */
export const MAX_ELEMENTS = 20_000

/** The elements of the array that lies there. Throws `malformed` when it is none, and `too_large`. */
export const elementsOf = (bytes: Uint8Array, { start }: Span): readonly Span[] => {
  if (bytes[start] !== OPEN_ARRAY) throw wrong(start, 'an array')
  const elements: Span[] = []
  walk(bytes, start, (at) => {
    if (elements.length === MAX_ELEMENTS) throw new TlogError('too_large', `want at most ${MAX_ELEMENTS} items`)
    const end = skipValue(bytes, at)
    elements.push({ start: at, end })
    return end
  })
  return elements
}

/** The members of the object that lies there. Throws `malformed` when it is none, or has a name twice. */
export const membersOf = (bytes: Uint8Array, { start }: Span): ReadonlyMap<string, Span> => {
  if (bytes[start] !== OPEN_OBJECT) throw wrong(start, 'an object')
  const members = new Map<string, Span>()
  walk(bytes, start, (at) => {
    const afterName = skipString(bytes, at)
    const name = nameAt(bytes, { start: at, end: afterName })
    const colon = skipSpace(bytes, afterName)
    if (bytes[colon] !== 0x3a) throw wrong(colon, '":" after a name')
    const value = skipSpace(bytes, colon + 1)
    const end = skipValue(bytes, value)
    if (members.has(name)) throw wrong(at, `one member ${JSON.stringify(name)}`)
    members.set(name, { start: value, end })
    return end
  })
  return members
}

/** True when an object lies there. */
export const isObjectAt = (bytes: Uint8Array, { start }: Span): boolean => bytes[start] === OPEN_OBJECT

/** True when an array lies there. */
export const isArrayAt = (bytes: Uint8Array, { start }: Span): boolean => bytes[start] === OPEN_ARRAY

/** The bytes that lie there, not copied. */
export const bytesAt = (bytes: Uint8Array, { start, end }: Span): Uint8Array => bytes.subarray(start, end)

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Passes a list; `item` gets where one starts and answers where it ends. */
const walk = (bytes: Uint8Array, start: number, item: (at: number) => number): void => {
  const close = bytes[start] === OPEN_ARRAY ? CLOSE_ARRAY : CLOSE_OBJECT
  let at = skipSpace(bytes, start + 1)
  if (bytes[at] === close) return
  for (;;) {
    at = skipSpace(bytes, item(at))
    if (bytes[at] === close) return
    if (bytes[at] !== COMMA) throw wrong(at, '"," or the end of the list')
    at = skipSpace(bytes, at + 1)
  }
}

const isSpace = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d

const skipSpace = (bytes: Uint8Array, start: number): number => {
  let at = start
  while (isSpace(bytes[at])) at++
  return at
}

const skipString = (bytes: Uint8Array, start: number): number => {
  if (bytes[start] !== QUOTE) throw wrong(start, 'a string')
  for (let at = start + 1; at < bytes.length; at++) {
    if (bytes[at] === BACKSLASH) at++
    else if (bytes[at] === QUOTE) return at + 1
  }
  throw wrong(bytes.length, 'the end of a string')
}

/** Counts brackets rather than recursing: an item may nest as deep as it likes, it is refused when it is read. */
const skipValue = (bytes: Uint8Array, start: number): number => {
  const first = bytes[start]
  if (first === QUOTE) return skipString(bytes, start)
  if (first !== OPEN_ARRAY && first !== OPEN_OBJECT) return skipScalar(bytes, start)
  let depth = 0
  let at = start
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = skipString(bytes, at)
      continue
    }
    at++
    if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) depth++
    else if ((byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) && --depth === 0) return at
  }
  throw wrong(bytes.length, 'a closing bracket')
}

const skipScalar = (bytes: Uint8Array, start: number): number => {
  let at = start
  for (; at < bytes.length; at++) {
    const byte = bytes[at]
    if (isSpace(byte) || byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) break
  }
  if (at === start) throw wrong(start, 'a value')
  return at
}

const nameAt = (bytes: Uint8Array, span: Span): string => {
  const text = decodeUtf8(bytesAt(bytes, span))
  try {
    return JSON.parse(text) as string
  } catch (cause) {
    throw new TlogError('malformed', `byte ${span.start}: want a name`, { cause })
  }
}

const wrong = (at: number, want: string): TlogError => new TlogError('malformed', `byte ${at}: want ${want}`)
