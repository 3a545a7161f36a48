/** Batches: two encodings of a list of entries, one text each, and nothing else accepted. */
import { Encoder } from 'cbor-x'
import { describe, expect, it } from 'vitest'
import { parseBatch } from '../../src/http/batch.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { joinFrames } from '../../src/primitives/framing.ts'
import { seededRandom } from '../faults/random.ts'

const CBOR = 'application/cbor-seq'
const FRAMES = 'application/octet-stream'

/** A byte string as RFC 8949 section 4.2.1 wants it; written here anew, as the judge of the parser. */
const byteString = (bytes: Uint8Array): Buffer => {
  const { length } = bytes
  if (length < 24) return Buffer.from([0x40 + length, ...bytes])
  if (length < 256) return Buffer.from([0x58, length, ...bytes])
  if (length < 65_536) return Buffer.concat([Buffer.from([0x59, length >> 8, length & 255]), bytes])
  const head = Buffer.alloc(5)
  head[0] = 0x5a
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, bytes])
}

const code = (type: string | undefined, body: Uint8Array, max = 100): string => {
  try {
    return `${parseBatch(type, body, max).length} entries`
  } catch (error) {
    if (!isTlogError(error)) throw error
    return error.code
  }
}

const sizes = [1, 2, 23, 24, 255, 256, 65_535]
const lists = [sizes.map((size) => Buffer.alloc(size, size % 251)), [Buffer.from('one')]]

describe('a batch', () => {
  it.each(lists)('is split as it was joined, in both encodings', (...list) => {
    expect(parseBatch(FRAMES, joinFrames(list), 100).map((one) => Buffer.from(one))).toEqual(list)
    expect(parseBatch(CBOR, Buffer.concat(list.map(byteString)), 100).map((one) => Buffer.from(one))).toEqual(list)
    const encoder = new Encoder({ tagUint8Array: false })
    const bulk = Buffer.concat(list.map((one) => encoder.encode(one)))
    expect(parseBatch(`${CBOR}; charset=x`, bulk, 100).map((one) => Buffer.from(one))).toEqual(list)
  })

  it.each([
    ['no type', undefined, '0001aa', 'malformed'],
    ['another type', 'application/json', '0001aa', 'malformed'],
    ['nothing', FRAMES, '', 'malformed'],
    ['nothing', CBOR, '', 'malformed'],
    ['an empty entry', FRAMES, '0000', 'malformed'],
    ['an empty entry after another', FRAMES, '0001aa0000', 'malformed'],
    ['half a length', FRAMES, '00', 'malformed'],
    ['an entry cut short', FRAMES, '0002aa', 'malformed'],
    ['bytes after the last entry', FRAMES, '0001aaff', 'malformed'],
    ['an empty entry', CBOR, '40', 'malformed'],
    ['an entry cut short', CBOR, '42aa', 'malformed'],
    ['a length cut short', CBOR, '59ff', 'malformed'],
    ['a length in too many bytes', CBOR, '5801aa', 'malformed'],
    ['a length in too many bytes', CBOR, `590018${'aa'.repeat(24)}`, 'malformed'],
    ['a length in too many bytes', CBOR, `5a00000018${'aa'.repeat(24)}`, 'malformed'],
    ['a length in too many bytes', CBOR, `5b0000000000000018${'aa'.repeat(24)}`, 'malformed'],
    ['an indefinite length', CBOR, '5f41aaff', 'malformed'],
    ['a reserved length', CBOR, '5caa', 'malformed'],
    ['a length of 2^64-1', CBOR, '5bffffffffffffffff', 'malformed'],
    ['a length of 2^53', CBOR, '5b002000000000000000', 'malformed'],
    ['an array of 2^64-1', CBOR, '9bffffffffffffffff', 'malformed'],
    ['a text', CBOR, '61aa', 'malformed'],
    ['a number', CBOR, '01', 'malformed'],
    ['a tagged byte string', CBOR, 'd84041aa', 'malformed'],
    ['NaN', CBOR, 'f97e00', 'malformed'],
    ['a map with __proto__', CBOR, 'a1695f5f70726f746f5f5f01', 'malformed'],
    ['100,000 arrays in each other', CBOR, '81'.repeat(100_000), 'malformed'],
    ['1,000,000 empty arrays', CBOR, '80'.repeat(1_000_000), 'malformed'],
  ])('of %s (%s) is refused', (_, type, hex, want) => {
    const start = performance.now()
    expect(code(type, Buffer.from(hex, 'hex'))).toBe(want)
    expect(performance.now() - start).toBeLessThan(500)
  })

  it('of more entries than allowed, or an entry over 65,535 bytes, is too large', () => {
    const many = Array.from({ length: 101 }, () => Buffer.from('x'))
    expect(code(FRAMES, joinFrames(many))).toBe('too_large')
    expect(code(CBOR, Buffer.concat(many.map(byteString)))).toBe('too_large')
    expect(code(FRAMES, joinFrames(many.slice(1)))).toBe('100 entries')
    expect(code(CBOR, Buffer.concat(many.slice(1).map(byteString)))).toBe('100 entries')
    expect(code(CBOR, byteString(Buffer.alloc(65_536, 1)))).toBe('too_large')
  })

  it('of random bytes is refused, or is the one text of its entries', () => {
    const seed = 20_260
    const random = seededRandom(seed)
    let accepted = 0
    for (let run = 0; run < 50_000; run++) {
      const length = random.integer(0, 12)
      // Mostly small byte strings, so that some are whole.
      const body = Buffer.from(
        Array.from({ length }, () =>
          random.integer(0, 3) === 0 ? random.integer(0, 256) : random.integer(0x40, 0x45),
        ),
      )
      for (const [type, join] of [
        [CBOR, (list: readonly Uint8Array[]) => Buffer.concat(list.map(byteString))],
        [FRAMES, (list: readonly Uint8Array[]) => Buffer.from(joinFrames(list))],
      ] as const) {
        try {
          expect(join(parseBatch(type, body, 100)).equals(body), `seed ${seed}, run ${run}`).toBe(true)
          accepted++
        } catch (error) {
          if (!isTlogError(error)) throw error
        }
      }
    }
    expect(accepted).toBeGreaterThan(500)
  })
})
