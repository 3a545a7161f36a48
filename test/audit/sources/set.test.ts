/** Security event tokens: claims by name with the events in full. */
import { describe, expect, it } from 'vitest'
import { set } from '../../../src/audit/sources/set.ts'
import { delivery, outcomesOf, rawOf } from './deliveries.ts'
import { tokenOf } from './samples.ts'

type Members = Readonly<Record<string, unknown>>

const SCIM = 'urn:ietf:params:scim:event:'
const CAEP = 'https://schemas.openid.net/secevent/caep/event-type/'
const RISC = 'https://schemas.openid.net/secevent/risc/event-type/'

const claims = (uri: string, event: Members, more: Members = {}): Members => ({
  jti: '4d3559ec67504aaba65d40b0363faad8',
  iat: 1795211220,
  iss: 'https://scim.example.com',
  aud: ['https://audit.example.com'],
  sub_id: { format: 'scim', uri: '/Users/u_42', externalId: 'jdoe' },
  events: { [uri]: event },
  ...more,
})

const event = (uri: string, members: Members): Members => ({
  id: '4d3559ec67504aaba65d40b0363faad8',
  time: '2026-11-20T21:47:00.000Z',
  outcome: 'success',
  actor: { type: 'service', id: 'https://scim.example.com' },
  target: { type: 'user', id: 'u_42', name: 'jdoe' },
  msg: uri,
  src_id: '4d3559ec67504aaba65d40b0363faad8',
  ...members,
})

const pushed = (one: Members) => delivery(tokenOf(JSON.stringify(one)), { 'content-type': 'application/secevent+jwt' })

