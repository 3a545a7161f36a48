/** The body of a mirror's 409 and 202: how to go on with an upload (c2sp.org/tlog-mirror, text/x.tlog.mirror-info). */
import { decodeBase64, encodeBase64 } from '../../primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../primitives/bytes.ts'
import { formatDecimal, parseDecimal } from '../../primitives/decimal.ts'
import { TlogError } from '../../primitives/error.ts'

/** Where a mirror stands with a log. */
export interface MirrorInfo {
  /** The tree size of a checkpoint that the mirror takes as the end of an upload. */
  readonly size: number
  /** The index of the first entry that the mirror does not have. */
  readonly next: number
  /** To be handed back with the next upload; opaque, and often empty. */
  readonly ticket: Uint8Array
}

/** The media type of the body. */
export const MIRROR_INFO_TYPE = 'text/x.tlog.mirror-info'

/** A longer body is none: two numbers, and a ticket as an upload can carry it. */
export const MAX_MIRROR_INFO_BYTES = 2 * 17 + 4 * 21_845 + 1

/** Parses a body strictly. Throws `malformed`, and `too_large` above `MAX_MIRROR_INFO_BYTES`. */
export const parseMirrorInfo = (body: Uint8Array): MirrorInfo => {
  if (body.length > MAX_MIRROR_INFO_BYTES)
    throw new TlogError('too_large', `want at most ${MAX_MIRROR_INFO_BYTES} bytes, got ${body.length}`)
  // spec: the response body MUST [...] consist of three lines, each followed by a newline (U+000A): the tree size of a
  // valid pending checkpoint, in decimal; the next entry, in decimal; an opaque, possibly zero length, ticket value,
  // encoded in base64
  const lines = decodeUtf8(body).split('\n')
  const [size, next, ticket, rest] = lines
  if (size === undefined || next === undefined || ticket === undefined || rest !== '' || lines.length !== 4)
    throw new TlogError('malformed', `want three lines, each with its newline, got ${lines.length - 1}`)
  return { size: parseDecimal(size), next: parseDecimal(next), ticket: decodeBase64(ticket) }
}

/** The bytes of a body. Throws RangeError for numbers that are no sizes. */
export const formatMirrorInfo = ({ size, next, ticket }: MirrorInfo): Uint8Array =>
  encodeUtf8(`${formatDecimal(size)}\n${formatDecimal(next)}\n${encodeBase64(ticket)}\n`)
