/** Batches of entries in one request body: tlog-tiles framing, or a CBOR sequence of byte strings (RFC 8742). */
import { TlogError } from '../primitives/error.ts'
import { MAX_ENTRY_SIZE, parseEntryBundle } from '../tlog/entry-bundle.ts'
import { assertRawEntry } from './raw-entry.ts'

/** The entries of a batch. Throws `malformed`, also for an empty batch or entry, and `too_large`. */
export const parseBatch = (
  contentType: string | undefined,
  body: Uint8Array,
  maxEntries: number,
): readonly Uint8Array[] => {
  const entries = parseByType(contentType, body, maxEntries)
  if (entries.length === 0) throw new TlogError('malformed', 'a batch has at least one entry')
  for (const entry of entries) {
    assertRawEntry(entry)
    if (entry.length > MAX_ENTRY_SIZE)
      throw new TlogError('too_large', `an entry has at most ${MAX_ENTRY_SIZE} bytes, got ${entry.length}`)
  }
  return entries
}

const parseByType = (contentType: string | undefined, body: Uint8Array, maxEntries: number): readonly Uint8Array[] => {
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase()
  if (type === 'application/octet-stream') return parseEntryBundle(body, maxEntries)
  if (type === 'application/cbor-seq') return parseCborSequence(body, maxEntries)
  throw new TlogError(
    'malformed',
    'want Content-Type application/octet-stream (each entry after its length in two bytes) or application/cbor-seq',
  )
}

// spec: RFC 8949 section 3: major type 2 is a byte string, with its length in the low five bits or the 1, 2, 4 or 8 bytes after.
const BYTE_STRING = 2 * 32

/** Splits a sequence of definite byte strings, each length in its shortest form: so a batch has one text (RFC 8949 section 4.2.1). */
const parseCborSequence = (body: Uint8Array, maxEntries: number): readonly Uint8Array[] => {
  const entries: Uint8Array[] = []
  for (let at = 0; at < body.length; ) {
    if (entries.length === maxEntries) throw new TlogError('too_large', `a batch has at most ${maxEntries} entries`)
    const { length, start } = readLength(body, at, entries.length)
    at = start + length
    if (at > body.length) throw new TlogError('malformed', `the body ends within item ${entries.length}`)
    entries.push(body.subarray(start, at))
  }
  return entries
}

const readLength = (
  body: Uint8Array,
  at: number,
  item: number,
): { readonly length: number; readonly start: number } => {
  const low = (body[at] ?? 0) - BYTE_STRING
  if (low >= 0 && low < 24) return { length: low, start: at + 1 }
  if (low < 24 || low > 27) throw new TlogError('malformed', `item ${item} is not a byte string with a length`)
  const bytes = 2 ** (low - 24)
  if (at + 1 + bytes > body.length) throw new TlogError('malformed', `the body ends within item ${item}`)
  let length = 0
  for (let i = 1; i <= bytes; i++) length = 256 * length + (body[at + i] ?? 0)
  if (length < (bytes === 1 ? 24 : 256 ** (bytes / 2)))
    throw new TlogError('malformed', `item ${item} has a longer length than it needs`)
  return { length, start: at + 1 + bytes }
}
