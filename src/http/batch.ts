/** Batches of entries in one request body: tlog-tiles framing, or a CBOR sequence of byte strings (RFC 8742). */
import { Decoder } from 'cbor-x'
import { TlogError } from '../primitives/error.ts'
import { MAX_ENTRY_SIZE, parseEntryBundle } from '../tlog/entry-bundle.ts'

const decoder = new Decoder({ useRecords: false, mapsAsObjects: false })

/** The entries of a batch. Throws `malformed`, also for an empty batch or entry, and `too_large`. */
export const parseBatch = (
  contentType: string | undefined,
  body: Uint8Array,
  maxEntries: number,
): readonly Uint8Array[] => {
  const entries = parseByType(contentType, body, maxEntries)
  if (entries.length === 0) throw new TlogError('malformed', 'a batch has at least one entry')
  for (const entry of entries) {
    if (entry.length === 0) throw new TlogError('malformed', 'an entry has at least one byte')
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

const parseCborSequence = (body: Uint8Array, maxEntries: number): readonly Uint8Array[] => {
  const entries: Uint8Array[] = []
  const take = (item: unknown): void => {
    if (!(item instanceof Uint8Array)) throw new TlogError('malformed', `item ${entries.length} is not a byte string`)
    if (entries.length === maxEntries) throw new TlogError('too_large', `a batch has at most ${maxEntries} entries`)
    entries.push(item)
  }
  try {
    if (body.length > 0) decoder.decodeMultiple(body, take)
  } catch (cause) {
    if (cause instanceof TlogError) throw cause
    throw new TlogError('malformed', 'body is not a CBOR sequence of byte strings', { cause })
  }
  return entries
}
