/** Records of JSON files: strict as RFC 8259, by RFC 6901 pointers, and byte for byte what stands in the file. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { jsonRecords, parseJsonPointer } from '../../src/cli/json-records.ts'
import { MAX_JSON_DEPTH } from '../../src/cli/json-scanner.ts'
import { isTlogError, TlogError } from '../../src/primitives/error.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const records = (text: string | Uint8Array, pointer: string): readonly string[] => {
  const bytes = typeof text === 'string' ? bytesOf(text) : text
  const found = jsonRecords(bytes, parseJsonPointer(pointer))
  return found.map(({ start, end }) => new TextDecoder().decode(bytes.subarray(start, end)))
}

const failure = (attempt: () => unknown): TlogError => {
  try {
    attempt()
  } catch (error) {
    if (error instanceof TlogError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('the bytes of a record are those of the file', () => {
  const rows: readonly (readonly [string, string, string, readonly string[]])[] = [
    ['plain', '{"Records":[{"a":1},{"b":2}]}', '/Records', ['{"a":1}', '{"b":2}']],
    ['no element', '{"Records":[]}', '/Records', []],
    ['no element, with space', '{"Records":[ \n ]}', '/Records', []],
    [
      'space around is not of the record, space within is',
      '{"R" : [\r\n\t{ "a" : 1 }\n , [ 2 ] ] }',
      '/R',
      ['{ "a" : 1 }', '[ 2 ]'],
    ],
    ['scalars of every kind', '[null,true,false,0,-1.5e+3,"x"]', '', ['null', 'true', 'false', '0', '-1.5e+3', '"x"']],
    [
      'numbers keep their spelling',
      '[1.0,1e0,10E-1,-0,123456789012345678901234567890]',
      '',
      ['1.0', '1e0', '10E-1', '-0', '123456789012345678901234567890'],
    ],
    [
      'escapes keep their spelling',
      String.raw`["\u0041","A","\/","\\\"","\ud800"]`,
      '',
      [String.raw`"\u0041"`, '"A"', String.raw`"\/"`, String.raw`"\\\""`, String.raw`"\ud800"`],
    ],
    [
      'brackets and commas in strings',
      String.raw`{"R":["],[","}\"]",{"]":"["}]}`,
      '/R',
      ['"],["', String.raw`"}\"]"`, '{"]":"["}'],
    ],
    ['UTF-8 of two, three and four bytes', '["é€😀",{"é":"\u2028"}]', '', ['"é€😀"', '{"é":"\u2028"}']],
    ['names that stand twice within a record', '[{"a":1,"a":2}]', '', ['{"a":1,"a":2}']],
    ['arrays in arrays', '[[1,[2]],[],[[3]]]', '', ['[1,[2]]', '[]', '[[3]]']],
    ['an array in an array by position', '{"a":[[1],[2,3]]}', '/a/1', ['2', '3']],
    ['an empty name', '{"":[1]}', '/', ['1']],
    ['an empty name in an empty name', '{"":{"":[1]}}', '//', ['1']],
    ['a slash in a name', '{"a/b":[1]}', '/a~1b', ['1']],
    ['a tilde in a name', '{"m~n":[1]}', '/m~0n', ['1']],
    ['~01 is ~1, not a slash', '{"~1":[1],"/":[2]}', '/~01', ['1']],
    ['a name that is written with escapes', String.raw`{"R\u0065c\/":[1]}`, '/Rec~1', ['1']],
    ['a name beyond ASCII', '{"é😀":[1]}', '/é😀', ['1']],
    ['a name that looks like a position', '{"0":[1]}', '/0', ['1']],
    ['a name that is one of all objects', '{"__proto__":[1],"constructor":[2]}', '/__proto__', ['1']],
    ['the array before other members', '{"R":[1],"S":{"R":[2]}}', '/R', ['1']],
    ['the array after other members', '{"S":{"R":[2]},"R":[1]}', '/R', ['1']],
  ]
  it.each(rows)('%s', (_, text, pointer, want) => {
    expect(records(text, pointer)).toEqual(want)
  })
})

describe('what RFC 8259 does not allow is refused with its offset', () => {
  const rows: readonly (readonly [string, string | Uint8Array, number])[] = [
    ['nothing', '', 0],
    ['only space', ' \n', 2],
    ['a byte order mark', '\ufeff[]', 0],
    ['text after the end', '[] x', 3],
    ['a second value', '[][]', 2],
    ['an open array', '[1', 2],
    ['an open object', '{"a":1', 6],
    ['a comma before the end', '[1,]', 3],
    ['a comma before the end of an object', '{"a":1,}', 7],
    ['only a comma', '[,]', 1],
    ['no comma', '[1 2]', 3],
    ['the wrong bracket', '[1}', 2],
    ['a name without quotes', '{a:1}', 1],
    ['a name that is a number', '{1:1}', 1],
    ['no colon', '{"a" 1}', 5],
    ['no value', '{"a":}', 5],
    ['single quotes', "['a']", 1],
    ['a comment', '[1/**/]', 2],
    ['NaN', '[NaN]', 1],
    ['Infinity', '[-Infinity]', 2],
    ['a plus', '[+1]', 1],
    ['a leading zero', '[01]', 2],
    ['a leading zero after a minus', '[-01]', 3],
    ['a lone minus', '[-]', 2],
    ['no digit before the point', '[.5]', 1],
    ['no digit after the point', '[1.]', 3],
    ['no digit in the exponent', '[1e]', 3],
    ['no digit after the sign of the exponent', '[1e+]', 4],
    ['hexadecimal', '[0x1]', 2],
    ['a literal cut off', '[tru]', 4],
    ['a literal in capitals', '[True]', 1],
    ['a literal with more', '[nulll]', 5],
    ['an open string', '["a', 3],
    ['a newline in a string', '["a\nb"]', 3],
    ['a NUL in a string', '["\u0000"]', 2],
    ['an unknown escape', String.raw`["\x"]`, 3],
    ['an escape at the end', '["\\', 3],
    ['too few hex digits', String.raw`["\u12"]`, 6],
    ['a vertical tab between values', '[\u000b1]', 1],
    ['a no-break space between values', '[\u00a01]', 1],
    ['a lone continuation byte', Uint8Array.of(0x5b, 0x22, 0x80, 0x22, 0x5d), 1],
    ['an overlong form', Uint8Array.of(0x5b, 0x22, 0xc0, 0xaf, 0x22, 0x5d), 1],
    ['a surrogate in UTF-8', Uint8Array.of(0x5b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x5d), 1],
    ['UTF-16', Uint8Array.of(0x5b, 0x00, 0x5d, 0x00), 1],
  ]
  it.each(rows)('%s', (_, text, offset) => {
    const error = failure(() => records(text, ''))
    expect(error.code).toBe('malformed')
    expect(error.message).toMatch(new RegExp(`^byte ${offset}: `))
  })

  it('also far from where the pointer leads', () => {
    expect(failure(() => records('{"R":[1],"z":[01]}', '/R')).message).toMatch(/^byte 15: /)
    expect(failure(() => records('{"z":[01],"R":[1]}', '/R')).message).toMatch(/^byte 7: /)
    expect(failure(() => records('{"R":[1]}]', '/R')).message).toMatch(/^byte 9: /)
  })

  it('nests to the limit and not deeper', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(records(nested(MAX_JSON_DEPTH), '')).toEqual([nested(MAX_JSON_DEPTH - 1)])
    expect(failure(() => records(nested(MAX_JSON_DEPTH + 1), '')).message).toMatch(/512 levels/)
    expect(failure(() => records('[{"a":'.repeat(1e6), '')).message).toMatch(/512 levels/)
    expect(records(`[${'[],'.repeat(2_000)}[]]`, '')).toHaveLength(2_001)
  })
})

