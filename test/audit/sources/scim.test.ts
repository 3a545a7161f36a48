/** SCIM: requests by name with the events in full, as records and mirrored. */
import { describe, expect, it } from 'vitest'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'

type Members = Readonly<Record<string, unknown>>

const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp'

const recorded = (method: string, path: string, more: Members = {}): Members => ({
  id: 'req-1',
  time: '2026-11-20T21:47:00Z',
  method,
  path: `/scim/v2${path}`,
  status: 200,
  actor: 'okta',
  ip: '192.0.2.7',
  ua: 'Okta SCIM Client 1.0.0',
  ...more,
})

const event = (msg: string, members: Members): Members => ({
  id: 'req-1',
  time: '2026-11-20T21:47:00Z',
  outcome: 'success',
  actor: { type: 'service', id: 'okta' },
  source: { ip: '192.0.2.7', ua: 'Okta SCIM Client 1.0.0' },
  msg: msg.replace(' /', ' /scim/v2/'),
  corr: 'req-1',
  src_id: 'req-1',
  ...members,
})

const patched = (path: string, ...operations: readonly Members[]): Members =>
  recorded('PATCH', path, { body: { schemas: [PATCH], Operations: operations } })

const one = (record: Members) => delivery(JSON.stringify(record))

describe('requests and their events', () => {
  const user = { type: 'user', id: 'u_42' }
  const group = { type: 'group', id: 'g_1' }
  const rows: readonly (readonly [name: string, recorded: Members, event: Members])[] = [
    [
      'a user is created; the answer has the id',
      recorded('POST', '/Users', {
        status: 201,
        body: {
          userName: 'jdoe',
          password: 'p',
          emails: [{ value: 'x@example.com' }, { value: 'jdoe@example.com', primary: true }],
        },
        response: { id: 'u_42' },
      }),
      event('POST /Users', {
        action: 'user.create',
        target: { ...user, name: 'jdoe', email: 'jdoe@example.com' },
        after: {
          userName: 'jdoe',
          password: '[redacted]',
          emails: [{ value: 'x@example.com' }, { value: 'jdoe@example.com', primary: true }],
        },
      }),
    ],
    [
      'a user who is there',
      recorded('POST', '/Users', {
        status: 409,
        body: '{"userName":"jdoe"}',
        response: '{"scimType":"uniqueness","detail":"taken"}',
      }),
      event('POST /Users', {
        action: 'user.create',
        outcome: 'failure',
        target: { type: 'user', id: 'jdoe', name: 'jdoe' },
        reason: 'taken',
      }),
    ],
    [
      'a user is switched off',
      patched('/Users/u_42', { op: 'replace', path: 'active', value: false }),
      event('PATCH /Users/u_42', { action: 'user.disable', target: user, after: { active: false } }),
    ],
    [
      'a user is switched off by a client that writes everything as text',
      patched('/Users/u_42', { op: 'Replace', value: { active: 'False' } }),
      event('PATCH /Users/u_42', { action: 'user.disable', target: user, after: { active: 'False' } }),
    ],
    [
      'a user is switched on',
      patched(
        '/Users/u_42',
        { op: 'replace', path: 'name.givenName', value: 'J' },
        { op: 'replace', path: 'active', value: true },
      ),
      event('PATCH /Users/u_42', {
        action: 'user.enable',
        target: user,
        after: { 'name.givenName': 'J', active: true },
      }),
    ],
    [
      'a password is set',
      patched('/Users/u_42', { op: 'replace', path: 'password', value: 'p' }),
      event('PATCH /Users/u_42', { action: 'user.password.reset', target: user, after: { password: '[redacted]' } }),
    ],
    [
      'a role is added to a user',
      patched('/Users/u_42', { op: 'add', path: 'roles', value: [{ value: 'admin' }] }),
      event('PATCH /Users/u_42', {
        action: 'user.role.assign',
        target: user,
        with: [{ type: 'role', id: 'admin' }],
        after: { roles: [{ value: 'admin' }] },
      }),
    ],
    [
      'another change',
      patched('/Users/u_42', { op: 'remove', path: 'nickName' }),
      event('PATCH /Users/u_42', { action: 'user.update', target: user }),
    ],
    [
      'a path that is a name of all objects',
      patched('/Users/u_42', { op: 'add', path: '__proto__', value: { polluted: true } }),
      event('PATCH /Users/u_42', { action: 'user.update', target: user, after: { '__proto__ ': { polluted: true } } }),
    ],
    [
      'a user is replaced by one who is off',
      recorded('PUT', '/Users/u_42', { body: { userName: 'jdoe', active: false } }),
      event('PUT /Users/u_42', {
        action: 'user.disable',
        target: { ...user, name: 'jdoe' },
        after: { userName: 'jdoe', active: false },
      }),
    ],
    [
      'a user is deleted, which is denied',
      recorded('DELETE', '/Users/u_42', { status: 403 }),
      event('DELETE /Users/u_42', { action: 'user.delete', outcome: 'denied', target: user }),
    ],
    [
      'members are added to a group',
      patched('/Groups/g_1', {
        op: 'add',
        path: 'members',
        value: [
          { value: 'u_42', display: 'jdoe' },
          { value: 'g_2', type: 'Group' },
        ],
      }),
      event('PATCH /Groups/g_1', {
        action: 'group.member.add',
        target: group,
        with: [
          { type: 'user', id: 'u_42', name: 'jdoe' },
          { type: 'group', id: 'g_2' },
        ],
        after: {
          members: [
            { value: 'u_42', display: 'jdoe' },
            { value: 'g_2', type: 'Group' },
          ],
        },
      }),
    ],
    [
      'a member is removed by a filter',
      patched('/Groups/g_1', { op: 'remove', path: 'members[value eq "u_42"]' }),
      event('PATCH /Groups/g_1', { action: 'group.member.remove', target: group, with: [user] }),
    ],
    [
      'members are exchanged: the group is changed',
      patched(
        '/Groups/g_1',
        { op: 'add', path: 'members', value: [{ value: 'u_43' }] },
        { op: 'remove', path: 'members[value eq "u_42"]' },
      ),
      event('PATCH /Groups/g_1', {
        action: 'group.update',
        target: group,
        with: [{ type: 'user', id: 'u_43' }, user],
        after: { members: [{ value: 'u_43' }] },
      }),
    ],
    [
      'users are looked for',
      recorded('POST', '/Users/.search', { body: { filter: 'userName eq "jdoe"' } }),
      event('POST /Users/.search', { action: 'access.read', target: { type: 'user', id: '/scim/v2/Users/.search' } }),
    ],
    [
      'a user is read',
      recorded('GET', '/Users/u_42?attributes=x'),
      event('GET /Users/u_42', { action: 'access.read', target: user }),
    ],
    [
      'many requests in one',
      recorded('POST', '/Bulk', {
        body: {
          Operations: [
            { method: 'POST', path: '/Users', data: {} },
            { method: 'DELETE', path: '/Users/u_42' },
          ],
        },
      }),
      event('POST /Bulk', {
        action: 'custom.scim.bulk',
        target: { type: 'path', id: '/scim/v2/Bulk' },
        after: { operations: ['POST /Users', 'DELETE /Users/u_42'] },
      }),
    ],
    [
      'an endpoint of its own',
      recorded('PUT', '/Devices/d_1', { actor: { type: 'user', id: 'u_1', name: 'root' } }),
      event('PUT /Devices/d_1', {
        action: 'access.update',
        actor: { type: 'user', id: 'u_1', name: 'root' },
        target: { type: 'path', id: '/scim/v2/Devices/d_1' },
      }),
    ],
  ]
  it.each(rows)('[SRC-15] %s', (_, record, want) => {
    expect(outcomesOf('scim', one(record))).toEqual([want])
    expect(({} as Members)['polluted']).toBeUndefined()
  })
})

