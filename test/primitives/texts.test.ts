/** The text forms of bytes and numbers: one text for each value, and nothing else is taken. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeBase64, encodeBase64 } from '../../src/primitives/base64.ts'
import {
  compareBytes,
  decodeUtf8,
  encodeUint64,
  encodeUtf8,
  equalBytes,
  readUint64,
} from '../../src/primitives/bytes.ts'
import { parseDecimal } from '../../src/primitives/decimal.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { joinFrames, splitFrames } from '../../src/primitives/framing.ts'
import { decodeHex, encodeHex } from '../../src/primitives/hex.ts'

const bytes = fc.uint8Array({ maxLength: 300 })
const malformed = (run: () => unknown): void => {
  let thrown: unknown
  try {
    run()
  } catch (error) {
    thrown = error
  }
  expect(isTlogError(thrown, 'malformed')).toBe(true)
}

describe('base64', () => {
  it('is that of the platform, both ways, for any bytes', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const text = encodeBase64(value)
        expect(text).toBe(Buffer.from(value).toString('base64'))
        expect(equalBytes(decodeBase64(text), value)).toBe(true)
      }),
    )
    const long = new Uint8Array(100_000).map((_, i) => i * 7)
    expect(equalBytes(decodeBase64(encodeBase64(long)), long)).toBe(true)
  })

  it.each([
    'A',
    'AA',
    'AA=',
    'AA===',
    '=AAA',
    'AB==',
    'AAB=',
    'AA==AA==',
    'AA-_',
    'AA==\n',
    ' AAA',
    'AAA\u00e9',
    'A A=',
    'AAAA====',
    '\u0000AAA',
  ])('refuses %j', (text) => malformed(() => decodeBase64(text)))

  it('refuses every text that would be a second spelling: each changed character of a valid one gives other bytes or nothing', () => {
    const text = encodeBase64(Uint8Array.of(1, 2, 3, 4))
    for (let at = 0; at < text.length; at++) {
      for (const other of 'AZaz09+/=-_ \n') {
        if (other === text[at]) continue
        const changed = text.slice(0, at) + other + text.slice(at + 1)
        try {
          expect(encodeBase64(decodeBase64(changed))).toBe(changed)
        } catch (error) {
          expect(isTlogError(error, 'malformed')).toBe(true)
        }
      }
    }
  })
})

describe('hex', () => {
  it('round-trips', () => {
    fc.assert(fc.property(bytes, (value) => void expect(equalBytes(decodeHex(encodeHex(value)), value)).toBe(true)))
  })
  it.each(['a', 'AB', '0x', 'zz', ' 00', '00\n'])('refuses %j', (text) => malformed(() => decodeHex(text)))
})

describe('[MERKLE-5] decimals', () => {
  it('round-trip up to 2^53-1', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (value) => void expect(parseDecimal(String(value))).toBe(value)))
    expect(parseDecimal('9007199254740991')).toBe(2 ** 53 - 1)
  })
  it.each([
    '',
    '00',
    '05',
    '+1',
    '-1',
    '1.0',
    '1e3',
    '0x10',
    ' 7',
    '7 ',
    '7\n',
    '\u0661',
    '9007199254740992',
    '9007199254740993',
    '18446744073709551615',
    '99999999999999999999999999',
  ])('refuse %j', (text) => malformed(() => parseDecimal(text)))
})

describe('integers of eight bytes', () => {
  it('round-trip', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (value) => void expect(readUint64(encodeUint64(value))).toBe(value)))
  })
  it('beyond 2^53-1, and cut short, are malformed', () => {
    malformed(() => readUint64(Uint8Array.of(0, 32, 0, 0, 0, 0, 0, 0)))
    malformed(() => readUint64(new Uint8Array(8).fill(255)))
    malformed(() => readUint64(new Uint8Array(7)))
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN]) expect(() => encodeUint64(bad)).toThrow(RangeError)
  })
  it('sort as numbers do', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.maxSafeNat(),
        (a, b) => void expect(Math.sign(compareBytes(encodeUint64(a), encodeUint64(b)))).toBe(Math.sign(a - b)),
      ),
    )
  })
})

describe('UTF-8', () => {
  it('round-trips, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => void expect(decodeUtf8(encodeUtf8(text))).toBe(text)),
    )
    expect(decodeUtf8(encodeUtf8('\ufeffx'))).toBe('\ufeffx')
  })
  it.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xf5, 0x80, 0x80, 0x80]], [[0xe2, 0x82]]])(
    'refuses %j',
    (value) => malformed(() => decodeUtf8(Uint8Array.from(value))),
  )
})

describe('frames', () => {
  it('round-trip, from none to the longest', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 20 }), (items) => {
        const split = splitFrames(joinFrames(items))
        expect(split.map((item) => [...item])).toEqual(items.map((item) => [...item]))
      }),
    )
    expect(splitFrames(joinFrames([new Uint8Array(65_535)]))[0]).toHaveLength(65_535)
    expect(() => joinFrames([new Uint8Array(65_536)])).toThrow(RangeError)
  })
  it('cut at any byte they are malformed, except between items', () => {
    const joined = joinFrames([Uint8Array.of(1, 2, 3), new Uint8Array(0), Uint8Array.of(4)])
    const whole = new Set([0, 5, 7, 10])
    for (let cut = 0; cut <= joined.length; cut++) {
      if (whole.has(cut)) splitFrames(joined.subarray(0, cut))
      else malformed(() => splitFrames(joined.subarray(0, cut)))
    }
  })
  it('stop at the limit', () => {
    expect(() => splitFrames(joinFrames([Uint8Array.of(1), Uint8Array.of(2)]), 1)).toThrow(/more than 1/)
  })
})
