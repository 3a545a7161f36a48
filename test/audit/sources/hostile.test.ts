/** What outsiders write into the events of others, in every format: harm stays in the item, and no event is lost for a text. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sourceFormats } from '../../../src/audit/sources/index.ts'
import type { SourceItem } from '../../../src/audit/sources/source.ts'
import { parseEvent } from '../../../src/event/event.ts'
import type { Json } from '../../../src/event/strict-json.ts'
import { isTlogError } from '../../../src/primitives/error.ts'
import { delivery, itemsOf } from './deliveries.ts'
import { type Sample, samples } from './samples.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** An item whose text is put in by replacing a mark, so that it need not be text. */
const itemWith = (sample: Sample, text: Uint8Array): Uint8Array => {
  const [before = '', after = ''] = sample.item('bad', '"MARK"').split('MARK')
  return Buffer.concat([bytesOf(before), text, bytesOf(after)])
}

const kindsOf = (items: readonly SourceItem[]): readonly string[] => items.map(({ kind }) => kind)

const between = (sample: Sample, bad: Uint8Array): readonly Uint8Array[] =>
  sample.isAlone ? [bad] : [bytesOf(sample.item('one')), bad, bytesOf(sample.item('two'))]

const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`

it('[SRC-5] every format is tried', () => {
  expect(Object.keys(samples).toSorted()).toEqual(sourceFormats.map(({ name }) => name).toSorted())
})

describe.each(Object.entries(samples))('%s', (name, sample) => {
  const parse = (...items: readonly Uint8Array[]): readonly SourceItem[] => itemsOf(name, sample.body(items))
  const around = (middle: string): readonly string[] => (sample.isAlone ? [middle] : ['event', middle, 'event'])

  it('[SRC-3] makes the same of the same, and keeps ids apart', () => {
    const bodies = [parse(bytesOf(sample.item('one'))), parse(bytesOf(sample.item('two')))]
    expect(bodies.map(kindsOf)).toEqual([['event'], ['event']])
    expect(parse(bytesOf(sample.item('one')))).toEqual(bodies[0])
    const ids = bodies.flat().map((item) => item.kind === 'event' && item.event.id)
    expect(new Set(ids).size).toBe(2)
  })

  it('[SRC-9] answers well when everything was kept, quarantined or not', () => {
    const format = sourceFormats.find((one) => one.name === name)
    expect([200, 202, 204]).toContain(format?.answer(parse(bytesOf(sample.item('one')))).status)
  })

  const harmful: readonly (readonly [name: string, text: string])[] = [
    ['nesting', deep(500)],
    ['nesting without end', deep(200_000)],
    ['a key twice', '{"a":1,"a":2}'],
    ['__proto__', '{"__proto__":{"polluted":true}}'],
    ['half of a surrogate pair', String.raw`"\ud800"`],
    ['no JSON', '"a" "b"'],
    ['a number that is none', '01'],
  ]
  it.each(sample.isText ? [] : harmful)('[SRC-5] %s harms only the item that has it', (_, text) => {
    const items = parse(...between(sample, bytesOf(sample.item('bad', text))))
    expect(kindsOf(items)).toEqual(around('quarantine'))
    expect(items.find((item) => item.kind === 'quarantine')).toMatchObject({ code: 'malformed' })
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it.each(sample.isText ? [] : ['no UTF-8'])('[SRC-5] bytes that are %s harm only the item that has them', () => {
    const items = parse(...between(sample, itemWith(sample, Uint8Array.of(0x61, 0xff, 0xc0, 0xaf))))
    expect(kindsOf(items)).toEqual(around('quarantine'))
  })

  const odd: readonly (readonly [name: string, text: string])[] = [
    ['a controlling text', String.raw`"a\u0000\u001b[31m\u009bb"`],
    ['a text that runs the other way', String.raw`"\u202egnp.exe\u2066"`],
    ['a text of 1 MiB', `"${'x'.repeat(1_048_576)}"`],
    ['a text of 1 MiB of pairs', `"${'😀'.repeat(262_144)}"`],
    ['brackets and quotes', String.raw`"]}],\"{[\\"`],
    ['a text like a prototype', '"__proto__"'],
    ['a number without end', '9'.repeat(10_000)],
    ['null', 'null'],
    ['an object', '{"a":[{"b":null}]}'],
    ['nothing', '""'],
    ['members of all objects', '{"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":null}'],
  ]
  it.each(odd)('[SRC-6] no event is lost for %s', (_, text) => {
    const middle = bytesOf(sample.item('odd', text))
    const items = parse(...between(sample, middle))
    expect(kindsOf(items)).toEqual(around('event'))
    for (const item of items)
      if (item.kind === 'event')
        expect(parseEvent(item.event as unknown as Json)).toEqual({ kind: 'event', event: item.event })
    const raws = items.map((item) => (item.kind === 'ignored' ? undefined : Buffer.from(item.raw)))
    expect(raws[sample.isAlone ? 0 : 1]?.equals(sample.raw?.(middle) ?? middle)).toBe(true)
  })

  it('[SRC-1] any other body is taken or refused as malformed, whatever it is', () => {
    const whole = sample.body(
      [bytesOf(sample.item('one')), bytesOf(sample.item('two'))].slice(0, sample.isAlone ? 1 : 2),
    )
    const damage = fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.nat(6))
    fc.assert(
      fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
        let body = whole.body
        for (const [place, insert, remove] of damages) {
          const at = place % (body.length + 1)
          body = Buffer.concat([body.subarray(0, at), insert, body.subarray(at + remove)])
        }
        mustParse(name, { ...whole, body })
      }),
      { numRuns: 500 },
    )
  })

  const bodies: readonly (readonly [name: string, body: string | Uint8Array])[] = [
    ['nothing', ''],
    ['null', 'null'],
    ['a number', '1'],
    ['an empty object', '{}'],
    ['an empty array', '[]'],
    ['a text', '"x"'],
    ['an open bracket', '{"Records":['],
    ['a million open brackets', '['.repeat(1_000_000)],
    ['bytes', Uint8Array.from({ length: 256 }, (_, i) => i)],
    [
      'items that are none',
      '{"Records":[1,null,"x",[],{}],"items":[1,{}],"data":{"events":[1,{}]},"resourceLogs":[1,{}]}',
    ],
    ['odd members of envelopes', '{"Records":{},"items":1,"data":[],"resourceLogs":{"scopeLogs":[]}}'],
    [
      'odd members within',
      '{"resourceLogs":[{"scopeLogs":1},{"scopeLogs":[{"logRecords":{}},1]},{"resource":1,"scopeLogs":[]}]}',
    ],
    ['a member of an envelope twice', '{"Records":[],"Records":[],"items":[],"items":[]}'],
    ['a prototype in an envelope', '{"__proto__":{"Records":[]},"Records":[],"items":[]}'],
  ]
  it.each(bodies)('[SRC-1] a body that is %s is taken or refused as malformed', (_, body) => {
    mustParse(name, delivery(body))
    mustParse(name, delivery(body, { 'content-type': 'application/octet-stream' }))
  })
})

/** Parses, and allows no error but the one that says that the body is not in the format. */
const mustParse = (name: string, one: ReturnType<typeof delivery>): void => {
  try {
    for (const item of itemsOf(name, one))
      if (item.kind === 'event') expect(parseEvent(item.event as unknown as Json).kind).toBe('event')
  } catch (error) {
    if (!isTlogError(error, 'malformed')) throw error
  }
}
