/** Deliveries over HTTP: whose they are, how large they may be, and what becomes of those that are no events. */
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { parseLeaf } from '../../src/event/leaf.ts'
import type { Access } from '../../src/http/access.ts'
import { ingestApp } from '../../src/http/ingest-app.ts'
import { createService } from '../../src/http/service.ts'
import { memoryAudit } from '../support/memory-audit.ts'

const site = async (access: Access = { role: 'append', label: 'erp', source: 'erp' }) => {
  const audit = await memoryAudit()
  const app = createService({
    parts: [ingestApp({ recorder: audit.recorder, ask: () => access, clock: () => 1_700_000_000_000 })],
    report: () => {},
  })
  const post = async (path: string, body: string | Uint8Array, headers: Record<string, string> = {}) => {
    const response = await app.request(path, { method: 'POST', body: Uint8Array.from(Buffer.from(body)), headers })
    const text = await response.text()
    return {
      status: response.status,
      text,
      json: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, number>,
    }
  }
  return { audit, app, post, [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose]() }
}

const cloudEvent = (id: string, data: object): string =>
  JSON.stringify({
    specversion: '1.0',
    id,
    source: '/erp',
    type: 'audit.user.disable',
    time: '2026-11-20T21:47:00Z',
    data: { actor: { type: 'admin', id: 'u_1' }, target: { type: 'user', id: 'u_42' }, ...data },
  })
const structured = { 'content-type': 'application/cloudevents+json' }

describe('POST /v1/ingest', () => {
  it('takes a delivery once, packed or not', async () => {
    await using here = await site()
    const body = cloudEvent('1', {})
    expect((await here.post('/v1/ingest/cloudevents?summary', body, structured)).json).toMatchObject({
      events: 1,
      duplicates: 0,
    })
    const packed = { ...structured, 'content-encoding': 'gzip' }
    expect((await here.post('/v1/ingest/cloudevents?summary', gzipSync(body), packed)).json).toMatchObject({
      duplicates: 1,
    })
    expect(here.audit.log.reader.published.size).toBe(1)
  })

  it('takes events of the tenant of the token only, and keeps others apart, in quarantine', async () => {
    await using here = await site({ role: 'append', label: 'erp', source: 'erp', tenant: 'acme' })
    for (const [id, data] of [
      ['mine', { tenant: 'acme' }],
      ['nobodys', {}],
      ['theirs', { tenant: 'other' }],
    ] as const)
      expect((await here.post('/v1/ingest/cloudevents', cloudEvent(id, data), structured)).status).toBeLessThan(300)
    const entries = await here.audit.log.reader.entries(0, 3)
    expect(entries.map((entry) => parseLeaf(entry).action)).toEqual([
      'user.disable',
      'user.disable',
      'event.quarantine',
    ])
    const { openings } = await here.audit.events.read(1)
    expect(new TextDecoder().decode(openings.meta?.value)).toContain('"tenant":"acme"')
  })

  it('keeps what no text can be made of, without holding others back', async () => {
    await using here = await site()
    const odd = JSON.stringify({ ...JSON.parse(cloudEvent('odd', {})), specversion: `${'x'.repeat(19)}😀` })
    const both = await Promise.all([
      here.post('/v1/ingest/cloudevents?summary', odd, structured),
      here.post('/v1/ingest/cloudevents?summary', cloudEvent('good', {}), structured),
    ])
    expect(both.map(({ json }) => [json['events'], json['quarantined']])).toEqual([
      [0, 1],
      [1, 0],
    ])
  })

  it.each([
    ['an unknown format', '/v1/ingest/vms', '{}', {}, 404],
    ['what is not in the format', '/v1/ingest/cloudtrail', '{"Records":', {}, 400],
    ['a body that is not packed as it says', '/v1/ingest/cloudtrail', '{}', { 'content-encoding': 'gzip' }, 400],
    ['another packing', '/v1/ingest/cloudtrail', '{}', { 'content-encoding': 'br' }, 400],
    ['more items than a delivery has', '/v1/ingest/cloudtrail', `{"Records":[${'1,'.repeat(20_000)}1]}`, {}, 413],
  ])('refuses %s', async (_, path, body, headers, status) => {
    await using here = await site()
    expect((await here.post(path, body, headers as Record<string, string>)).status).toBe(status)
    expect(here.audit.log.reader.published.size).toBe(0)
  })

  it('unpacks no more than a delivery may have', async () => {
    await using here = await site()
    const bomb = gzipSync(Buffer.alloc(21 * 2 ** 20, 0x20))
    expect((await here.post('/v1/ingest/cloudtrail', bomb, { 'content-encoding': 'gzip' })).status).toBe(413)
  })
})
