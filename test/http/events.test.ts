/** The routes of events over a real recorder: what is accepted, what is refused, and what is read back. */
import type { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { verifyEventFile } from '../../src/client/event-receipt.ts'
import { verifyProofFile } from '../../src/client/receipt.ts'
import type { Access } from '../../src/http/access.ts'
import type { Env } from '../../src/http/body.ts'
import { eventsApp } from '../../src/http/events-app.ts'
import { createService } from '../../src/http/service.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { type MemoryAudit, memoryAudit, roleAssigned } from '../support/memory-audit.ts'

const sender: Access = { role: 'append', label: 'okta', source: 'okta' }
const reader: Access = { role: 'read', label: 'soc' }

interface Site extends AsyncDisposable {
  readonly audit: MemoryAudit
  readonly app: Hono<Env>
  readonly viewed: number[]
  as(access: Access): void
  send(body: unknown, path?: string): Promise<{ readonly status: number; readonly json: never }>
  get(path: string): Promise<{ readonly status: number; readonly text: string }>
}

const site = async (): Promise<Site> => {
  const audit = await memoryAudit()
  const viewed: number[] = []
  let access = sender
  const app = createService({
    parts: [
      eventsApp({
        recorder: audit.recorder,
        events: audit.events,
        reader: audit.log.reader,
        ask: () => access,
        viewed: async (_, events) => void viewed.push(events),
      }),
    ],
    report: () => {},
  })
  return {
    audit,
    app,
    viewed,
    as: (next) => {
      access = next
    },
    send: async (body, path = '/v1/events') => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const response = await app.request(path, { method: 'POST', body: text })
      const answer = await response.text()
      return { status: response.status, json: (answer.startsWith('{') ? JSON.parse(answer) : answer) as never }
    },
    get: async (path) => {
      const response = await app.request(path)
      return { status: response.status, text: await response.text() }
    },
    [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose](),
  }
}

describe('POST /v1/events', () => {
  it('[EVENT-6] [EVENT-7] accepts one event, and answers with a receipt that verifies offline', async () => {
    await using here = await site()
    const { status, json } = await here.send(roleAssigned('a'), '/v1/events?proof')
    expect(status).toBe(200)
    expect(json).toMatchObject({ accepted: [{ id: 'a', index: 0, dup: false }], rejected: [] })
    const [{ proof }] = (json as { accepted: [{ proof: string }] }).accepted
    const { bytes: entry } = await here.audit.events.read(0)
    expect(verifyProofFile(encodeUtf8(proof), { vkey: here.audit.vkey, entry }).index).toBe(0)
  })

  it('[EVENT-4] accepts what is right, and says of the rest where, what and what was meant', async () => {
    await using here = await site()
    const { status, json } = await here.send([
      roleAssigned('a'),
      { ...roleAssigned('b'), action: 'user.role.asign' },
      { ...roleAssigned('c'), actor: { type: 'user' } },
      roleAssigned('d'),
    ])
    expect(status).toBe(200)
    expect(json).toMatchObject({
      accepted: [
        { id: 'a', index: 0 },
        { id: 'd', index: 1 },
      ],
      rejected: [
        { item: 1, id: 'b', code: 'unknown_action', path: '/1/action', hint: 'user.role.assign' },
        { item: 2, id: 'c', code: 'missing', path: '/2/actor/id' },
      ],
    })
  })

  it('[EVENT-5] answers a replay alike with its first index, and another event under the id with 409', async () => {
    await using here = await site()
    await here.send([roleAssigned('x'), roleAssigned('a')])
    expect(await here.send(roleAssigned('a'))).toMatchObject({
      status: 200,
      json: { accepted: [{ id: 'a', index: 1, dup: true }] },
    })
    expect(await here.send(roleAssigned('a', { reason: 'other' }))).toMatchObject({
      status: 409,
      json: { accepted: [], rejected: [{ item: 0, code: 'id_conflict', path: '/id' }] },
    })
    expect(await here.send([roleAssigned('a', { reason: 'other' })])).toMatchObject({ status: 422 })
    expect(here.audit.log.reader.published.size).toBe(2)
  })

  it.each([
    ['no JSON', '{"id":', 400],
    ['a key twice', '{"id":"a","id":"b"}', 400],
    ['nothing', '', 400],
    ['an empty batch', '[]', 400],
    ['1,001 events', JSON.stringify(Array(1_001).fill({})), 400],
    ['an empty object', '{}', 422],
    ['a number', '5', 422],
    ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, 400],
    ['prototypes', '{"__proto__":{"role":"admin"}}', 400],
  ])('refuses %s, and keeps nothing', async (_, body, status) => {
    await using here = await site()
    expect((await here.send(body)).status).toBe(status)
    expect(here.audit.log.reader.published.size).toBe(0)
  })

  it('refuses a body over 4 MiB', async () => {
    await using here = await site()
    expect((await here.send(`"${'a'.repeat(4 * 2 ** 20)}"`)).status).toBe(413)
  })

  it('takes events of the tenant of the token only, which is theirs when they name none', async () => {
    await using here = await site()
    here.as({ ...sender, tenant: 'acme' })
    const { tenant: _, ...without } = roleAssigned('c')
    const { json } = await here.send([roleAssigned('a'), roleAssigned('b', { tenant: 'other' }), without])
    expect(json).toMatchObject({
      accepted: [{ id: 'a' }, { id: 'c' }],
      rejected: [{ item: 1, code: 'forbidden_tenant', path: '/1/tenant' }],
    })
    here.as(reader)
    expect(JSON.parse((await here.get('/v1/events/1')).text)).toMatchObject({ event: { id: 'c', tenant: 'acme' } })
  })
})

