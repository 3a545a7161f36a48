/** JSON that says one thing: everything that parsers disagree about is refused. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/event/canonical-json.ts'
import { parseStrictJson } from '../../src/event/strict-json.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'

const parse = (text: string): unknown => parseStrictJson(encodeUtf8(text))
const malformed = expect.objectContaining({ code: 'malformed' })

describe('[EVENT-2] strict JSON', () => {
  it('reads what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!/__proto__|constructor|prototype/.test(text) && text.isWellFormed() && !/\\u[dD][89a-fA-F]/.test(text))
        fc.pre(!hasUnsafe(value))
        expect(parse(text)).toEqual(JSON.parse(text))
      }),
    )
  })

  it.each([
    ['no JSON', '{'],
    ['nothing', ''],
    ['a byte order mark', '\ufeff{}'],
    ['two values', '{} {}'],
    ['a key twice', '{"a":1,"a":1}'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":2}'],
    ['a key twice deep inside', '[{"b":[{"a":1,"c":2,"a":3}]}]'],
    ['a key twice that holds a colon', '{":":1,":":2}'],
    ['2^53', '[9007199254740992]'],
    ['a negative integer that is not exact', '[-9007199254740993]'],
    ['nanoseconds', '{"t":1544712660300000000}'],
    ['a number beyond doubles', '[1e400]'],
    ['an integer with an exponent that is not exact', '[1e16]'],
    ['half of a surrogate pair', '["\\ud800"]'],
    ['half of a surrogate pair as a key', '{"\\udc00":1}'],
    ['__proto__', '{"__proto__":{"polluted":true}}'],
    ['__proto__, escaped', '{"__\\u0070roto__":1}'],
    ['constructor', '{"a":{"constructor":{"prototype":{}}}}'],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['100,000 levels', '['.repeat(100_000)],
  ])('refuses %s', (_, text) => {
    expect(() => parse(text)).toThrow(malformed)
    expect('polluted' in {}).toBe(false)
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseStrictJson(Uint8Array.of(0x22, 0xff, 0x22))).toThrow(malformed)
    expect(() => parseStrictJson(Uint8Array.of(0x22, 0xc0, 0x80, 0x22))).toThrow(malformed)
  })

  it('takes what only looks alike', () => {
    expect(parse('{"a":{"a":{"a":":\\":"}}}')).toEqual({ a: { a: { a: ':":' } } })
    expect(parse(`${'['.repeat(32)}${']'.repeat(32)}`)).toBeDefined()
    expect(parse('[9007199254740991,-9007199254740991,1e-400,0.1,1e15]')).toHaveLength(5)
    expect(parse('{"hasOwnProperty":1,"toString":2}')).toEqual({ hasOwnProperty: 1, toString: 2 })
  })
})

const hasUnsafe = (value: unknown): boolean => {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasUnsafe)
}

describe('[ENTRY-6] canonical JSON', () => {
  it.each([
    [
      'the example of RFC 8785, section 3.2.3',
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
      ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'],
    ],
    ['names that look like indices', '{"10":1,"9":2,"a":3,"-1":4}', ['-1', '10', '9', 'a']],
  ])('sorts %s', (_, text, names) => {
    const written = canonicalJson(JSON.parse(text))
    const places = names.map((name) => written.indexOf(`${JSON.stringify(name)}:`))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places).not.toContain(-1)
  })

  it('writes the numbers of RFC 8785, section 3.2.2', () => {
    const text =
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
    expect(canonicalJson(JSON.parse(text))).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  it('is one text for one value, and parses back to it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        fc.pre(text.isWellFormed() && !/\\u[dD][89a-fA-F]/.test(text))
        const canonical = canonicalJson(value)
        expect(JSON.parse(canonical)).toEqual(JSON.parse(text))
        expect(canonicalJson(JSON.parse(canonical))).toBe(canonical)
      }),
    )
  })

  it('leaves undefined members out, and refuses what JSON has not', () => {
    expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}')
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '\ud800'])
      expect(() => canonicalJson(value)).toThrow(RangeError)
    for (const value of [undefined, 1n, () => 1]) expect(() => canonicalJson(value)).toThrow(TypeError)
  })
})
