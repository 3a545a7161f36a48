/** Keycloak: user events and admin events by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const used = (members: Members): Members => ({
  id: '0f6a2f1c-5e9b-4a5e-9d53-000000000001',
  time: 1795211280000,
  realmId: 'acme',
  clientId: 'web',
  userId: 'u_42',
  sessionId: 's_9',
  ipAddress: '198.51.100.23',
  details: { username: 'jdoe', auth_method: 'openid-connect' },
  ...members,
})

const administered = (members: Members): Members => ({
  id: '0f6a2f1c-5e9b-4a5e-9d53-000000000001',
  time: 1795211280000,
  realmId: 'acme',
  authDetails: { realmId: 'master', clientId: 'security-admin-console', userId: 'u_1', ipAddress: '192.0.2.7' },
  ...members,
})

const common = {
  id: '0f6a2f1c-5e9b-4a5e-9d53-000000000001',
  time: '2026-11-20T21:48:00.000Z',
  outcome: 'success',
  src_id: '0f6a2f1c-5e9b-4a5e-9d53-000000000001',
}

const byUser = (members: Members): Members => ({
  ...common,
  actor: { type: 'user', id: 'u_42', name: 'jdoe', session: 's_9' },
  target: { type: 'user', id: 'u_42', name: 'jdoe' },
  source: { ip: '198.51.100.23' },
  service: 'web',
  corr: 's_9',
  ...members,
})

const byAdmin = (members: Members): Members => ({
  ...common,
  actor: { type: 'admin', id: 'u_1' },
  source: { ip: '192.0.2.7', app: 'security-admin-console' },
  ...members,
})

const one = (event: Members) => delivery(JSON.stringify(event))

describe('user events', () => {
  const rows: readonly (readonly [name: string, event: Members, want: Members])[] = [
    ['a login', used({ type: 'LOGIN' }), byUser({ action: 'auth.login', msg: 'LOGIN' })],
    [
      'a login by somebody who is not known',
      used({
        type: 'LOGIN_ERROR',
        userId: null,
        sessionId: null,
        error: 'user_not_found',
        details: { username: 'jdo', code_id: 'c_1' },
      }),
      byUser({
        action: 'auth.login',
        outcome: 'failure',
        reason: 'user_not_found',
        actor: { type: 'user', id: 'jdo', name: 'jdo' },
        target: { type: 'user', id: 'jdo', name: 'jdo' },
        msg: 'LOGIN_ERROR',
        corr: 'c_1',
      }),
    ],
    [
      'a login that a policy denies',
      used({ type: 'LOGIN_ERROR', error: 'access_denied' }),
      byUser({ action: 'auth.login', outcome: 'denied', reason: 'access_denied', msg: 'LOGIN_ERROR' }),
    ],
    [
      'a logout, with the prefix of a listener',
      used({ type: 'access.LOGOUT' }),
      byUser({ action: 'auth.logout', msg: 'LOGOUT' }),
    ],
    [
      'a registration',
      used({ type: 'REGISTER', details: { username: 'jdoe', email: 'jdoe@example.com' } }),
      byUser({
        action: 'user.create',
        target: { type: 'user', id: 'u_42', name: 'jdoe', email: 'jdoe@example.com' },
        msg: 'REGISTER',
      }),
    ],
    [
      'a password',
      used({ type: 'UPDATE_PASSWORD' }),
      byUser({ action: 'user.password.change', msg: 'UPDATE_PASSWORD' }),
    ],
    [
      'a password as a credential',
      used({ type: 'UPDATE_CREDENTIAL', details: { username: 'jdoe', credential_type: 'password' } }),
      byUser({ action: 'user.password.change', msg: 'UPDATE_CREDENTIAL' }),
    ],
    [
      'a second factor as a credential',
      used({ type: 'REMOVE_CREDENTIAL', details: { username: 'jdoe', credential_type: 'otp' } }),
      byUser({ action: 'user.mfa.disable', msg: 'REMOVE_CREDENTIAL' }),
    ],
    [
      'an impersonation',
      used({ type: 'IMPERSONATE', details: { username: 'jdoe', impersonator: 'root', impersonator_realm: 'master' } }),
      byUser({ action: 'auth.impersonate', actor: { type: 'admin', id: 'root', session: 's_9' }, msg: 'IMPERSONATE' }),
    ],
    [
      'a client with its own secret',
      used({ type: 'CLIENT_LOGIN', userId: undefined, clientId: 'batch', details: {} }),
      byUser({
        action: 'session.grant',
        actor: { type: 'service', id: 'batch', session: 's_9' },
        target: { type: 'service', id: 'batch' },
        service: 'batch',
        msg: 'CLIENT_LOGIN',
      }),
    ],
    [
      'something else',
      used({ type: 'GRANT_CONSENT_ERROR', error: 'x' }),
      byUser({ action: 'custom.keycloak.grant_consent', outcome: 'failure', reason: 'x', msg: 'GRANT_CONSENT_ERROR' }),
    ],
  ]
  it.each(rows)('[SRC-12] %s', (_, event, want) => {
    expect(outcomesOf('keycloak', one(event))).toEqual([want])
  })
})

describe('admin events', () => {
  const jdoe = { type: 'user', id: 'u_42' }
  const rows: readonly (readonly [name: string, event: Members, want: Members])[] = [
    [
      'a user is created; the representation is JSON in a string, and its credentials are left out',
      administered({
        operationType: 'CREATE',
        resourceType: 'USER',
        resourcePath: 'users/u_42',
        representation:
          '{"username":"jdoe","email":"jdoe@example.com","enabled":true,"credentials":[{"type":"password","value":"p"}]}',
      }),
      byAdmin({
        action: 'user.create',
        target: { ...jdoe, name: 'jdoe', email: 'jdoe@example.com' },
        after: { username: 'jdoe', email: 'jdoe@example.com', enabled: true, credentials: '[redacted]' },
        msg: 'CREATE USER users/u_42',
      }),
    ],
    [
      'a user is disabled',
      administered({
        operationType: 'UPDATE',
        resourceType: 'USER',
        resourcePath: 'users/u_42',
        representation: '{"enabled":false}',
      }),
      byAdmin({ action: 'user.disable', target: jdoe, after: { enabled: false }, msg: 'UPDATE USER users/u_42' }),
    ],
    [
      'a user is deleted, which fails',
      administered({
        operationType: 'DELETE',
        resourceType: 'USER',
        resourcePath: 'users/u_42',
        error: 'user_not_found',
      }),
      byAdmin({
        action: 'user.delete',
        outcome: 'failure',
        reason: 'user_not_found',
        target: jdoe,
        msg: 'DELETE USER users/u_42',
      }),
    ],
    [
      'a password is reset',
      administered({ operationType: 'ACTION', resourceType: 'USER', resourcePath: 'users/u_42/reset-password' }),
      byAdmin({ action: 'user.password.reset', target: jdoe, msg: 'ACTION USER users/u_42/reset-password' }),
    ],
    [
      'another act on a user, typed by a listener',
      administered({ type: 'admin.USER-ACTION', resourcePath: 'users/u_42/execute-actions-email' }),
      byAdmin({
        action: 'custom.keycloak.execute-actions-email',
        target: jdoe,
        msg: 'ACTION USER users/u_42/execute-actions-email',
      }),
    ],
    [
      'a role is assigned',
      administered({
        operationType: 'CREATE',
        resourceType: 'REALM_ROLE_MAPPING',
        resourcePath: 'users/u_42/role-mappings/realm',
        representation: '[{"id":"r1","name":"admin","clientRole":false,"containerId":"acme"}]',
      }),
      byAdmin({
        action: 'user.role.assign',
        target: jdoe,
        with: [{ type: 'role', id: 'admin', name: 'admin' }],
        msg: 'CREATE REALM_ROLE_MAPPING users/u_42/role-mappings/realm',
      }),
    ],
    [
      'a role of a client is taken from a group',
      administered({
        operationType: 'DELETE',
        resourceType: 'CLIENT_ROLE_MAPPING',
        resourcePath: 'groups/g_1/role-mappings/clients/c_1',
        representation: '[{"id":"r2","name":"view","clientRole":true,"containerId":"c_1"}]',
      }),
      byAdmin({
        action: 'group.role.remove',
        target: { type: 'group', id: 'g_1' },
        with: [{ type: 'role', id: 'c_1/view', name: 'view' }],
        msg: 'DELETE CLIENT_ROLE_MAPPING groups/g_1/role-mappings/clients/c_1',
      }),
    ],
    [
      'somebody joins a group',
      administered({
        operationType: 'CREATE',
        resourceType: 'GROUP_MEMBERSHIP',
        resourcePath: 'users/u_42/groups/g_1',
        representation: '{"name":"ops"}',
      }),
      byAdmin({
        action: 'group.member.add',
        target: { type: 'group', id: 'g_1', name: 'ops' },
        with: [jdoe],
        after: { name: 'ops' },
        msg: 'CREATE GROUP_MEMBERSHIP users/u_42/groups/g_1',
      }),
    ],
    [
      'a role of the realm',
      administered({
        operationType: 'CREATE',
        resourceType: 'REALM_ROLE',
        resourcePath: 'roles/admin',
        representation: '{"name":"admin"}',
      }),
      byAdmin({
        action: 'role.create',
        target: { type: 'role', id: 'admin', name: 'admin' },
        after: { name: 'admin' },
        msg: 'CREATE REALM_ROLE roles/admin',
      }),
    ],
    [
      'a role of a client',
      administered({ operationType: 'DELETE', resourceType: 'CLIENT_ROLE', resourcePath: 'clients/c_1/roles/view' }),
      byAdmin({
        action: 'role.delete',
        target: { type: 'role', id: 'c_1/view' },
        msg: 'DELETE CLIENT_ROLE clients/c_1/roles/view',
      }),
    ],
    [
      'a policy',
      administered({
        operationType: 'UPDATE',
        resourceType: 'AUTHORIZATION_POLICY',
        resourcePath: 'clients/c_1/authz/resource-server/policy/p_7',
        representation: '{"id":"p_7","name":"only hours"}',
      }),
      byAdmin({
        action: 'policy.update',
        target: { type: 'policy', id: 'p_7', name: 'only hours' },
        after: { id: 'p_7', name: 'only hours' },
        msg: 'UPDATE AUTHORIZATION_POLICY clients/c_1/authz/resource-server/policy/p_7',
      }),
    ],
    [
      'a client; a representation that is no JSON is left out',
      administered({
        operationType: 'UPDATE',
        resourceType: 'CLIENT',
        resourcePath: 'clients/c_1',
        representation: '{"a":1,"a":2}',
      }),
      byAdmin({
        action: 'access.update',
        target: { type: 'client', id: 'clients/c_1' },
        msg: 'UPDATE CLIENT clients/c_1',
      }),
    ],
  ]
  it.each(rows)('[SRC-12] %s', (_, event, want) => {
    expect(outcomesOf('keycloak', one(event))).toEqual([want])
  })
})

describe('bodies', () => {
  it('[SRC-12] are one event or an array; without an id the bytes are the key', () => {
    const event = used({ type: 'LOGIN', id: undefined })
    const body = `[${JSON.stringify(event)}, ${JSON.stringify({ ...event, uid: 'x' })}]`
    expect(rawOf('keycloak', delivery(body))).toEqual([JSON.stringify(event), JSON.stringify({ ...event, uid: 'x' })])
    const [hashed, named] = outcomesOf('keycloak', delivery(body))
    expect(hashed).toMatchObject({ id: expect.stringMatching(/^sha256:[0-9a-f]{40}$/) })
    expect(named).toMatchObject({ id: 'x', src_id: 'x' })
    expect(outcomesOf('keycloak', delivery('{"id":"1","time":1}'))).toEqual(['quarantine: missing'])
  })
})
