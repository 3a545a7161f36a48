/** Auth0: log events by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const ID = '90020261120214700123482106767167326018758436529088273317'

const logged = (data: Members): Members => ({
  log_id: ID,
  data: {
    date: '2026-11-20T21:47:00.123Z',
    connection: 'Username-Password-Authentication',
    client_id: 'aI61p8',
    client_name: 'Wiki',
    ip: '192.0.2.7',
    user_agent: 'Mozilla/5.0',
    user_id: 'auth0|u_42',
    user_name: 'jdoe@example.com',
    log_id: ID,
    ...data,
  },
})

const event = (members: Members): Members => ({
  id: ID,
  time: '2026-11-20T21:47:00.123Z',
  outcome: 'success',
  actor: { type: 'user', id: 'auth0|u_42', name: 'jdoe@example.com' },
  target: { type: 'user', id: 'auth0|u_42', name: 'jdoe@example.com' },
  source: { ip: '192.0.2.7', ua: 'Mozilla/5.0' },
  service: 'Wiki',
  src_id: ID,
  ...members,
})

/** A request to the Management API by somebody in the dashboard. */
const called = (method: string, path: string, more: Members = {}): Members =>
  logged({
    type: 'sapi',
    description: 'An API call',
    user_id: undefined,
    user_name: undefined,
    details: {
      request: {
        method,
        path,
        auth: { user: { user_id: 'auth0|root', name: 'Root', email: 'root@example.com' } },
        ...more,
      },
      response: { statusCode: 200, body: {} },
    },
  })

const byRoot = (members: Members): Members =>
  event({
    actor: { type: 'admin', id: 'auth0|root', name: 'Root', email: 'root@example.com' },
    msg: 'An API call',
    ...members,
  })

const array = (...events: readonly Members[]) => delivery(JSON.stringify(events))

