/** Values from outside that break a rule for events are made to fit, and nothing else of them is changed. */
import { describe, expect, it } from 'vitest'
import {
  customAction,
  fitId,
  fitKind,
  fitObject,
  fitTenant,
  fitText,
  fitTime,
  MAX_STATE,
  timeOfMillis,
  timeOfNanos,
} from '../../../src/audit/sources/fit.ts'
import { type Draft, itemOf, settle } from '../../../src/audit/sources/item.ts'
import type { Json } from '../../../src/event/strict-json.ts'

describe('texts', () => {
  const rows: readonly (readonly [name: string, value: Json, want: string | undefined])[] = [
    ['a text', 'Zoë 😀', 'Zoë 😀'],
    ['tabs and lines', 'a\tb\nc', 'a\tb\nc'],
    ['controls', 'a\u0000b\u001bc\u007fd\u0085e\rf', 'a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf'],
    ['text that runs the other way', 'a\u202eb\u2066c', 'a\ufffdb\ufffdc'],
    ['4,096 characters', 'x'.repeat(4_096), 'x'.repeat(4_096)],
    ['4,097 characters', 'x'.repeat(4_097), `${'x'.repeat(4_095)}…`],
    ['a pair where it is cut', `${'x'.repeat(4_094)}😀😀`, `${'x'.repeat(4_094)}…`],
    ['a number', 7, '7'],
    ['a boolean', false, 'false'],
    ['nothing', '', undefined],
    ['null', null, undefined],
    ['an object', { a: 1 }, undefined],
  ]
  it.each(rows)('[SRC-6] %s', (_, value, want) => {
    expect(fitText(value)).toBe(want)
  })
})

describe('ids', () => {
  it('[SRC-3] are kept where they can be, and hashed where not', () => {
    expect(fitId('3f8a-7')).toBe('3f8a-7')
    expect(fitId('x'.repeat(64))).toBe('x'.repeat(64))
    // printf 'a b' | sha256sum
    expect(fitId('a b')).toBe('sha256:c8687a08aa5d6ed2044328fa6a697ab8e96dc342')
    for (const text of ['x'.repeat(65), 'é', 'a\n', ''.padStart(1_000_000, 'x')])
      expect(fitId(text)).toMatch(/^sha256:[0-9a-f]{40}$/)
    expect(fitId('x'.repeat(65))).not.toBe(fitId('x'.repeat(66)))
    expect([fitId(undefined), fitId('')]).toEqual([undefined, undefined])
  })
})

describe('types, tenants and actions', () => {
  it('[SRC-7] have the characters of the vocabulary', () => {
    expect(fitKind('AWS::S3::Bucket')).toBe('aws-s3-bucket')
    expect(fitKind(' ☃ ')).toBe('unknown')
    expect(fitKind('x'.repeat(100))).toHaveLength(64)
    expect(fitTenant('Acme.eu')).toBe('acme.eu')
    expect(fitTenant('a b')).toBeUndefined()
    expect(customAction('okta', 'user.mfa.Attempt bypass/ü')).toBe('custom.okta.user.mfa.attempt-bypass--')
    expect(customAction('okta', 'x'.repeat(100))).toBe(`custom.okta.${'x'.repeat(59)}`)
    expect(customAction('okta', undefined)).toBe('custom.okta.unknown')
  })
})

describe('times', () => {
  it('[SRC-4] keep every digit', () => {
    expect(timeOfMillis(1795211220123)).toBe('2026-11-20T21:47:00.123Z')
    expect(timeOfMillis('1795211220123')).toBe('2026-11-20T21:47:00.123Z')
    expect(timeOfNanos('1544712660300000001')).toBe('2018-12-13T14:51:00.300000001Z')
    expect(timeOfNanos(5)).toBe('1970-01-01T00:00:00.000000005Z')
    expect(fitTime('2026-11-20T21:47:00.1234567891234Z')).toBe('2026-11-20T21:47:00.123456789Z')
  })

  it.each<Json>([Number.NaN, 1e300, -1e300, '', ' ', '0x10', '1e3', 'now', null, true, {}])(
    '[SRC-6] %j is none',
    (value) => {
      expect(timeOfMillis(value)).toBeUndefined()
      expect(timeOfNanos(value)).toBeUndefined()
    },
  )

  it('[SRC-6] 0 nanoseconds mean that nobody knows', () => {
    expect(timeOfNanos('0')).toBeUndefined()
    expect(timeOfNanos(0)).toBeUndefined()
  })
})