describe('reading an event', () => {
  it('answers it as it was sent, and its file verifies offline', async () => {
    await using here = await site()
    await here.send(roleAssigned('a', { msg: 'jdoe became Admin' }))
    here.as(reader)
    const { status, text } = await here.get('/v1/events/0')
    expect(status).toBe(200)
    expect(JSON.parse(text)).toMatchObject({
      index: 0,
      source: 'okta',
      number: 1,
      event: roleAssigned('a', { msg: 'jdoe became Admin' }),
    })
    const file = encodeUtf8((await here.get('/v1/events/0/file')).text)
    const { verdict, event } = verifyEventFile(file, { vkey: here.audit.vkey })
    expect([verdict, event]).toEqual(['valid', roleAssigned('a', { msg: 'jdoe became Admin' })])
    expect(here.viewed).toEqual([1, 1])
  })

  it('shows no personal fields to an auditor, whose reading is no reading of them', async () => {
    await using here = await site()
    await here.send(roleAssigned('a'))
    here.as({ role: 'audit', label: 'auditor' })
    const { text } = await here.get('/v1/events/0')
    expect(JSON.parse(text).event).toEqual({ action: 'user.role.assign', outcome: 'success' })
    const file = (await here.get('/v1/events/0/file')).text
    for (const secret of ['u_42', 'jdoe', '192.0.2.7', 'CHG-1881', 'acme']) expect(text + file).not.toContain(secret)
    expect(verifyEventFile(encodeUtf8(file), { vkey: here.audit.vkey }).verdict).toBe('withheld')
    expect(here.viewed).toEqual([])
  })

  it('answers for an event of another tenant what it answers for none', async () => {
    await using here = await site()
    await here.send(roleAssigned('a'))
    await here.audit.log.sequencer.append([encodeUtf8('raw')])
    here.as({ ...reader, tenant: 'other' })
    const foreign = await here.get('/v1/events/0')
    const absent = await here.get('/v1/events/1')
    expect(foreign.status).toBe(404)
    expect(foreign.text.replace('0', '1')).toBe(absent.text)
    expect((await here.get('/v1/events/2')).status).toBe(404)
    expect((await here.get('/v1/events/x')).status).toBe(400)
  })
})
