/** The rows of a segment are read as they were written. */
import { describe, expect, it } from 'vitest'
import { emptyBitmap, offsetsOf, SEGMENT_SIZE } from '../../../src/audit/search/bitmap.ts'
import { formatBucket, readBucket } from '../../../src/audit/search/buckets.ts'
import { columnOf, formatColumn, formatTimes, parseColumn, parseTimes } from '../../../src/audit/search/columns.ts'
import { readVarint, unzigzag, writeVarint, zigzag } from '../../../src/audit/search/varint.ts'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import { seededRandom } from '../../faults/random.ts'

const every = (step: number, first = 0): Uint16Array =>
  Uint16Array.from({ length: Math.ceil((SEGMENT_SIZE - first) / step) }, (_, i) => first + i * step)

describe('a bucket', () => {
  const lists: readonly (readonly [string, Uint16Array])[] = [
    ['the first offset', Uint16Array.of(0)],
    ['the last offset', Uint16Array.of(4_095)],
    ['distances of 127 and 128', Uint16Array.of(127, 255, 382, 510)],
    ['511 offsets', every(8).slice(0, 511)],
    ['512 offsets', every(8)],
    ['513 offsets', every(7).slice(0, 513)],
    ['all offsets', every(1)],
    ['every 9th', every(9, 3)],
  ]

  it('[SEARCH-11] keeps the offsets of each term, and tells terms apart by any byte of their marks', () => {
    const random = seededRandom(1)
    const mark = random.bytes(32)
    // The same digest with another byte each: those before the mark say only which bucket it is.
    const digests = lists.map((_, i) => mark.with(2 + i, (mark[2 + i] ?? 0) ^ 1))
    const offsets = lists.map(([, some]) => some)
    const scratch = { bytes: new Uint8Array(16), at: 0 }
    const bucket = formatBucket({ digests: concatBytes(...digests), offsets }, lists.keys(), scratch)
    for (const [i, [name, some]] of lists.entries()) {
      const found = emptyBitmap()
      expect(readBucket(bucket, digests[i] ?? mark, found), name).toBe(true)
      expect(offsetsOf(found), name).toEqual(some)
    }
    expect(readBucket(bucket, mark, emptyBitmap())).toBe(false)
  })

  it('[SEARCH-12] is corrupt when it is cut off within a length or a distance', () => {
    const digest = seededRandom(2).bytes(32)
    const bucket = formatBucket({ digests: digest, offsets: [Uint16Array.of(5, 4_000)] }, [0], {
      bytes: new Uint8Array(0),
      at: 0,
    })
    for (const length of [8, 10, 11])
      expect(() => readBucket(bucket.slice(0, length), digest, emptyBitmap())).toThrow('cut off')
  })
})

describe('a column', () => {
  it.each([0, 1, 255, 256, 4_096])('[SEARCH-11] keeps which of %i values each event has', (count) => {
    const random = seededRandom(count)
    const values = Array.from({ length: count }, (_, i) => every(Math.max(1, count), i))
    const column = columnOf(random.bytes(32 * count), values)
    const parsed = parseColumn(formatColumn(column))
    expect(parsed).toEqual(column)
    expect(new Set(parsed.marks).size).toBe(count)
    for (const [i, some] of values.entries()) for (const offset of some) expect(parsed.places[offset]).toBe(i + 1)
  })

  it('[SEARCH-11] keeps times, also before 1970 and far apart', () => {
    const [least, most] = [Date.parse('0000-01-01T00:00:00Z'), Date.parse('9999-12-31T23:59:59.999Z')]
    const times = new Float64Array(SEGMENT_SIZE)
    for (const [i, time] of [0, -1, least, most, 1, most, least].entries()) times[3 * i] = time
    expect(parseTimes(formatTimes(times))).toEqual(times)
    expect(() => parseTimes(formatTimes(times).slice(0, -1))).toThrow('cut off')
  })
})

describe('integers of as many bytes as they need', () => {
  it.each([0, 1, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 53 - 1])('%i is read as it was written', (value) => {
    const bytes = new Uint8Array(9)
    const into = { bytes, at: 0 }
    writeVarint(into, value)
    const from = { bytes, at: 0 }
    expect(readVarint(from)).toBe(value)
    expect(from.at).toBe(into.at)
  })

  it.each([0, -1, 1, -(2 ** 51), 2 ** 51])('%i has one without sign', (value) => {
    expect(unzigzag(zigzag(value))).toBe(value)
  })

  it('over 2^53-1 are refused', () => {
    expect(() => readVarint({ bytes: new Uint8Array(9).fill(0xff).with(8, 0x01), at: 0 })).toThrow('cut off')
  })
})
