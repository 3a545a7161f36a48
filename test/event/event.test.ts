/** Events as producers write them: every rule of the sixteen keys, each violation with its pointer and code. */
import { describe, expect, it } from 'vitest'
import { actions, isAction, isSendableAction, ownActions } from '../../src/event/actions.ts'
import { parseEvent } from '../../src/event/event.ts'
import type { Json } from '../../src/event/strict-json.ts'
import { parseTime } from '../../src/event/time.ts'

const minimal = {
  id: '01K0AV6Y7N1',
  time: '2026-11-20T21:47:00.123Z',
  action: 'user.disable',
  actor: { type: 'service', id: 'scim:okta' },
  target: { type: 'user', id: 'u_42' },
}

const full = {
  ...minimal,
  outcome: 'denied',
  actor: {
    type: 'agent',
    id: 'bot',
    name: 'Bot',
    email: 'bot@example.com',
    session: 's_9',
    on_behalf_of: { type: 'user', id: 'u_1' },
  },
  target: { type: 'user', id: 'u_42', name: 'jdoe', email: 'jdoe@example.com' },
  with: [{ type: 'role', id: 'admin' }],
  before: { roles: ['viewer'] },
  after: { roles: ['viewer', 'admin'], deep: { n: 1 } },
  source: { ip: '192.0.2.7', ua: 'curl/8', app: 'console' },
  reason: 'CHG-1881',
  service: 'web-console',
  msg: 'jdoe became Admin\nby hand\t!',
  tenant: 'acme',
  corr: 'CHG-1881',
  src_id: 'okta:7725f197',
  n: 7,
}

const issuesOf = (value: unknown) => {
  const parsed = parseEvent(value as Json)
  return parsed.kind === 'event'
    ? []
    : parsed.issues.map(({ code, path, hint }) => [code, path, ...(hint ? [hint] : [])])
}

describe('[EVENT-1] an event', () => {
  it('is taken with five keys, and succeeded unless it says otherwise', () => {
    expect(parseEvent(minimal)).toEqual({ kind: 'event', event: { outcome: 'success', ...minimal } })
  })

  it('is taken with all keys, as it was written', () => {
    expect(parseEvent(full as unknown as Json)).toEqual({ kind: 'event', event: full })
  })

  it.each([
    ['no object', [], [['wrong_type', '']]],
    ['nothing', {}, ['id', 'time', 'action', 'actor', 'target'].map((key) => ['missing', `/${key}`])],
    ['another key', { ...minimal, tennant: 'a' }, [['unknown_key', '/tennant', 'tenant']]],
    ['a key with a slash', { ...minimal, 'a/b~': 1 }, [['unknown_key', '/a~1b~0']]],
    [
      'an unknown action',
      { ...minimal, action: 'user.role.asign' },
      [['unknown_action', '/action', 'user.role.assign']],
    ],
    ['an action of the log itself', { ...minimal, action: 'privacy.erase' }, [['unknown_action', '/action']]],
    ['a custom action in capitals', { ...minimal, action: 'custom.Login' }, [['unknown_action', '/action']]],
    ['an unknown outcome', { ...minimal, outcome: 'sucess' }, [['bad_value', '/outcome', 'success']]],
    [
      'an unknown type of actor',
      { ...minimal, actor: { type: 'usr', id: 'a' } },
      [['bad_value', '/actor/type', 'user']],
    ],
    ['an actor without id', { ...minimal, actor: { type: 'user' } }, [['missing', '/actor/id']]],
    ['a target without type', { ...minimal, target: { id: 'a' } }, [['missing', '/target/type']]],
    ['a target that is a string', { ...minimal, target: 'u_42' }, [['wrong_type', '/target']]],
    ['an id of 65 characters', { ...minimal, id: 'a'.repeat(65) }, [['bad_value', '/id']]],
    ['an id with a space', { ...minimal, id: 'a b' }, [['bad_value', '/id']]],
    ['a number as id', { ...minimal, id: 5 }, [['wrong_type', '/id']]],
    ['a date as time', { ...minimal, time: '2026-11-20' }, [['bad_value', '/time']]],
    ['an empty with', { ...minimal, with: [] }, [['bad_value', '/with']]],
    ['65 involved', { ...minimal, with: Array(65).fill({ type: 'role', id: 'a' }) }, [['bad_value', '/with']]],
    [
      'somebody involved without id',
      { ...minimal, with: [{ type: 'role', id: 'a' }, { type: 'role' }] },
      [['missing', '/with/1/id']],
    ],
    ['text as state', { ...minimal, after: '{}' }, [['wrong_type', '/after']]],
    ['an unknown key of the source', { ...minimal, source: { iP: '::1' } }, [['unknown_key', '/source/iP', 'ip']]],
    ['a long message', { ...minimal, msg: 'a'.repeat(4_097) }, [['too_long', '/msg']]],
    [
      'a long string deep inside',
      { ...minimal, after: { a: [{ b: 'a'.repeat(4_097) }] } },
      [['too_long', '/after/a/0/b']],
    ],
    ['number 0', { ...minimal, n: 0 }, [['bad_value', '/n']]],
    ['null for nothing', { ...minimal, reason: null }, [['wrong_type', '/reason']]],
    ['a tenant with a space', { ...minimal, tenant: 'a b' }, [['bad_value', '/tenant']]],
  ])('is refused with %s', (_, value, issues) => {
    expect(issuesOf(value)).toEqual(issues)
  })

  it('names every fault at once', () => {
    expect(issuesOf({ ...minimal, id: '', outcome: 'x', extra: 1 })).toHaveLength(3)
  })
})