describe('claims and their events', () => {
  const sub = { sub_id: { format: 'iss_sub', iss: 'https://idp.example.com', sub: 'u_42' } }
  const plain = { target: { type: 'user', id: 'u_42' } }
  const rows: readonly (readonly [
    name: string,
    uri: string,
    event: Members,
    more: Members,
    want: Members | 'ignored',
  ])[] = [
    [
      'a user is created: a notice has names only',
      `${SCIM}prov:create:notice`,
      { attributes: ['id', 'userName', 'password'] },
      { txn: 't_1' },
      { action: 'user.create', after: { attributes: ['id', 'userName', 'password'] }, corr: 't_1' },
    ],
    [
      'a user is created in full, by an old draft',
      'urn:ietf:params:SCIM:event:prov:create:full',
      { data: { userName: 'jdoe', password: 'p' } },
      {},
      { action: 'user.create', after: { userName: 'jdoe', password: '[redacted]' } },
    ],
    ['a user is switched off', `${SCIM}prov:deactivate`, {}, {}, { action: 'user.disable' }],
    ['a user is switched on', `${SCIM}prov:activate`, {}, {}, { action: 'user.enable' }],
    [
      'a user is switched off by a patch',
      `${SCIM}prov:patch:full`,
      { data: { active: false } },
      {},
      { action: 'user.disable', after: { active: false } },
    ],
    [
      'a password is changed',
      `${SCIM}prov:patch:notice`,
      { attributes: ['password'] },
      {},
      { action: 'user.password.change', after: { attributes: ['password'] } },
    ],
    [
      'a group is changed',
      `${SCIM}prov:put:full`,
      { data: { displayName: 'ops', members: [{ value: 'u_42' }] } },
      { sub_id: { format: 'scim', uri: '/Groups/g_1' } },
      {
        action: 'group.update',
        target: { type: 'group', id: 'g_1' },
        with: [{ type: 'user', id: 'u_42' }],
        after: { displayName: 'ops', members: [{ value: 'u_42' }] },
      },
    ],
    ['a user is deleted', `${SCIM}prov:delete`, {}, {}, { action: 'user.delete' }],
    ['somebody comes into a feed', `${SCIM}feed:add`, {}, {}, { action: 'custom.set.feed.add' }],
    [
      'a session is revoked, by a policy',
      `${CAEP}session-revoked`,
      { initiating_entity: 'policy', reason_admin: { en: 'Landspeed violation' }, event_timestamp: 1795211100 },
      sub,
      { action: 'auth.logout', ...plain, time: '2026-11-20T21:45:00.000Z', reason: 'Landspeed violation' },
    ],
    [
      'a second factor is added, by oneself',
      `${CAEP}credential-change`,
      {
        credential_type: 'fido2-roaming',
        change_type: 'create',
        initiating_entity: 'user',
        event_timestamp: 1795211100000,
      },
      sub,
      { action: 'user.mfa.enable', ...plain, actor: { type: 'user', id: 'u_42' }, time: '2026-11-20T21:45:00.000Z' },
    ],
    [
      'a certificate is revoked',
      `${CAEP}credential-change`,
      { credential_type: 'x509', change_type: 'revoke' },
      sub,
      { action: 'user.key.revoke', ...plain },
    ],
    [
      'an account is disabled; the subject is in the event',
      `${RISC}account-disabled`,
      { subject: { subject_type: 'email', email: 'jdoe@example.com' }, reason: 'hijacking' },
      { sub_id: undefined, toe: 1795211100 },
      {
        action: 'user.disable',
        target: { type: 'user', id: 'jdoe@example.com', email: 'jdoe@example.com' },
        time: '2026-11-20T21:45:00.000Z',
        reason: 'hijacking',
      },
    ],
    [
      'a credential leaked',
      `${RISC}credential-compromise`,
      { credential_type: 'password' },
      { sub_id: undefined, sub: 'u_42' },
      { action: 'custom.set.credential-compromise', ...plain },
    ],
    [
      'a subject of several parts',
      `${CAEP}session-revoked`,
      {},
      {
        sub_id: { format: 'complex', user: { format: 'opaque', id: 'u_42' }, device: { format: 'opaque', id: 'd_1' } },
      },
      { action: 'auth.logout', ...plain },
    ],
    [
      'the stream is verified',
      'https://schemas.openid.net/secevent/ssf/event-type/verification',
      { state: 'x' },
      {},
      'ignored',
    ],
    [
      'a URI of somebody else',
      'https://example.com/Events/Odd',
      {},
      {},
      { action: 'custom.set.https---example.com-events-odd' },
    ],
  ]
  it.each(rows)('[SRC-16] %s', (_, uri, one, more, want) => {
    expect(outcomesOf('set', pushed(claims(uri, one, more)))).toEqual([want === 'ignored' ? want : event(uri, want)])
  })

  it('[SRC-16] of several events of a token, which are about one thing, the first that has a name here', () => {
    const both = { 'https://example.com/odd': {}, [`${RISC}account-purged`]: {} }
    expect(outcomesOf('set', pushed(claims('', {}, { events: both })))).toMatchObject([
      { action: 'user.delete', msg: `https://example.com/odd ${RISC}account-purged` },
    ])
  })
})

describe('tokens', () => {
  const good = claims(`${SCIM}prov:delete`, {})

  it('[SRC-16] are kept as their issuer signed them', () => {
    expect(rawOf('set', pushed(good))).toEqual([tokenOf(JSON.stringify(good))])
    expect(rawOf('set', delivery(`${tokenOf(JSON.stringify(good))}\r\n`))).toEqual([tokenOf(JSON.stringify(good))])
  })

  it.each(['', 'x', 'a.b', 'a.b.c.d', 'a.b+c.d', '{"jti":"x"}', 'a. b.c'])('[SRC-1] %j is none', (body) => {
    expect(() => rawOf('set', delivery(body))).toThrow(/JWT|base64/)
  })

  it('[SRC-1] are quarantined without an id, a time or an event', () => {
    for (const name of ['jti', 'iat', 'events'])
      expect(outcomesOf('set', pushed({ ...good, [name]: undefined }))).toEqual(['quarantine: missing'])
    expect(outcomesOf('set', pushed({ ...good, events: {} }))).toEqual(['quarantine: missing'])
  })

  it('[SRC-9] are answered as RFC 8935 says', () => {
    expect(set.answer(set.parse(pushed(good)))).toEqual({ status: 202 })
    expect(set.answer(set.parse(pushed({ ...good, jti: undefined })))).toEqual({
      status: 400,
      type: 'application/json',
      body: '{"err":"invalid_request","description":"/id: want id"}',
    })
  })
})