describe('a pointer leads to one array or fails', () => {
  const absent: readonly (readonly [string, string, string])[] = [
    ['no such name', '{"a":[1]}', '/b'],
    ['a name in other letters', '{"records":[1]}', '/Records'],
    ['a position beyond the end', '[[1]]', '/1'],
    ['a position with a leading zero', '[[1],[2]]', '/01'],
    ['the place after the last element', '[[1]]', '/-'],
    ['a name in a scalar', '{"a":1}', '/a/b'],
    ['a name in an array', '[[1]]', '/length'],
    ['an object at the end', '{"a":{}}', '/a'],
    ['a string at the end', '{"a":"[1]"}', '/a'],
    ['a null at the end', '{"a":null}', '/a'],
    ['a name that stands twice', '{"a":[1],"b":0,"a":[2]}', '/a'],
    ['a name that stands twice, once with an escape', String.raw`{"a":[1],"\u0061":[2]}`, '/a'],
    ['a name that stands twice on the way', '{"a":{"b":[1]},"a":{}}', '/a/b'],
  ]
  it.each(absent)('%s', (_, text, pointer) => {
    expect(failure(() => records(text, pointer)).code).toBe('not_found')
  })

  it.each(['Records', 'a/b', '/a~', '/a~2', '/~', '#/a'])('%s is not a pointer', (pointer) => {
    expect(failure(() => parseJsonPointer(pointer)).code).toBe('malformed')
  })
})

