/** Postings at rest: the terms of a segment in buckets, each bucket a row. */
import { addOffset, BITMAP_BYTES, type Bitmap } from './bitmap.ts'
import { type Cursor, readVarint, writeVarint } from './varint.ts'

/** How many rows the terms of a segment are in: about a dozen terms in each. */
export const BUCKETS = 1_024

/** Bytes of a digest that are kept with a term; with the bucket's number that is 74 bits. */
export const MARK_SIZE = 8

/** The bucket of a term: the first ten bits of its digest, which begins at `at`. */
export const bucketOf = (digests: Uint8Array, at = 0): number =>
  ((digests[at] ?? 0) << 2) | ((digests[at + 1] ?? 0) >>> 6)

/** Where in a digest the mark begins. */
export const MARK_AT = 2

/** What a bucket is written from. */
export interface Posted {
  /** Digests of 32 bytes, one behind the other, of terms in the order of `offsets`. */
  readonly digests: Uint8Array
  readonly offsets: readonly Uint16Array[]
}

/**
 * A bucket: for each term its mark, and the length of its postings times two, plus one when they are a bitmap and not the
 * distances between them.
 */
export const formatBucket = ({ digests, offsets }: Posted, terms: Iterable<number>, scratch: Cursor): Uint8Array => {
  scratch.at = 0
  for (const term of terms) {
    makeRoom(scratch)
    const at = 32 * term + MARK_AT
    for (let i = 0; i < MARK_SIZE; i++) scratch.bytes[scratch.at++] = digests[at + i] ?? 0
    writePostings(scratch, offsets[term] ?? NONE)
  }
  return scratch.bytes.slice(0, scratch.at)
}

const NONE = new Uint16Array(0)

/** Distances take one byte or two. */
const MOST_BYTES = MARK_SIZE + 8 + 2 * BITMAP_BYTES

const makeRoom = (scratch: Cursor): void => {
  if (scratch.at + MOST_BYTES <= scratch.bytes.length) return
  const larger = new Uint8Array(2 * scratch.bytes.length + MOST_BYTES)
  larger.set(scratch.bytes)
  scratch.bytes = larger
}

const writePostings = (into: Cursor, offsets: Uint16Array): void => {
  if (offsets.length >= BITMAP_BYTES) {
    writeVarint(into, 2 * BITMAP_BYTES + 1)
    into.bytes.fill(0, into.at, into.at + BITMAP_BYTES)
    for (const offset of offsets) {
      const at = into.at + (offset >>> 3)
      into.bytes[at] = (into.bytes[at] ?? 0) | (1 << (offset & 7))
    }
    into.at += BITMAP_BYTES
    return
  }
  let length = 0
  let last = 0
  for (const offset of offsets) {
    length += offset - last < 0x80 ? 1 : 2
    last = offset
  }
  writeVarint(into, 2 * length)
  last = 0
  for (const offset of offsets) {
    writeVarint(into, offset - last)
    last = offset
  }
}

/** Adds the events of a term to a bitmap. False when the bucket does not have the term. Throws `corrupt`. */
export const readBucket = (bucket: Uint8Array, digest: Uint8Array, into: Bitmap): boolean => {
  const from: Cursor = { bytes: bucket, at: 0 }
  while (from.at < bucket.length) {
    const markAt = from.at
    from.at += MARK_SIZE
    const length = readVarint(from)
    const bytes = Math.floor(length / 2)
    if (!hasMark(bucket, markAt, digest)) from.at += bytes
    else {
      if (length % 2 === 1) readBitmap(bucket, from.at, into)
      else readDistances(from, from.at + bytes, into)
      return true
    }
  }
  return false
}

const hasMark = (bucket: Uint8Array, at: number, digest: Uint8Array): boolean => {
  for (let i = 0; i < MARK_SIZE; i++) if (bucket[at + i] !== digest[MARK_AT + i]) return false
  return true
}

const readBitmap = (bucket: Uint8Array, at: number, into: Bitmap): void => {
  for (let word = 0; word < into.length; word++) {
    const byte = at + 4 * word
    const [a = 0, b = 0, c = 0, d = 0] = [bucket[byte], bucket[byte + 1], bucket[byte + 2], bucket[byte + 3]]
    into[word] = (into[word] ?? 0) | a | (b << 8) | (c << 16) | (d << 24)
  }
}

const readDistances = (from: Cursor, end: number, into: Bitmap): void => {
  let offset = 0
  while (from.at < end) {
    offset += readVarint(from)
    addOffset(into, offset)
  }
}