describe('mirrored requests', () => {
  const headers = {
    'x-original-method': 'PATCH',
    'x-original-uri': '/scim/v2/Users/u_42',
    'x-original-time': '2026-11-20T21:47:00+00:00',
    'x-original-actor': 'okta',
    'x-original-ip': '192.0.2.7',
    'x-request-id': 'req-1',
    'user-agent': 'Okta',
  }
  const body = JSON.stringify({ Operations: [{ op: 'replace', path: 'active', value: false }] })

  it('[SRC-15] are events whose outcome nobody knows', () => {
    expect(outcomesOf('scim', delivery(body, headers))).toEqual([
      event('PATCH /Users/u_42', {
        time: '2026-11-20T21:47:00+00:00',
        outcome: 'unknown',
        action: 'user.disable',
        target: { type: 'user', id: 'u_42' },
        after: { active: false },
        source: { ip: '192.0.2.7', ua: 'Okta' },
      }),
    ])
    expect(rawOf('scim', delivery(body, headers))).toEqual([body])
  })

  it('[SRC-15] without a body, without an id, without a time', () => {
    const deleted = { ...headers, 'x-original-method': 'DELETE', 'x-request-id': '' }
    expect(outcomesOf('scim', delivery('', deleted))).toMatchObject([
      { action: 'user.delete', id: expect.stringMatching(/^sha256:/) },
    ])
    const of = (uri: string): unknown => outcomesOf('scim', delivery('', { ...deleted, 'x-original-uri': uri }))
    expect(of('/Users/u_1')).not.toEqual(of('/Users/u_2'))
    expect(outcomesOf('scim', delivery('{', headers))).toEqual(['quarantine: malformed'])
    expect(outcomesOf('scim', delivery(body, { ...headers, 'x-original-time': '' }))).toEqual(['quarantine: missing'])
  })
})

describe('bodies', () => {
  it('[SRC-15] are records, by their bytes where they have no id', () => {
    const record = JSON.stringify(recorded('DELETE', '/Users/u_42', { id: undefined }))
    expect(rawOf('scim', delivery(`${record}\n${record}\n`))).toEqual([record, record])
    expect(outcomesOf('scim', delivery(record))).toMatchObject([{ id: expect.stringMatching(/^sha256:/) }])
    expect(outcomesOf('scim', delivery('{"method":"GET"}'))).toEqual(['quarantine: missing'])
  })
})
