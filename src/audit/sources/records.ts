/** Bodies that are one record, an array of them, or one in each line: senders differ, and content types do not tell. */
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { elementsOf, isArrayAt, isObjectAt, membersOf, rootOf, type Span } from './spans.ts'

/**
 * Where the records lie. `list` is the member that has them where the body is an object around an array. Throws `malformed`
 * when the body is none of these.
 */
export const recordsIn = (body: Uint8Array, list?: string): readonly Span[] => {
  const root = wholeOf(body)
  if (root === undefined) return linesOf(body)
  if (isArrayAt(body, root)) return elementsOf(body, root)
  const inside = list === undefined ? undefined : membersOf(body, root).get(list)
  return inside === undefined ? [root] : elementsOf(body, inside)
}

/** The object or array that is all of the body. */
const wholeOf = (body: Uint8Array): Span | undefined => {
  try {
    const root = rootOf(body)
    return isObjectAt(body, root) || isArrayAt(body, root) ? root : undefined
  } catch (error) {
    if (!isTlogError(error, 'malformed')) throw error
    return undefined
  }
}

/** A line that is no JSON is an item that cannot be read, as long as others look like objects. */
const linesOf = (body: Uint8Array): readonly Span[] => {
  const lines: Span[] = []
  for (let start = 0; start < body.length; ) {
    const found = body.indexOf(0x0a, start)
    const next = found === -1 ? body.length : found
    const line = trimmed(body, { start, end: next })
    if (line.start < line.end) lines.push(line)
    start = next + 1
  }
  if (!lines.some((line) => isObjectAt(body, line)))
    throw new TlogError('malformed', 'want a JSON object, an array of them, or one in each line')
  return lines
}

const isBlank = (byte: number | undefined): boolean => byte === 0x20 || byte === 0x09 || byte === 0x0d

const trimmed = (body: Uint8Array, span: Span): Span => {
  let { start, end } = span
  while (start < end && isBlank(body[start])) start++
  while (start < end && isBlank(body[end - 1])) end--
  return { start, end }
}
