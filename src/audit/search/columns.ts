/** Columns at rest: for each offset of a segment when the event happened, or which value of a field it has. */
import { SEGMENT_SIZE } from './bitmap.ts'
import { type Cursor, readVarint, unzigzag, writeVarint, zigzag } from './varint.ts'

/** Times as the distance of each from the one before it, which for a log is small. */
export const formatTimes = (times: Float64Array): Uint8Array => {
  const into: Cursor = { bytes: new Uint8Array(8 * SEGMENT_SIZE), at: 0 }
  let last = 0
  for (const time of times) {
    writeVarint(into, zigzag(time - last))
    last = time
  }
  return into.bytes.slice(0, into.at)
}

/** Parses it. Throws `corrupt`. */
export const parseTimes = (row: Uint8Array): Float64Array => {
  const from: Cursor = { bytes: row, at: 0 }
  const times = new Float64Array(SEGMENT_SIZE)
  let last = 0
  for (let offset = 0; offset < SEGMENT_SIZE; offset++) {
    last += unzigzag(readVarint(from))
    times[offset] = last
  }
  return times
}

/** Which value of a field each event has. */
export interface Column {
  /** For each value a number that stands for it in all segments. */
  readonly marks: Float64Array
  /** For each offset the place of its value in `marks`, from 1; 0 where there is none. */
  readonly places: Uint16Array
}

/** The column of a field, from its values' digests (32 bytes each) and the offsets of the events that have each. */
export const columnOf = (digests: Uint8Array, offsets: readonly Uint16Array[]): Column => {
  const places = new Uint16Array(SEGMENT_SIZE)
  for (const [i, some] of offsets.entries()) for (const offset of some) places[offset] = i + 1
  return { marks: Float64Array.from(offsets, (_, i) => markOf(digests, 32 * i)), places }
}

/** 53 bits of a digest, which is what a number holds: a million values collide with a probability of one in 10,000. */
const markOf = (bytes: Uint8Array, at: number): number => {
  let mark = 0
  for (let i = 0; i < 6; i++) mark = mark * 256 + (bytes[at + 2 + i] ?? 0)
  return mark * 32 + ((bytes[at + 8] ?? 0) >>> 3)
}

/** How many values, their marks in seven bytes each, and the places: in one byte each where that is enough, or two. */
export const formatColumn = ({ marks, places }: Column): Uint8Array => {
  const wide = marks.length > 255
  const into: Cursor = { bytes: new Uint8Array(8 + 7 * marks.length + 2 * SEGMENT_SIZE), at: 0 }
  writeVarint(into, marks.length)
  for (const mark of marks) {
    let rest = mark
    for (let i = 6; i >= 0; i--) {
      into.bytes[into.at + i] = rest % 256
      rest = Math.floor(rest / 256)
    }
    into.at += 7
  }
  for (const place of places) {
    if (wide) into.bytes[into.at++] = place >>> 8
    into.bytes[into.at++] = place & 0xff
  }
  return into.bytes.slice(0, into.at)
}

/** Parses it. Throws `corrupt`. */
export const parseColumn = (row: Uint8Array): Column => {
  const from: Cursor = { bytes: row, at: 0 }
  const marks = new Float64Array(readVarint(from))
  for (let m = 0; m < marks.length; m++) {
    let mark = 0
    for (let i = 0; i < 7; i++) mark = mark * 256 + (row[from.at++] ?? 0)
    marks[m] = mark
  }
  const places = new Uint16Array(SEGMENT_SIZE)
  const wide = marks.length > 255
  for (let offset = 0; offset < SEGMENT_SIZE; offset++) {
    const high = wide ? (row[from.at++] ?? 0) : 0
    places[offset] = (high << 8) | (row[from.at++] ?? 0)
  }
  return { marks, places }
}
