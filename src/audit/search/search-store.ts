/** The rows of the search index: written a segment at a time, read by term and by column. */
import { concatBytes, encodeUint64, encodeUtf8, equalBytes, readUint64 } from '../../primitives/bytes.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import type { Change, KeyValueStore } from '../../storage/storage.ts'
import { type Bitmap, emptyBitmap, SEGMENT_SIZE } from './bitmap.ts'
import type { Blinder, BlindTerm } from './blind.ts'
import { BUCKETS, bucketOf, formatBucket, readBucket } from './buckets.ts'
import { type Column, columnOf, formatColumn, formatTimes, parseColumn, parseTimes } from './columns.ts'
import { type Field, fields, type Segment, type Summary, type Term } from './segment.ts'
import type { Cursor } from './varint.ts'

/** The name of the key-value store in the log's storage. */
export const SEARCH_STORE = 'search'

/** Fields with a column: those that events are counted by. */
export const columnFields = ['action', 'actor', 'target', 'outcome', 'source', 'tenant'] as const

/** One of `columnFields`. */
export type ColumnField = (typeof columnFields)[number]

/** What was found at open. */
export interface Written {
  /** Of the segments from 0 on that are complete and written. */
  readonly summaries: Summary[]
  /** Segments below this may have rows of an index that was given up. */
  readonly stale: number
}

/** Rows of the index. */
export class SearchStore {
  readonly #store: KeyValueStore
  readonly #blinder: Blinder

  constructor(store: KeyValueStore, blinder: Blinder) {
    this.#store = store
    this.#blinder = blinder
  }

