/** OpenTelemetry: log records by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { otlp } from '../../../src/audit/sources/otlp.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

/** KeyValues of texts; other values are AnyValues. */
const attributes = (values: Members): readonly Members[] =>
  Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : value,
  }))

const logged = (values: Members, more: Members = {}): Members => ({
  timeUnixNano: '1795211220123456789',
  observedTimeUnixNano: '1795211229000000000',
  severityText: 'INFO',
  traceId: '5b8efff798038103d269b633813fc60c',
  spanId: 'eee19b7ec3c1b174',
  body: { stringValue: 'jdoe became admin' },
  attributes: attributes({ 'audit.id': 'e-1', ...values }),
  ...more,
})

const event = (members: Members): Members => ({
  id: 'e-1',
  time: '2026-11-20T21:47:00.123456789Z',
  outcome: 'success',
  actor: { type: 'service', id: 'shop' },
  target: { type: 'service', id: 'shop' },
  service: 'shop',
  msg: 'jdoe became admin',
  corr: '5b8efff798038103d269b633813fc60c',
  src_id: 'e-1',
  ...members,
})

const exported = (...records: readonly unknown[]) =>
  delivery(
    JSON.stringify({
      resourceLogs: [
        {
          resource: { attributes: attributes({ 'service.name': 'shop' }) },
          scopeLogs: [{ scope: { name: 'x' }, logRecords: records }],
        },
      ],
    }),
  )

const role = {
  kvlistValue: {
    values: [
      { key: 'type', value: { stringValue: 'role' } },
      { key: 'id', value: { stringValue: 'admin' } },
    ],
  },
}

describe('records and their events', () => {
  const rows: readonly (readonly [name: string, record: Members, event: Members | string])[] = [
    [
      'attributes',
      logged({
        'audit.action': 'user.role.assign',
        'audit.outcome': 'denied',
        'audit.actor.type': 'admin',
        'audit.actor.id': 'u_1',
        'audit.target.type': 'user',
        'audit.target.id': 'u_42',
        'audit.with': { arrayValue: { values: [role] } },
        'audit.reason': 'policy p_7',
        'audit.tenant': 'acme',
        'client.address': '192.0.2.7',
        'user_agent.original': 'curl/8',
      }),
      event({
        action: 'user.role.assign',
        outcome: 'denied',
        actor: { type: 'admin', id: 'u_1' },
        target: { type: 'user', id: 'u_42' },
        with: [{ type: 'role', id: 'admin' }],
        reason: 'policy p_7',
        tenant: 'acme',
        source: { ip: '192.0.2.7', ua: 'curl/8' },
      }),
    ],
    [
      'an event of ours as the body',
      logged(
        {},
        {
          attributes: [],
          traceId: '00000000000000000000000000000000',
          body: {
            kvlistValue: {
              values: attributes({
                id: 'e-1',
                action: 'user.update',
                time: '2026-11-20T21:00:00Z',
                actor: role,
                target: { kvlistValue: { values: attributes({ type: 'user', id: 'u_42' }) } },
                after: {
                  kvlistValue: {
                    values: attributes({
                      n: { intValue: '9007199254740993' },
                      m: { intValue: '5' },
                      ok: { boolValue: true },
                    }),
                  },
                },
              }),
            },
          },
        },
      ),
      event({
        action: 'user.update',
        time: '2026-11-20T21:00:00Z',
        actor: { type: 'user', id: 'admin' },
        target: { type: 'user', id: 'u_42' },
        after: { n: '9007199254740993', m: 5, ok: true },
        msg: undefined,
        corr: undefined,
      }),
    ],
    [
      'the name of the event, and parties as texts',
      logged({ 'audit.actor': 'u_1', 'audit.target': 'secret/vault' }, { eventName: 'audit.access.read', traceId: '' }),
      event({
        action: 'access.read',
        actor: { type: 'user', id: 'u_1' },
        target: { type: 'secret', id: 'vault' },
        corr: undefined,
      }),
    ],
    [
      'the user whom the instrumentation knows, and an outcome that is none',
      logged({ 'audit.action': 'Shop Order', 'audit.outcome': 'ok', 'enduser.id': 'u_7' }),
      event({ action: 'custom.otlp.shop-order', outcome: 'unknown', actor: { type: 'user', id: 'u_7' } }),
    ],
    [
      'actions of the log itself are nobody else’s',
      logged({ 'audit.action': 'privacy.erase' }),
      event({ action: 'custom.otlp.privacy.erase' }),
    ],
    [
      'only the time when it was seen',
      logged({ 'audit.action': 'custom.shop.x' }, { timeUnixNano: '0' }),
      event({ action: 'custom.shop.x', time: '2026-11-20T21:47:09.000000000Z' }),
    ],
    ['a log like any other', logged({ 'http.route': '/' }), 'ignored'],
    [
      'an attribute twice',
      logged(
        {},
        {
          attributes: [
            ...attributes({ 'audit.action': 'user.update' }),
            ...attributes({ 'audit.action': 'user.delete' }),
          ],
        },
      ),
      'quarantine: malformed',
    ],
    [
      'no time',
      logged({ 'audit.action': 'user.update' }, { timeUnixNano: 0, observedTimeUnixNano: undefined }),
      'quarantine: missing',
    ],
  ]
  it.each(rows)('[SRC-17] %s', (_, record, want) => {
    expect(outcomesOf('otlp', exported(record))).toEqual([want])
  })
})