describe('states', () => {
  it('[SRC-8] carry no secrets', () => {
    const state = {
      name: 'x',
      password: 'p',
      clientSecret: 's',
      credentials: [{ value: 'v' }],
      nested: { accessToken: 't' },
    }
    expect(fitObject(state)).toEqual({
      name: 'x',
      password: '[redacted]',
      clientSecret: '[redacted]',
      credentials: '[redacted]',
      nested: { accessToken: '[redacted]' },
    })
    expect(fitObject({ resetPassword: true, token: null, passwordPolicy: 'length(8)' })).toEqual({
      resetPassword: true,
      token: null,
      passwordPolicy: 'length(8)',
    })
  })

  it('[SRC-6] are cut where they are deep, and named by their hash where they are large', () => {
    let deep: Json = 'end'
    for (let i = 0; i < 60; i++) deep = { a: deep }
    const cut = JSON.stringify(fitObject(deep))
    expect(cut).toContain('…')
    expect(cut.split('{').length).toBeLessThan(32)
    expect(fitObject({ a: 'x'.repeat(MAX_STATE) })).toEqual({
      omitted: { characters: MAX_STATE + 8, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    })
    expect(fitObject({ 'a\u0007': ['b\u0007'] })).toEqual({ 'a\ufffd': ['b\ufffd'] })
    expect(fitObject(JSON.parse('{"__proto__":{"a":1},"b":1}') as Json)).toEqual({ '__proto__ ': { a: 1 }, b: 1 })
    expect([fitObject({}), fitObject([]), fitObject('x'), fitObject(null)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
})

describe('items', () => {
  const raw = new TextEncoder().encode('{"a":1}')
  const draft: Draft = {
    id: '1',
    time: '2026-11-20T21:47:00Z',
    action: 'user.disable',
    outcome: 'success',
    actor: { type: 'admin', id: undefined },
    target: { type: undefined, id: undefined },
  }

  it('[SRC-6] an actor without a name is anonymous, and a target without one unknown', () => {
    expect(settle(draft, raw)).toEqual({
      kind: 'event',
      event: { ...draft, actor: { type: 'anonymous' }, target: { type: 'unknown', id: 'unknown' } },
      raw,
    })
  })

  it('[SRC-1] what breaks a rule all the same is kept apart with the reason', () => {
    expect(settle({ ...draft, time: 'yesterday' }, raw)).toMatchObject({
      kind: 'quarantine',
      code: 'bad_value',
      reason: expect.stringMatching(/^\/time: want a time/),
    })
    expect(settle({ ...draft, time: undefined, id: undefined }, raw)).toMatchObject({
      code: 'missing',
      reason: '/id: want id',
    })
    expect(settle({ ...draft, action: 'privacy.erase' }, raw)).toMatchObject({ code: 'unknown_action' })
    expect(settle({ code: 'notification', reason: 'why' }, raw)).toEqual({
      kind: 'quarantine',
      code: 'notification',
      reason: 'why',
      raw,
    })
    expect(settle('ignored', raw)).toEqual({ kind: 'ignored' })
    expect(itemOf(new TextEncoder().encode('[]'), () => draft)).toMatchObject({
      code: 'malformed',
      reason: 'want an object',
    })
  })

  it('[SRC-6] at most 64 are involved', () => {
    const involved = Array.from({ length: 100 }, (_, i) => ({ type: 'user', id: `u_${i}` }))
    const item = settle({ ...draft, with: involved }, raw)
    expect(item.kind === 'event' && item.event.with).toHaveLength(64)
    const large = settle(
      { ...draft, with: involved.map(({ type, id }) => ({ type, id, name: 'x'.repeat(4_000) })) },
      raw,
    )
    expect(large.kind === 'event' && large.event.with).toHaveLength(16)
  })
})