describe('[EVENT-3] characters', () => {
  const refused = [0, 7, 8, 0x0b, 0x0c, 0x0d, 0x1b, 0x1f, 0x7f, 0x80, 0x9f, 0x202a, 0x202e, 0x2066, 0x2069]

  it.each(refused.map((code) => [`U+${code.toString(16).padStart(4, '0')}`, String.fromCharCode(code)]))(
    'refuses %s wherever it is',
    (_, character) => {
      expect(issuesOf({ ...minimal, msg: `a${character}b` })).toEqual([['bad_character', '/msg']])
      expect(issuesOf({ ...minimal, after: { [`k${character}`]: 1 } })).toEqual([
        ['bad_character', `/after/k${character}`],
      ])
    },
  )

  it('takes tab, line feed and every script', () => {
    expect(issuesOf({ ...minimal, msg: 'a\tb\nעברית العربية 日本語 😀 é' })).toEqual([])
  })
})

describe('actions', () => {
  it('are fifty, and none of them is of the log alone', () => {
    expect(new Set(actions).size).toBe(50)
    for (const action of ownActions) expect([isSendableAction(action), isAction(action)]).toEqual([false, true])
    expect(isSendableAction('custom.my-app.login_2')).toBe(true)
    expect(isSendableAction('custom.')).toBe(false)
  })
})

describe('times of RFC 3339', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['1969-12-31T23:59:59.999Z', -1],
    ['2026-11-20T21:47:00.123Z', Date.UTC(2026, 10, 20, 21, 47, 0, 123)],
    ['2026-11-20t21:47:00.123456789z', Date.UTC(2026, 10, 20, 21, 47, 0, 123)],
    ['2026-11-20T21:47:00.1+05:30', Date.UTC(2026, 10, 20, 16, 17, 0, 100)],
    ['2026-11-20T21:47:00-00:30', Date.UTC(2026, 10, 20, 22, 17, 0)],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
    ['1900-03-01T00:00:00Z', Date.UTC(1900, 2, 1)],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1)],
    ['9999-12-31T23:59:59Z', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ])('%s', (text, want) => expect(parseTime(text)).toBe(want))

  it('agree with Date on every day of two centuries', () => {
    for (let day = -36_525; day < 36_525; day++) {
      const date = new Date(day * 86_400_000)
      expect(parseTime(date.toISOString())).toBe(date.getTime())
    }
  })

  it.each([
    '2026-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-11-20T24:00:00Z',
    '2026-11-20 21:47:00Z',
    '2026-11-20T21:47:00',
    '2026-11-20T21:47Z',
    '2026-11-20T21:47:00.1234567890Z',
    '26-11-20T21:47:00Z',
    '2026-11-20T21:47:00+24:00',
    ' 2026-11-20T21:47:00Z',
  ])('refuse %s', (text) => expect(parseTime(text)).toBeUndefined())
})