describe('log events and their events', () => {
  const jdoe = { type: 'user', id: 'auth0|u_42' }
  const rows: readonly (readonly [name: string, logged: Members, event: Members])[] = [
    ['a login', logged({ type: 's', session_id: 's_9' }), event({ action: 'auth.login', msg: 's', corr: 's_9' })],
    [
      'a wrong password',
      logged({
        type: 'fp',
        description: 'Wrong email or password.',
        details: { error: { message: 'Wrong password' } },
      }),
      event({ action: 'auth.login', outcome: 'failure', reason: 'Wrong password', msg: 'Wrong email or password.' }),
    ],
    [
      'somebody who is not known',
      logged({ type: 'fu', description: 'Unknown', user_id: undefined, user_name: 'jdo' }),
      event({
        action: 'auth.login',
        outcome: 'failure',
        reason: 'Unknown',
        actor: { type: 'user', id: 'jdo', name: 'jdo' },
        target: { type: 'user', id: 'jdo', name: 'jdo' },
        msg: 'Unknown',
      }),
    ],
    [
      'a password that leaked',
      logged({ type: 'pwd_leak' }),
      event({ action: 'auth.login', outcome: 'denied', msg: 'pwd_leak' }),
    ],
    ['a logout', logged({ type: 'slo' }), event({ action: 'auth.logout', msg: 'slo' })],
    ['a sign-up', logged({ type: 'ss' }), event({ action: 'user.create', msg: 'ss' })],
    ['a password', logged({ type: 'scp' }), event({ action: 'user.password.change', msg: 'scp' })],
    ['an account that is blocked', logged({ type: 'limit_wc' }), event({ action: 'user.lock', msg: 'limit_wc' })],
    [
      'a second factor',
      logged({ type: 'gd_enrollment_complete' }),
      event({ action: 'user.mfa.enable', msg: 'gd_enrollment_complete' }),
    ],
    [
      'a refresh that fails',
      logged({ type: 'fertft' }),
      event({ action: 'session.grant', outcome: 'failure', msg: 'fertft' }),
    ],
    [
      'a rejected push',
      logged({ type: 'gd_auth_rejected' }),
      event({ action: 'custom.auth0.gd_auth_rejected', outcome: 'denied', msg: 'gd_auth_rejected' }),
    ],
    [
      'a code that is not known',
      logged({ type: 'depnote' }),
      event({ action: 'custom.auth0.depnote', outcome: 'unknown', msg: 'depnote' }),
    ],
    [
      'a user is blocked by an admin',
      called('patch', '/api/v2/users/auth0%7Cu_42', { body: { blocked: true } }),
      byRoot({ action: 'user.disable', target: jdoe }),
    ],
    [
      'a password is set by an admin',
      called('PATCH', '/api/v2/users/auth0%7Cu_42?x=y', { body: { password: '*' } }),
      byRoot({ action: 'user.password.reset', target: jdoe }),
    ],
    [
      'roles are assigned',
      called('post', '/api/v2/users/auth0%7Cu_42/roles', { body: { roles: ['rol_1', 'rol_2'] } }),
      byRoot({
        action: 'user.role.assign',
        target: jdoe,
        with: [
          { type: 'role', id: 'rol_1' },
          { type: 'role', id: 'rol_2' },
        ],
      }),
    ],
    [
      'a role is given to users',
      called('post', '/api/v2/roles/rol_1/users', { body: { users: ['auth0|u_42', 'auth0|u_43'] } }),
      byRoot({
        action: 'user.role.assign',
        target: jdoe,
        with: [
          { type: 'role', id: 'rol_1' },
          { type: 'user', id: 'auth0|u_43' },
        ],
      }),
    ],
    [
      'permissions are taken from a role',
      called('delete', '/api/v2/roles/rol_1/permissions', { body: { permissions: [{ permission_name: 'read:x' }] } }),
      byRoot({
        action: 'role.privilege.revoke',
        target: { type: 'role', id: 'rol_1' },
        with: [{ type: 'privilege', id: 'read:x' }],
      }),
    ],
    ['users are read', called('get', '/api/v2/users/auth0%7Cu_42'), byRoot({ action: 'access.read', target: jdoe })],
    [
      'a client is changed',
      called('put', '/api/v2/clients/c_1'),
      byRoot({ action: 'access.update', target: { type: 'client', id: 'c_1' } }),
    ],
    [
      'a program is denied',
      logged({
        type: 'fapi',
        user_id: undefined,
        user_name: undefined,
        description: 'Insufficient scope',
        details: {
          request: { method: 'delete', path: '/api/v2/users/auth0%7Cu_42' },
          response: { statusCode: 403, body: { message: 'scope' } },
        },
      }),
      event({
        action: 'user.delete',
        outcome: 'denied',
        actor: { type: 'app', id: 'aI61p8', name: 'Wiki' },
        target: jdoe,
        reason: 'scope',
        msg: 'Insufficient scope',
      }),
    ],
    [
      'a path that cannot be unescaped',
      called('delete', '/api/v2/users/%E0%A4'),
      byRoot({ action: 'user.delete', target: { type: 'user', id: '%E0%A4' } }),
    ],
  ]
  it.each(rows)('[SRC-14] %s', (_, one, want) => {
    expect(outcomesOf('auth0', array(one))).toEqual([want])
  })
})

describe('bodies', () => {
  const one = JSON.stringify(logged({ type: 's' }))
  const two = JSON.stringify(logged({ type: 'slo' }))
  const rows: readonly (readonly [name: string, body: string, raws: readonly string[]])[] = [
    ['an array', `[${one},\n${two}]`, [one, two]],
    ['an object around an array', `{"logs":[${one},${two}]}`, [one, two]],
    ['lines', `${one}\n${two}\n`, [one, two]],
    ['lines of another system', `${one}\r\n\r\n ${two} `, [one, two]],
    ['one event', one, [one]],
    ['one line', `${one}\n`, [one]],
  ]
  it.each(rows)('[SRC-14] are %s', (_, body, raws) => {
    expect(rawOf('auth0', delivery(body))).toEqual(raws)
  })

  it('[SRC-5] a line that is no JSON harms no other', () => {
    expect(outcomesOf('auth0', delivery(`${one}\n{"log_id\n${two}`))).toEqual([
      expect.objectContaining({ action: 'auth.login' }),
      'quarantine: malformed',
      expect.objectContaining({ action: 'auth.logout' }),
    ])
    expect(() => rawOf('auth0', delivery('a\nb'))).toThrow(/one in each line/)
  })

  it('[SRC-4] an id written as a number keeps its digits, and a flat event is taken', () => {
    const body = `{"log_id":${ID},"date":"2026-11-20T21:47:00.123Z","type":"s","user_id":"auth0|u_42"}`
    expect(outcomesOf('auth0', delivery(body))).toMatchObject([{ id: ID, src_id: ID, action: 'auth.login' }])
  })
})