  /**
   * What is written of the index of a log of this size. An index of another version, under another key, of a larger log or
   * with damaged rows is given up, since the log has everything that is in it. Rejects with `io`.
   */
  async open(size: number): Promise<Written> {
    const most = Math.ceil(size / SEGMENT_SIZE)
    try {
      const row = await this.#store.get(STATE)
      if (row === undefined) return { summaries: [], stale: 0 }
      const { mark, written, stale } = parseState(row)
      const known = equalBytes(mark, this.#mark()) && written * SEGMENT_SIZE <= size
      if (!known) return { summaries: [], stale: Math.max(most, written, stale) }
      const summaries: Summary[] = []
      for await (const { value } of this.#store.range(summaryKey(0), summaryKey(written)))
        summaries.push(parseSummary(value))
      return summaries.length === written ? { summaries, stale } : { summaries: [], stale: Math.max(most, stale) }
    } catch (error) {
      if (!isTlogError(error, 'corrupt') && !isTlogError(error, 'malformed')) throw error
      return { summaries: [], stale: most }
    }
  }

  /**
   * Writes a complete segment in one step. `replace` says that there may be rows of it; `state` is for one that comes
   * behind all that are written. Gives way to others while it computes. Rejects with `poisoned` and `unknown_outcome`.
   */
  async write(
    segment: Segment,
    { state, replace }: { readonly state?: Omit<State, 'mark'>; readonly replace: boolean },
  ): Promise<void> {
    const changes: Change[] = [
      { key: summaryKey(segment.number), value: formatSummary(segment.summary) },
      { key: timesKey(segment.number), value: formatTimes(segment.times) },
    ]
    if (state !== undefined) changes.push({ key: STATE, value: formatState({ ...state, mark: this.#mark() }) })
    for (const field of columnFields) {
      const column = this.columnOf(segment, field)
      const key = columnKey(field, segment.number)
      if (column.marks.length > 0) changes.push({ key, value: formatColumn(column) })
      else if (replace) changes.push({ key, value: undefined })
    }
    await this.#addBuckets(segment, replace, changes)
    await this.#store.write(changes)
  }

  async #addBuckets(segment: Segment, replace: boolean, changes: Change[]): Promise<void> {
    const offsets: Uint16Array[] = []
    const terms: Term[] = []
    for (const field of fields)
      for (const [value, term] of segment.termsOf(field)) {
        const some = segment.offsetsOf(term)
        // Words that an event has too many of were counted, and not added.
        if (some.length === 0) continue
        terms.push({ field, value })
        offsets.push(some)
      }
    const digests = new Uint8Array(32 * terms.length)
    const buckets = Array.from({ length: BUCKETS }, (): number[] => [])
    for (let start = 0; start < terms.length; start += TERMS_A_TURN) {
      digests.set(this.#blinder.blind(terms.slice(start, start + TERMS_A_TURN)), 32 * start)
      const end = Math.min(terms.length, start + TERMS_A_TURN)
      for (let term = start; term < end; term++) buckets[bucketOf(digests, 32 * term)]?.push(term)
      await othersTurn()
    }
    const scratch: Cursor = { bytes: new Uint8Array(65_536), at: 0 }
    for (const [bucket, some] of buckets.entries()) {
      const key = bucketKey(bucket, segment.number)
      if (some.length > 0) changes.push({ key, value: formatBucket({ digests, offsets }, some, scratch) })
      else if (replace) changes.push({ key, value: undefined })
    }
    await othersTurn()
  }

  /** For each of the segments, which are written, the events that have one of the terms. Rejects with `corrupt` and `io`. */
  async find(terms: readonly BlindTerm[], segments: readonly number[]): Promise<readonly Bitmap[]> {
    const rows = await this.#store.getMany(
      segments.flatMap((segment) => terms.map(({ digest }) => bucketKey(bucketOf(digest), segment))),
    )
    return segments.map((_, s) => {
      const bitmap = emptyBitmap()
      for (const [t, { digest }] of terms.entries()) {
        const row = rows[s * terms.length + t]
        if (row !== undefined) readBucket(row, digest, bitmap)
      }
      return bitmap
    })
  }

  /** The times of these segments, which are written. Rejects with `corrupt` and `io`. */
  async times(segments: readonly number[]): Promise<readonly Float64Array[]> {
    const rows = await this.#store.getMany(segments.map(timesKey))
    return rows.map((row, i) => parseTimes(row ?? missing(segments[i])))
  }

  /** A column of these segments, which are written. Rejects with `corrupt` and `io`. */
  async columns(field: ColumnField, segments: readonly number[]): Promise<readonly Column[]> {
    const rows = await this.#store.getMany(segments.map((segment) => columnKey(field, segment)))
    return rows.map((row) => (row === undefined ? columnOf(new Uint8Array(0), []) : parseColumn(row)))
  }

  /** The same column of a segment in memory. */
  columnOf(segment: Segment, field: ColumnField): Column {
    const terms = segment.termsOf(field)
    return columnOf(
      this.#blinder.blind([...terms.keys()].map((value) => ({ field, value }))),
      [...terms.values()].map((term) => segment.offsetsOf(term)),
    )
  }

  #mark(): Uint8Array {
    return this.#blinder.mark('index')
  }
}

/** Terms that are blinded before others have their turn: about a millisecond. */
const TERMS_A_TURN = 2_048

const othersTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const missing = (segment: number | undefined): never => {
  throw new TlogError('corrupt', `the search index has no times of segment ${segment}`)
}

// The bucket stands before the segment, so that all that is known of a term lies together.
const STATE = encodeUtf8('p')
const BUCKET = 0x62
const COLUMN = 0x63
const SUMMARY = 0x73

const key = (kind: number, prefix: readonly number[], segment: number): Uint8Array => {
  const bytes = new Uint8Array(1 + prefix.length + 4)
  bytes[0] = kind
  bytes.set(prefix, 1)
  for (let i = 0, rest = segment; i < 4; i++, rest = Math.floor(rest / 256)) bytes[bytes.length - 1 - i] = rest % 256
  return bytes
}

const bucketKey = (bucket: number, segment: number): Uint8Array => key(BUCKET, [bucket >>> 8, bucket & 0xff], segment)
const timesKey = (segment: number): Uint8Array => key(COLUMN, [0xff], segment)
const columnKey = (field: Field, segment: number): Uint8Array => key(COLUMN, [fields.indexOf(field)], segment)
const summaryKey = (segment: number): Uint8Array => key(SUMMARY, [], segment)

const VERSION = 1

/** How far the index is written. */
interface State {
  /** Tells the key under which terms are blinded. */
  readonly mark: Uint8Array
  /** Segments that are written. */
  readonly written: number
  /** As in `Written`. */
  readonly stale: number
}

const formatState = ({ mark, written, stale }: State): Uint8Array =>
  concatBytes(Uint8Array.of(VERSION), mark, encodeUint64(written), encodeUint64(stale))

const parseState = (row: Uint8Array): State => ({
  // Rows of another version are as good as rows under another key.
  mark: row[0] === VERSION ? row.subarray(1, 9) : new Uint8Array(0),
  written: readUint64(row, 9),
  stale: readUint64(row, 17),
})

const formatSummary = ({ events, min, max }: Summary): Uint8Array => {
  const row = new Uint8Array(24)
  const view = new DataView(row.buffer)
  view.setFloat64(0, events)
  view.setFloat64(8, min)
  view.setFloat64(16, max)
  return row
}

const parseSummary = (row: Uint8Array): Summary => {
  if (row.length !== 24) throw new TlogError('corrupt', 'the search index has a summary of another length')
  const view = new DataView(row.buffer, row.byteOffset, row.length)
  return { events: view.getFloat64(0), min: view.getFloat64(8), max: view.getFloat64(16) }
}
