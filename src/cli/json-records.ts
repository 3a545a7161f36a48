/** The records of a JSON file: each element of one of its arrays, byte for byte as it stands there. */
import { TlogError } from '../primitives/error.ts'
import { type ByteRange, JsonScanner } from './json-scanner.ts'

/** A JSON Pointer (RFC 6901) taken apart: the unescaped reference tokens; none means the whole document. */
export type JsonPointer = readonly string[]

/** Parses a JSON Pointer. Throws `malformed`. */
export const parseJsonPointer = (text: string): JsonPointer => {
  // spec: json-pointer = *( "/" reference-token )
  if (text !== '' && !text.startsWith('/')) {
    throw new TlogError('malformed', `a JSON pointer is empty or starts with "/", got ${JSON.stringify(text)}`)
  }
  if (/~(?![01])/.test(text)) {
    throw new TlogError('malformed', `in a JSON pointer ~ is followed by 0 or 1, got ${JSON.stringify(text)}`)
  }
  // spec: first transforming any occurrence of the sequence '~1' to '/', and then transforming any occurrence of the
  // sequence '~0' to '~'.
  const tokens = text.split('/').slice(1)
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/**
 * Where the elements of the array at `pointer` lie in a JSON text, each without the white space around it. The whole
 * text is checked, not only the way there. Throws `malformed` with the offset for what RFC 8259 does not allow, also for
 * a byte order mark; and `not_found` when the pointer leads to nothing, to something else than an array, or through a
 * name that stands twice in its object.
 */
export const jsonRecords = (bytes: Uint8Array, pointer: JsonPointer): readonly ByteRange[] => {
  const scanner = new JsonScanner(bytes)
  const found = follow(scanner, pointer, '')
  scanner.end()
  // Said only now, since in a text that is no JSON nothing is at any place.
  if (typeof found === 'string') throw new TlogError('not_found', found)
  return found
}

/** The elements' places, or why there are none. */
type Found = readonly ByteRange[] | string

/** Passes one value, and on the way follows the rest of the pointer from it. `path` is the pointer's part before. */
const follow = (scanner: JsonScanner, pointer: JsonPointer, path: string): Found => {
  const [token, ...rest] = pointer
  const kind = scanner.kind()
  if (token === undefined) return recordsHere(scanner, kind, path)
  const next = `${path}/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`
  const step = (): Found => follow(scanner, rest, next)
  if (kind === 'object') return memberNamed(scanner, token, step, next)
  if (kind === 'array') return elementAt(scanner, token, step, next)
  scanner.value()
  return nothingAt(next)
}

const nothingAt = (path: string): string => `nothing at ${JSON.stringify(path)}`

const recordsHere = (scanner: JsonScanner, kind: string, path: string): Found => {
  const records: ByteRange[] = []
  if (kind === 'array') {
    scanner.elements(() => records.push(scanner.value()))
    return records
  }
  return `byte ${scanner.value().start}: what is at ${JSON.stringify(path)} is not an array`
}

const memberNamed = (scanner: JsonScanner, wanted: string, step: () => Found, path: string): Found => {
  let found: Found | undefined
  scanner.members((name) => {
    if (name === wanted && found === undefined) {
      found = step()
      return
    }
    const { start } = scanner.value()
    // spec: If a referenced member name is not unique in an object, the member that is referenced is undefined, and
    // evaluation fails (RFC 6901 section 4).
    if (name === wanted) found = `byte ${start}: ${JSON.stringify(path)} stands here a second time`
  })
  return found ?? nothingAt(path)
}

const elementAt = (scanner: JsonScanner, wanted: string, step: () => Found, path: string): Found => {
  let found: Found | undefined
  scanner.elements((position) => {
    // spec: array-index = %x30 / ( %x31-39 *(%x30-39) ); leading zeros are not allowed, so texts are compared.
    if (String(position) === wanted) found = step()
    else scanner.value()
  })
  return found ?? nothingAt(path)
}
