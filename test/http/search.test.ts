/** Finding events over HTTP: conditions, pages, and what each role may ask. */
import { describe, expect, it } from 'vitest'
import { type Access, requireAction } from '../../src/http/access.ts'
import { searchApp } from '../../src/http/search-app.ts'
import { createService } from '../../src/http/service.ts'
import { memoryAudit, roleAssigned } from '../support/memory-audit.ts'

const reader: Access = { role: 'read', label: 'soc' }
const auditor: Access = { role: 'audit', label: 'auditor' }

interface Answer {
  readonly events: readonly { readonly index: number; readonly event: { readonly id?: string } }[]
  readonly next?: string
  readonly count?: number
}

const site = async () => {
  const audit = await memoryAudit()
  let access: Access = reader
  const viewed: number[] = []
  const app = createService({
    parts: [
      searchApp({
        search: () => audit.search,
        readMany: (indices) => audit.events.readMany(indices),
        ask: (_, action) => {
          requireAction(access, action)
          return access
        },
        viewed: async (_, events) => void viewed.push(events),
      }),
    ],
    report: () => {},
  })
  const get = async (query: string, as = access, path = '/v1/events'): Promise<{ status: number; json: Answer }> => {
    access = as
    const response = await app.request(`${path}?${query}`)
    const text = await response.text()
    return { status: response.status, json: (text.startsWith('{') ? JSON.parse(text) : { events: [] }) as Answer }
  }
  const idsOf = async (query: string, as = access): Promise<readonly unknown[]> =>
    (await get(query, as)).json.events.map(({ event, index }) => event.id ?? index)
  await audit.recorder.record([
    { source: 'okta', event: roleAssigned('a', { time: '2026-11-20T10:00:00Z' }) },
    { source: 'okta', event: roleAssigned('b', { time: '2026-11-19T10:00:00Z', tenant: 'other' }) },
    {
      source: 'k8s',
      event: roleAssigned('c', {
        time: '2026-11-21T10:00:00Z',
        action: 'access.read',
        outcome: 'denied',
        source: { ip: '10.1.2.3' },
      }),
    },
    {
      source: 'k8s',
      event: roleAssigned('d', { target: { type: 'user', id: 'u_7', name: 'Zoë' }, msg: 'gone for good' }),
    },
  ])
  return { audit, get, idsOf, viewed, [Symbol.asyncDispose]: () => audit[Symbol.asyncDispose]() }
}

describe('GET /v1/events', () => {
  it('[SEARCH-1] [SEARCH-2] finds what was just acknowledged, by all conditions together', async () => {
    await using here = await site()
    expect(await here.idsOf('')).toEqual(['a', 'b', 'c', 'd'])
    expect(await here.idsOf('action=user.*&source=okta')).toEqual(['a', 'b'])
    expect(await here.idsOf('outcome=denied')).toEqual(['c'])
    expect(await here.idsOf('ip=10.0.0.0/8')).toEqual(['c'])
    expect(await here.idsOf(`q=${encodeURIComponent('zoë GONE')}`)).toEqual(['d'])
    expect(await here.idsOf('actor=u_1&target=u_7')).toEqual(['d'])
    expect(await here.idsOf('first=1&end=3')).toEqual(['b', 'c'])
    expect(await here.idsOf('from=2026-11-20T00:00:00Z&to=2026-11-20T12:00:00Z')).toEqual(['a'])
    expect(await here.idsOf('order=time&desc')).toEqual(['c', 'd', 'a', 'b'])
    expect(here.viewed).toEqual([4, 2, 1, 1, 1, 1, 2, 1, 4])
  })

  it('[SEARCH-3] pages without gaps and repetitions, whatever is appended meanwhile', async () => {
    await using here = await site()
    const { json } = await here.get('limit=3')
    expect(json.events.map(({ index }) => index)).toEqual([0, 1, 2])
    await here.audit.recorder.record([{ source: 'okta', event: roleAssigned('late') }])
    const rest = await here.get(`limit=3&cursor=${json.next}`)
    expect([rest.json.events.map(({ index }) => index), rest.json.next]).toEqual([[3], undefined])
    expect((await here.get(`limit=3&source=okta&cursor=${json.next}`)).status).toBe(400)
  })

  it('counts, as a whole and by value', async () => {
    await using here = await site()
    expect((await here.get('source=k8s', reader, '/v1/events/count')).json.count).toBe(2)
    const { json } = await here.get('by=outcome', reader, '/v1/events/facets')
    expect(json).toEqual({
      values: [
        { value: 'success', count: 3 },
        { value: 'denied', count: 1 },
      ],
      others: 0,
      without: 0,
    })
  })

  it.each([
    ['an unknown condition', 'color=red', 400],
    ['a condition twice', 'source=a&source=b', 400],
    ['an unknown outcome', 'outcome=maybe', 400],
    ['no address', 'ip=house', 400],
    ['no time', 'from=yesterday', 400],
    ['no number', 'limit=07', 400],
    ['too many', 'limit=1001', 400],
    ['another order', 'order=size', 400],
    ['a cursor of ours made up', 'cursor=AAAA', 400],
  ])('refuses %s', async (_, query, status) => {
    await using here = await site()
    expect((await here.get(query)).status).toBe(status)
  })
})

describe('who finds what', () => {
  it('a reader of one tenant finds its events only, whatever tenant is asked for', async () => {
    await using here = await site()
    const bound: Access = { ...reader, tenant: 'other' }
    expect(await here.idsOf('', bound)).toEqual(['b'])
    expect(await here.idsOf('tenant=other', bound)).toEqual(['b'])
    expect(await here.idsOf('tenant=acme', bound)).toEqual([])
    expect((await here.get('', bound, '/v1/events/count')).json.count).toBe(1)
    expect((await here.get('tenant=acme', bound, '/v1/events/count')).json.count).toBe(0)
  })

  it('an auditor finds by what is in the entry, and sees no personal field', async () => {
    await using here = await site()
    const { status, json } = await here.get('action=user.*', auditor)
    expect([status, json.events.map(({ index }) => index)]).toEqual([200, [0, 1, 3]])
    expect(JSON.stringify(json)).not.toMatch(/u_42|jdoe|acme|192\.0\.2/)
    for (const query of [
      'actor=u_1',
      'target=u_42',
      'tenant=acme',
      'ip=10.0.0.0/8',
      'corr=x',
      'q=zoe',
      'order=time',
      'from=2026-11-20T00:00:00Z',
    ])
      expect([query, (await here.get(query, auditor)).status]).toEqual([query, 403])
    expect((await here.get('by=actor', auditor, '/v1/events/facets')).status).toBe(403)
    expect((await here.get('by=action', auditor, '/v1/events/facets')).status).toBe(200)
    expect(here.viewed).toEqual([])
    await here.get('by=actor', reader, '/v1/events/facets')
    expect(here.viewed).toEqual([1])
  })

  it.each(['append', 'admin'] as const)('[ACCESS-1] a token of the role %s finds nothing', async (role) => {
    await using here = await site()
    for (const path of ['/v1/events', '/v1/events/count', '/v1/events/facets'])
      expect((await here.get('by=action', { role, label: 'x' }, path)).status).toBe(403)
  })
})
