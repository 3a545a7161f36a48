/** Okta: log events by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { okta } from '../../../src/audit/sources/okta.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const logged = (members: Members): Members => ({
  version: '0',
  severity: 'INFO',
  client: {
    userAgent: { os: 'Unknown', browser: 'UNKNOWN', rawUserAgent: 'curl/8' },
    zone: 'null',
    ipAddress: '192.0.2.7',
  },
  actor: { id: '00u1', type: 'User', alternateId: 'root@example.com', displayName: 'Root' },
  outcome: { result: 'SUCCESS' },
  uuid: 'f790999f-fe87-467a-9880-6982a583986c',
  published: '2026-11-20T21:47:00.777Z',
  displayMessage: 'Something was done',
  transaction: { type: 'WEB', id: 'V04Oy4ubUOc5UuG6s9DyNQAABtc' },
  authenticationContext: { externalSessionId: 's_9' },
  ...members,
})

const event = (members: Members): Members => ({
  id: 'f790999f-fe87-467a-9880-6982a583986c',
  time: '2026-11-20T21:47:00.777Z',
  outcome: 'success',
  actor: { type: 'user', id: '00u1', name: 'Root', email: 'root@example.com', session: 's_9' },
  source: { ip: '192.0.2.7', ua: 'curl/8' },
  msg: 'Something was done',
  corr: 'V04Oy4ubUOc5UuG6s9DyNQAABtc',
  src_id: 'f790999f-fe87-467a-9880-6982a583986c',
  ...members,
})

const jdoe = { id: '00u2', type: 'User', alternateId: 'jdoe@example.com', displayName: 'J. Doe' }
const wantJdoe = { type: 'user', id: '00u2', name: 'J. Doe', email: 'jdoe@example.com' }
const ops = { id: '00g1', type: 'UserGroup', alternateId: 'unknown', displayName: 'ops' }
const wantOps = { type: 'group', id: '00g1', name: 'ops' }
const app = { id: '0oa1', type: 'AppInstance', alternateId: 'Wiki', displayName: 'Wiki' }
const wantApp = { type: 'app', id: '0oa1', name: 'Wiki' }

const hook = (...events: readonly Members[]) =>
  delivery(JSON.stringify({ eventType: 'com.okta.event_hook', eventId: 'b5a1', data: { events } }))

describe('log events and their events', () => {
  const self = { type: 'user', id: '00u1', name: 'Root', email: 'root@example.com' }
  const rows: readonly (readonly [name: string, logged: Members, event: Members])[] = [
    [
      'a login is about oneself',
      logged({ eventType: 'user.session.start', target: null }),
      event({ action: 'auth.login', target: self }),
    ],
    [
      'a login to an app that fails',
      logged({
        eventType: 'user.session.start',
        target: [app],
        outcome: { result: 'FAILURE', reason: 'INVALID_CREDENTIALS' },
      }),
      event({
        action: 'auth.login',
        outcome: 'failure',
        reason: 'INVALID_CREDENTIALS',
        target: self,
        with: [wantApp],
        service: 'Wiki',
      }),
    ],
    [
      'a policy denies, and nobody is known',
      logged({
        eventType: 'policy.evaluate_sign_on',
        actor: { id: 'unknown', type: 'User', alternateId: 'unknown' },
        authenticationContext: null,
        target: [{ id: 'p1', type: 'PolicyEntity', displayName: 'Default' }],
        outcome: { result: 'DENY' },
      }),
      event({
        action: 'custom.okta.policy.evaluate_sign_on',
        outcome: 'denied',
        actor: { type: 'anonymous' },
        target: { type: 'policy', id: 'p1', name: 'Default' },
      }),
    ],
    [
      'a user is created',
      logged({ eventType: 'user.lifecycle.create', target: [jdoe] }),
      event({ action: 'user.create', target: wantJdoe }),
    ],
    [
      'a user is deactivated',
      logged({ eventType: 'user.lifecycle.deactivate', target: [jdoe] }),
      event({ action: 'user.disable', target: wantJdoe }),
    ],
    [
      'an account is locked',
      logged({ eventType: 'user.account.lock', target: [jdoe] }),
      event({ action: 'user.lock', target: wantJdoe }),
    ],
    [
      'somebody joins a group, whatever stands first',
      logged({ eventType: 'group.user_membership.add', target: [jdoe, ops] }),
      event({ action: 'group.member.add', target: wantOps, with: [wantJdoe] }),
    ],
    [
      'an app is assigned',
      logged({
        eventType: 'application.user_membership.add',
        target: [{ id: '0ua1', type: 'AppUser', displayName: 'jd' }, app, jdoe],
      }),
      event({
        action: 'user.privilege.grant',
        target: wantJdoe,
        with: [{ type: 'app-user', id: '0ua1', name: 'jd' }, wantApp],
      }),
    ],
    [
      'a rule of a policy',
      logged({
        eventType: 'policy.rule.update',
        target: [
          { id: 'r1', type: 'PolicyRule' },
          { id: 'p1', type: 'PolicyEntity' },
        ],
      }),
      event({
        action: 'policy.update',
        target: { type: 'policy', id: 'p1' },
        with: [{ type: 'policy-rule', id: 'r1' }],
      }),
    ],
    [
      'a token of the API',
      logged({ eventType: 'system.api_token.create', target: [{ id: '00T1', type: 'Token', displayName: 'ci' }] }),
      event({ action: 'user.key.create', target: { type: 'token', id: '00T1', name: 'ci' } }),
    ],
    [
      'what Okta does itself',
      logged({
        eventType: 'system.agent.ad.start',
        actor: { id: '0A1', type: 'SystemPrincipal', displayName: 'Okta System' },
        authenticationContext: {},
        outcome: {},
      }),
      event({
        action: 'custom.okta.system.agent.ad.start',
        outcome: 'unknown',
        actor: { type: 'system', id: '0A1', name: 'Okta System' },
        target: { type: 'system', id: '0A1', name: 'Okta System' },
      }),
    ],
  ]
  it.each(rows)('[SRC-13] %s', (_, one, want) => {
    expect(outcomesOf('okta', hook(one))).toEqual([want])
  })
})

describe('bodies', () => {
  const one = logged({ eventType: 'user.session.end' })

  it('[SRC-13] are hooks and answers of the System Log', () => {
    expect(rawOf('okta', hook(one, one))).toEqual([JSON.stringify(one), JSON.stringify(one)])
    expect(rawOf('okta', delivery(`[${JSON.stringify(one)}]`))).toEqual([JSON.stringify(one)])
    expect(() => rawOf('okta', delivery('{"data":{}}'))).toThrow(/want/)
    expect(outcomesOf('okta', hook({ ...one, uuid: undefined }))).toEqual(['quarantine: missing'])
  })

  it('[SRC-9] are answered by 204 and nothing', () => {
    expect(okta.answer(okta.parse(hook(one)))).toEqual({ status: 204 })
  })
})
