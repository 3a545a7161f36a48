/** JSON of other systems: what a double cannot hold stays as it was written, and what could do harm is refused. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { at, jsonIn, MAX_FOREIGN_DEPTH, parseForeignJson, textAt } from '../../../src/audit/sources/foreign-json.ts'
import { isTlogError } from '../../../src/primitives/error.ts'

const parse = (text: string): unknown => parseForeignJson(new TextEncoder().encode(text))

const refusal = (bytes: Uint8Array): string => {
  try {
    parseForeignJson(bytes)
  } catch (error) {
    if (isTlogError(error, 'malformed')) return error.message
    throw error
  }
  return 'taken'
}

describe('numbers', () => {
  const rows: readonly (readonly [name: string, text: string, want: unknown])[] = [
    ['nanoseconds of OTLP', '{"t":1544712660300000001}', { t: '1544712660300000001' }],
    ['the largest that is exact', '[9007199254740991]', [9007199254740991]],
    ['the first that is not', '[9007199254740992]', ['9007199254740992']],
    ['one that would be rounded to it', '[9007199254740993]', ['9007199254740993']],
    ['below zero', '[-9007199254740993,-1]', ['-9007199254740993', -1]],
    ['56 digits', `[${'9'.repeat(56)}]`, ['9'.repeat(56)]],
    ['an exponent', '[1e3,1E+20,1e-7]', [1000, '1E+20', 1e-7]],
    ['beyond a double', '[1e999,-1e999]', ['1e999', '-1e999']],
    ['fractions', '[0.5,-0.25,1234567890.125,9007199254740993.5]', [0.5, -0.25, 1234567890.125, '9007199254740993.5']],
    [
      'digits in strings and names',
      '{"9007199254740993":"9007199254740993"}',
      { '9007199254740993': '9007199254740993' },
    ],
    [
      'after an escaped quote',
      String.raw`["\"9007199254740993",9007199254740993]`,
      ['"9007199254740993', '9007199254740993'],
    ],
    ['between white space', '[ 9007199254740993 , 1 ]', ['9007199254740993', 1]],
    ['alone', '9007199254740993', '9007199254740993'],
  ]
  it.each(rows)('[SRC-4] keeps %s', (_, text, want) => {
    expect(parse(text)).toEqual(want)
  })

  it.each([
    '01',
    '-',
    '--9007199254740993',
    '1.e30',
    '.99999999999999999999',
    '099999999999999999999',
    '9007199254740993x',
  ])('[SRC-4] takes %s for no number, large or not', (text) => {
    expect(refusal(new TextEncoder().encode(`[${text}]`))).toMatch(/want JSON/)
  })

  it('[SRC-4] reads everything else as JSON.parse does', () => {
    const value = fc
      .jsonValue({ maxDepth: 5 })
      .filter((one) => !/__proto__|constructor|prototype|[\ud800-\udfff]/.test(JSON.stringify(one)))
    fc.assert(
      fc.property(value, (one) => {
        const text = JSON.stringify(one)
        if (!/\d{16}|e\+/.test(text)) expect(parse(text)).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe('what is refused', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  const rows: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
    ['a key twice', '{"a":1,"a":1}', /twice/],
    ['a key twice, once escaped', String.raw`{"a":1,"\u0061":2}`, /twice/],
    ['a key twice within', '[{"b":{"a":1,"a":2}}]', /twice/],
    ['__proto__', '{"__proto__":{"admin":true}}', /__proto__/],
    ['__proto__, escaped', String.raw`{"\u005f_proto__":{"admin":true}}`, /__proto__/],
    ['half of a surrogate pair', String.raw`["\ud800"]`, /surrogate/],
    ['half of a surrogate pair in a key', String.raw`{"\udc00":1}`, /surrogate/],
    ['nesting', deep(MAX_FOREIGN_DEPTH + 1), /levels/],
    ['nesting without end', '[{"a":'.repeat(500_000), /levels/],
    ['a byte order mark', '\ufeff{}', /want JSON/],
    ['text after it', '{} {}', /want JSON/],
    ['nothing', '', /want JSON/],
  ]
  it.each(rows)('[SRC-5] %s', (_, text, reason) => {
    expect(refusal(new TextEncoder().encode(text))).toMatch(reason)
  })

  it('[SRC-5] bytes that are no UTF-8', () => {
    expect(refusal(Uint8Array.of(0x22, 0xff, 0x22))).toMatch(/UTF-8/)
  })

  it('[SRC-5] not what is just within bounds', () => {
    expect(parse(deep(MAX_FOREIGN_DEPTH))).toBeInstanceOf(Array)
    expect(parse('{"a":1,"b":{"a":1}}')).toEqual({ a: 1, b: { a: 1 } })
    const odd = parse('{"constructor":{"prototype":{"polluted":true}}}')
    expect(JSON.stringify(odd)).toBe('{"constructor":{"prototype":{"polluted":true}}}')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})

describe('going from member to member', () => {
  it('[SRC-5] finds own members only', () => {
    expect(at({ a: { b: 1 } }, 'a', 'b')).toBe(1)
    for (const name of ['toString', 'constructor', '__proto__']) expect(at({}, name)).toBeUndefined()
    expect(at(['x'], '0')).toBeUndefined()
    expect(textAt({ a: 5, b: '', c: null }, 'a')).toBe('5')
    expect(textAt({ a: 5, b: '', c: null }, 'b')).toBeUndefined()
  })

  it('[SRC-5] answers nothing for JSON in strings that would be refused', () => {
    expect(jsonIn('{"a":[1]}')).toEqual({ a: [1] })
    expect(jsonIn('{"a":1,"a":2}')).toBeUndefined()
    expect(jsonIn({ a: 1 })).toBeUndefined()
  })
})