describe('requests', () => {
  const record = logged({ 'audit.action': 'user.update' })

  it('[SRC-4] nanoseconds as bare numbers keep their digits', () => {
    const body = JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] }).replace(
      '"1795211220123456789"',
      '1795211220123456789',
    )
    expect(outcomesOf('otlp', delivery(body))).toMatchObject([{ time: '2026-11-20T21:47:00.123456789Z' }])
  })

  it('[SRC-3] without an id the key is what it says, not when it was seen', () => {
    const unnamed = logged({ 'audit.id': '', 'audit.action': 'user.update' })
    const ids = outcomesOf(
      'otlp',
      exported(unnamed, { ...unnamed, observedTimeUnixNano: '1' }, { ...unnamed, timeUnixNano: '1795211220123456790' }),
    )
    const [first, second, third] = ids.map((one) => (one as { id: string }).id)
    expect(first).toMatch(/^sha256:[0-9a-f]{40}$/)
    expect(second).toBe(first)
    expect(third).not.toBe(first)
  })

  it('[SRC-2] [SRC-17] every record of every scope of every resource is an item, in order', () => {
    const text = JSON.stringify(record)
    const body = `{"resourceLogs":[{"scopeLogs":[{"logRecords":[${text}, ${text}]},{"logRecords":[${text}]},{}]},{"scopeLogs":[]},{},{"scopeLogs":[{"logRecords":[ ${text} ]}]}]}`
    expect(rawOf('otlp', delivery(body))).toEqual([text, text, text, text])
    expect(rawOf('otlp', delivery('{}'))).toEqual([])
    expect(() => rawOf('otlp', delivery('{"resourceSpans":[]}'))).toThrow(/want/)
    expect(() => rawOf('otlp', delivery('{}', { 'content-type': 'application/x-protobuf' }))).toThrow(/JSON/)
  })

  it('[SRC-5] what is wrong with a resource or a scope is wrong with its records only', () => {
    const good = `{"scopeLogs":[{"logRecords":[${JSON.stringify(record)}]}]}`
    const bad = good.replace('{', '{"resource":{"attributes":[],"attributes":[]},')
    expect(
      outcomesOf('otlp', delivery(`{"resourceLogs":[${bad},${good},7,{"scopeLogs":[7]},{"scopeLogs":7}]}`)),
    ).toEqual([
      'quarantine: malformed',
      expect.objectContaining({ action: 'user.update' }),
      'quarantine: malformed',
      'quarantine: malformed',
      'quarantine: malformed',
    ])
  })

  it('[SRC-9] are answered as OTLP says', () => {
    const answerTo = (...records: readonly unknown[]) => otlp.answer(otlp.parse(exported(...records)))
    expect(answerTo(record, logged({}))).toEqual({ status: 200, type: 'application/json', body: '{}' })
    expect(answerTo(record, 7, {}, 8)).toEqual({
      status: 200,
      type: 'application/json',
      body: '{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"want an object"}}',
    })
  })
})
