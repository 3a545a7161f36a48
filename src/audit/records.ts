/** Where the recorder's rows lie: beside the log, in the same commits. */
import { concatBytes, encodeUint64, encodeUtf8, readUint64 } from '../primitives/bytes.ts'
import { asHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'

/** The name of the key-value store in the log's storage. */
export const AUDIT_STORE = 'audit'

const ID = 0x69
const PAYLOAD = 0x70
const SOURCE = 0x73

/** The key of the row that names the table of subjects which the payloads belong to. */
export const TABLE_ROW = Uint8Array.of(0x74)

/** Bytes of the tags in rows of ids. */
export const TAG_SIZE = 16

/** Where an event went. */
export interface IdRecord {
  readonly index: number
  /** A keyed digest of all of the event. */
  readonly content: Uint8Array
}

/** The key of the row of a source's id, by its tag. */
export const idRow = (tag: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(ID), tag.subarray(0, TAG_SIZE))

/** The value of such a row. */
export const formatIdRecord = ({ index, content }: IdRecord): Uint8Array =>
  concatBytes(encodeUint64(index), content.subarray(0, TAG_SIZE))

/** Parses it. */
export const parseIdRecord = (value: Uint8Array): IdRecord => ({ index: readUint64(value), content: value.slice(8) })

/** The key of the payload of the entry at `index`. */
export const payloadRow = (index: number): Uint8Array => concatBytes(Uint8Array.of(PAYLOAD), encodeUint64(index))

/** Where the chain of a source stands. */
export interface SourceState {
  /** How many entries it has. */
  readonly entries: number
  /** The leaf hash of the last one; undefined when there is none. */
  readonly last: Hash | undefined
  /** The largest number that the source gave to an event itself, 0 for none. */
  readonly numbered: number
}

/** A source that has sent nothing. */
export const NEW_SOURCE: SourceState = { entries: 0, last: undefined, numbered: 0 }

/** The key of the row of a source. */
export const sourceRow = (name: string): Uint8Array => concatBytes(Uint8Array.of(SOURCE), encodeUtf8(name))

/** The value of such a row. Throws RangeError for a source without entries. */
export const formatSourceState = ({ entries, last, numbered }: SourceState): Uint8Array => {
  if (last === undefined) throw new RangeError('a source is written with its first entry')
  return concatBytes(encodeUint64(entries), encodeUint64(numbered), last)
}

/** Parses it. */
export const parseSourceState = (value: Uint8Array): SourceState => ({
  entries: readUint64(value),
  numbered: readUint64(value, 8),
  last: asHash(value.slice(16, 16 + HASH_SIZE)),
})
