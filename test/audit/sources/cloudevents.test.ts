/** CloudEvents: events by name in the three modes, with ours in full. */
import { describe, expect, it } from 'vitest'
import { MAX_BATCH } from '../../../src/audit/sources/cloudevents.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const made = (members: Members): Members => ({
  specversion: '1.0',
  id: '1234-1234-1234',
  source: '/hr',
  type: 'audit.user.create',
  time: '2026-11-20T21:47:00Z',
  ...members,
})

const event = (members: Members): Members => ({
  id: '/hr#1234-1234-1234',
  time: '2026-11-20T21:47:00Z',
  action: 'user.create',
  outcome: 'success',
  actor: { type: 'service', id: '/hr' },
  target: { type: 'user', id: 'u_42' },
  src_id: '1234-1234-1234',
  ...members,
})

const structured = (one: Members) =>
  delivery(JSON.stringify(one), { 'content-type': 'application/cloudevents+json; charset=UTF-8' })

const batched = (text: string) => delivery(text, { 'content-type': 'Application/CloudEvents-Batch+JSON' })

describe('events and ours', () => {
  const rows: readonly (readonly [name: string, made: Members, event: Members | string])[] = [
    [
      'all parts',
      made({
        datacontenttype: 'application/json',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        data: {
          actor: { type: 'admin', id: 'u_1', session: 's_9', on_behalf_of: { type: 'user', id: 'u_2' } },
          target: { type: 'user', id: 'u_42', name: 'jdoe', email: 'jdoe@example.com' },
          outcome: 'failure',
          with: [{ type: 'role', id: 'admin' }, 'group/ops', 7, {}],
          before: { a: 1 },
          after: { a: 2, password: 'p' },
          source: { ip: '192.0.2.7', ua: 'curl/8', app: 'console' },
          reason: 'CHG-1',
          service: 'web',
          msg: 'm',
          tenant: 'acme',
          more: 'is left to raw',
        },
      }),
      event({
        outcome: 'failure',
        actor: { type: 'admin', id: 'u_1', session: 's_9', on_behalf_of: { type: 'user', id: 'u_2' } },
        target: { type: 'user', id: 'u_42', name: 'jdoe', email: 'jdoe@example.com' },
        with: [
          { type: 'role', id: 'admin' },
          { type: 'group', id: 'ops' },
          { type: 'unknown', id: '7' },
        ],
        before: { a: 1 },
        after: { a: 2, password: '[redacted]' },
        source: { ip: '192.0.2.7', ua: 'curl/8', app: 'console' },
        reason: 'CHG-1',
        service: 'web',
        msg: 'm',
        tenant: 'acme',
        corr: '0af7651916cd43dd8448eb211c80319c',
      }),
    ],
    ['the subject stands in for the target', made({ subject: 'user/u_42' }), event({})],
    ['neither subject nor target', made({ subject: undefined }), event({ target: { type: 'unknown', id: '/hr' } })],
    ['data in base64', made({ data_base64: btoa('{"target":"user/u_42"}') }), event({})],
    ['data that is text', made({ subject: 'user/u_42', data: 'hello' }), event({ msg: 'hello' })],
    [
      'a type of somebody else',
      made({ type: 'com.github.pull_request.opened', subject: '123' }),
      event({
        action: 'custom.cloudevents.com.github.pull_request.opened',
        outcome: 'unknown',
        target: { type: 'unknown', id: '123' },
      }),
    ],
    [
      'an action that is not known',
      made({ type: 'audit.user.dance', subject: 'user/u_42' }),
      event({ action: 'custom.cloudevents.user.dance' }),
    ],
    [
      'a custom action',
      made({ type: 'audit.custom.hr.hired', subject: 'user/u_42' }),
      event({ action: 'custom.hr.hired' }),
    ],
    ['an older version', made({ specversion: '0.3' }), 'quarantine: bad_value'],
    ['no source', made({ source: undefined }), 'quarantine: missing'],
    ['no time', made({ time: undefined }), 'quarantine: missing'],
  ]
  it.each(rows)('[SRC-18] %s', (_, one, want) => {
    expect(outcomesOf('cloudevents', structured(one))).toEqual([want])
  })

  it('[SRC-18] the key is source and id, whatever is in them', () => {
    const idOf = (source: string, id: string): string =>
      (outcomesOf('cloudevents', structured(made({ source, id }))) as readonly { readonly id: string }[])[0]?.id ?? ''
    expect(idOf('/a', 'b')).toBe('/a#b')
    expect(idOf('/a#b', 'c')).not.toBe(idOf('/a', 'b#c'))
    expect(idOf('/a', 'x'.repeat(100))).toMatch(/^sha256:/)
  })
})

describe('modes', () => {
  const text = JSON.stringify(made({ subject: 'user/u_42' }))

  it('[SRC-18] a batch', () => {
    expect(rawOf('cloudevents', batched(`[${text}, ${text}]`))).toEqual([text, text])
    expect(outcomesOf('cloudevents', batched(`[${text},{}]`))).toEqual([event({}), 'quarantine: bad_value'])
    expect(rawOf('cloudevents', batched('[]'))).toEqual([])
  })

  it('[SRC-18] a batch of more than 1,000 is refused', () => {
    const items = (count: number): string => `[${Array.from({ length: count }, () => '{}').join(',')}]`
    expect(outcomesOf('cloudevents', batched(items(MAX_BATCH)))).toHaveLength(1_000)
    expect(() => outcomesOf('cloudevents', batched(items(MAX_BATCH + 1)))).toThrow(/at most 1000/)
  })

  const headers = {
    'ce-specversion': '1.0',
    'ce-id': '1234-1234-1234',
    'ce-source': '/hr',
    'ce-type': 'audit.user.create',
    'ce-time': '2026-11-20T21:47:00Z',
    'ce-subject': 'user/%C3%BC%20%22x%22',
  }

  it('[SRC-18] binary: attributes are headers, percent-encoded, and the body is the data', () => {
    const body = '{"msg":"m"}'
    const one = delivery(body, headers)
    expect(outcomesOf('cloudevents', one)).toEqual([event({ target: { type: 'user', id: 'ü "x"' }, msg: 'm' })])
    expect(rawOf('cloudevents', one)).toEqual([body])
    const quoted = { ...headers, 'ce-subject': '"user/\\"q\\""', 'content-type': 'text/plain' }
    expect(outcomesOf('cloudevents', delivery('hello', quoted))).toEqual([
      event({ target: { type: 'user', id: '"q"' }, msg: 'hello' }),
    ])
    expect(outcomesOf('cloudevents', delivery('', { ...headers, 'ce-subject': 'user/%E0%A4' }))).toEqual([
      event({ target: { type: 'user', id: '%E0%A4' } }),
    ])
    expect(outcomesOf('cloudevents', delivery('{"a":1,"a":1}', headers))).toEqual(['quarantine: malformed'])
  })

  it('[SRC-1] no mode at all', () => {
    expect(() => rawOf('cloudevents', delivery(text))).toThrow(/cloudevents/)
    expect(() => rawOf('cloudevents', { headers: {}, body: new Uint8Array() })).toThrow(/cloudevents/)
  })
})
