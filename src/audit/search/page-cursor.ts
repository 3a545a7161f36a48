/** Cursors: where a page ended, and how large the index was when the first page was asked for. */
import { concatBytes, encodeUint64, equalBytes, readUint64 } from '../../primitives/bytes.ts'
import { TlogError } from '../../primitives/error.ts'
import { decodeHex, encodeHex } from '../../primitives/hex.ts'

/** Where the page before ended. */
export interface PageCursor {
  /** The size of the log when the first page was asked for. */
  readonly size: number
  /** The last event on the page. */
  readonly index: number
  /** Its time; 0 in the order of indices. */
  readonly time: number
}

const VERSION = 1

/** A text of hexadecimal digits; `mark` (eight bytes) says of which query. */
export const formatCursor = ({ size, index, time }: PageCursor, mark: Uint8Array): string => {
  const sign = Uint8Array.of(VERSION, time < 0 ? 1 : 0)
  return encodeHex(concatBytes(sign, encodeUint64(size), encodeUint64(index), encodeUint64(Math.abs(time)), mark))
}

/** Parses it. Throws `malformed` for what no page of this query was given. */
export const parseCursor = (text: string, mark: Uint8Array): PageCursor => {
  if (typeof text !== 'string' || text.length !== 2 * (2 + 3 * 8 + mark.length)) throw malformed('is no cursor')
  const bytes = decodeHex(text)
  if (bytes[0] !== VERSION || (bytes[1] ?? 2) > 1) throw malformed('is no cursor')
  if (!equalBytes(bytes.subarray(26), mark)) throw malformed('is of another query')
  const [size, index, time] = [readUint64(bytes, 2), readUint64(bytes, 10), readUint64(bytes, 18)]
  return { size, index, time: bytes[1] === 1 ? -time : time }
}

const malformed = (what: string): TlogError => new TlogError('malformed', `the cursor ${what}`)