describe('against JSON.parse', () => {
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/)

  /** Writes a value with space of its own choice between all tokens, and answers how each element of it was written. */
  const write = (value: unknown, spaces: () => string): string => {
    if (Array.isArray(value))
      return `[${spaces()}${value.map((item) => write(item, spaces) + spaces()).join(`,${spaces()}`)}]`
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    const members = Object.entries(value).map(
      ([name, item]) => `${JSON.stringify(name)}${spaces()}:${spaces()}${write(item, spaces)}${spaces()}`,
    )
    return `{${spaces()}${members.join(`,${spaces()}`)}}`
  }

  it('finds the elements that were written, wherever they stand', () => {
    const path = fc.array(
      fc.string({ unit: 'binary', maxLength: 6 }).filter((name) => name.isWellFormed()),
      { maxLength: 4 },
    )
    const arrays = fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 6 })
    fc.assert(
      fc.property(arrays, path, fc.infiniteStream(space), (items, names, stream) => {
        const spaces = (): string => stream.next().value as string
        const written = items.map((item) => write(item, spaces))
        let text = `[${spaces()}${written.map((item) => `${item}${spaces()}`).join(`,${spaces()}`)}]`
        for (const name of [...names].reverse()) {
          text = `{${spaces()}"-${name.length}":[1,[2]],${JSON.stringify(`.${name}`)}${spaces()}:${text}}`
        }
        const pointer = names.map((name) => `/.${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
        expect(records(spaces() + text + spaces(), pointer)).toEqual(written)
        expect(written.map((item) => JSON.parse(item) as unknown)).toEqual(
          items.map((item) => JSON.parse(JSON.stringify(item)) as unknown),
        )
      }),
      { numRuns: 300 },
    )
  })

  it('accepts and refuses the same texts, also damaged ones', () => {
    const damage = fc.tuple(
      fc.nat(),
      fc.constantFrom('', '"', '\\', ',', '[', ']', '{', '}', ':', '0', '1', '.', 'e', '-', ' ', '\u0001', 'n', 'é'),
      fc.nat(2),
    )
    let refused = 0
    let accepted = 0
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), fc.array(damage, { maxLength: 3 }), (value, damages) => {
        let text = `[${JSON.stringify(value)}]`
        for (const [place, insert, remove] of damages) {
          const at = place % (text.length + 1)
          text = text.slice(0, at) + insert + text.slice(at + remove)
        }
        if (!text.isWellFormed()) return
        let parsed: unknown
        try {
          parsed = JSON.parse(text)
        } catch {
          refused++
          expect(failure(() => records(text, '')).code).toBe('malformed')
          return
        }
        accepted++
        if (!Array.isArray(parsed))
          return void expect(
            isTlogError(
              failure(() => records(text, '')),
              'not_found',
            ),
          ).toBe(true)
        expect(records(text, '').map((record) => JSON.parse(record) as unknown)).toEqual(parsed)
      }),
      { numRuns: 3_000 },
    )
    expect(Math.min(refused, accepted)).toBeGreaterThan(300)
  })
})
