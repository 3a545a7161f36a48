/** The routes by which events are found again: pages of them, counts and facets (spec/audit.md, spec/search.md). */
import { type Context, Hono } from 'hono'
import type { StoredEvent } from '../audit/event-reader.ts'
import { type FacetBy, facetsBy } from '../audit/search/facets.ts'
import type { Search } from '../audit/search/open-search.ts'
import type { SearchFilter, SearchQuery } from '../audit/search/query.ts'
import { parseTime } from '../event/time.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { type Access, type Ask, allows } from './access.ts'
import type { Env } from './body.ts'
import { describeEvent } from './events-app.ts'

/** What the routes need. */
export interface SearchAppOptions {
  /** Undefined before the first event. */
  readonly search: () => Pick<Search, 'search' | 'count' | 'facets' | 'position'> | undefined
  /** The events at these indices. Rejects with `corrupt`. */
  readonly readMany: (indices: readonly number[]) => Promise<readonly StoredEvent[]>
  readonly ask: Ask
  /** Puts into the log that somebody read personal fields of so many events. */
  readonly viewed: (access: Access, events: number) => Promise<void>
}

const NO_STORE = { 'Cache-Control': 'no-store' }

/** The app. Its paths come before `/v1/events/:index`. */
export const searchApp = (options: SearchAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  app.get('/v1/events', (c) => page(c, options))
  app.get('/v1/events/count', async (c) => {
    const filter = filterOf(c, options.ask(c.req.header('authorization'), 'event.search'), filterNames)
    return c.json({ count: (await options.search()?.count(filter)) ?? 0 }, 200, NO_STORE)
  })
  app.get('/v1/events/facets', async (c) => {
    const access = options.ask(c.req.header('authorization'), 'event.search')
    const filter = filterOf(c, access, [...filterNames, 'by', 'limit'])
    const by = facetOf(c, access)
    const limit = numberOf(c, 'limit')
    const facets = await options.search()?.facets(filter, by, limit)
    const names = facets?.values.length ?? 0
    if (names > 0 && (by === 'actor' || by === 'target' || by === 'tenant')) await options.viewed(access, names)
    return c.json(facets ?? { values: [], others: 0, without: 0 }, 200, NO_STORE)
  })
  return app
}

const page = async (c: Context<Env>, { search, readMany, ask, viewed }: SearchAppOptions): Promise<Response> => {
  const access = ask(c.req.header('authorization'), 'event.search')
  const isPersonal = allows(access.role, 'personal.read')
  const query = queryOf(c, access)
  const index = search()
  if (index === undefined) return c.json({ events: [], size: 0 }, 200, NO_STORE)
  const { indices, next, size } = await index.search(query)
  const events = await readMany(indices)
  if (isPersonal && events.length > 0) await viewed(access, events.length)
  const shown = events.map((event) => describeEvent({ event, isPersonal }))
  return c.json({ events: shown, size, ...(next !== undefined && { next }) }, 200, NO_STORE)
}

const texts = ['actor', 'target', 'action', 'outcome', 'source', 'tenant', 'ip', 'corr', 'q'] as const
const numbers = ['first', 'end'] as const
const times = ['from', 'to'] as const
const filterNames: readonly string[] = [...texts, ...numbers, ...times]

/** What of an event is in its entry; everything else is of the payload, and searching by it would tell it. */
const open: ReadonlySet<string> = new Set([
  'action',
  'outcome',
  'source',
  'first',
  'end',
  'order',
  'desc',
  'limit',
  'cursor',
  'by',
])

const queryOf = (c: Context<Env>, access: Access): SearchQuery => {
  const filter = filterOf(c, access, [...filterNames, 'order', 'desc', 'limit', 'cursor'])
  const order = c.req.query('order')
  if (order !== undefined && order !== 'index' && order !== 'time')
    throw new TlogError('malformed', `want order=index or order=time, got ${JSON.stringify(order)}`)
  if (order === 'time' && !allows(access.role, 'personal.read')) throw personal('order=time')
  return {
    ...filter,
    order,
    descending: c.req.query('desc') !== undefined,
    limit: numberOf(c, 'limit'),
    cursor: c.req.query('cursor'),
  }
}

const filterOf = (c: Context<Env>, access: Access, known: readonly string[]): SearchFilter => {
  for (const [name, values] of Object.entries(c.req.queries())) {
    if (!known.includes(name)) throw new TlogError('malformed', `there is no condition ${JSON.stringify(name)}`)
    if (values.length > 1) throw new TlogError('malformed', `want ${name} once`)
    if (!open.has(name) && !allows(access.role, 'personal.read')) throw personal(name)
  }
  const given: Record<string, string | number> = {}
  for (const name of texts) if (c.req.query(name) !== undefined) given[name] = c.req.query(name) ?? ''
  for (const name of numbers) if (c.req.query(name) !== undefined) given[name] = numberOf(c, name) ?? 0
  for (const name of times) if (c.req.query(name) !== undefined) given[name] = timeOf(c, name)
  return { ...given, ...tenantFilter(c, access) }
}

/** Whoever is bound to a tenant finds events of that one only, and by another name none. */
const tenantFilter = (c: Context<Env>, { tenant }: Access): SearchFilter => {
  if (tenant === undefined) return {}
  const asked = c.req.query('tenant')
  return asked === undefined || asked === tenant ? { tenant } : { tenant, first: 0, end: 0 }
}

const personal = (name: string): TlogError =>
  new TlogError('forbidden', `${name} is about personal fields, which this token does not show`)

const facetOf = (c: Context<Env>, access: Access): FacetBy => {
  const by = facetsBy.find((one) => one === c.req.query('by'))
  if (by === undefined) throw new TlogError('malformed', `want by=${facetsBy.join(', ')}`)
  if (!['action', 'outcome', 'source'].includes(by) && !allows(access.role, 'personal.read')) throw personal(`by=${by}`)
  return by
}

const numberOf = (c: Context<Env>, name: string): number | undefined => {
  const text = c.req.query(name)
  return text === undefined ? undefined : parseDecimal(text)
}

const timeOf = (c: Context<Env>, name: string): number => {
  const time = parseTime(c.req.query(name) ?? '')
  if (time === undefined) throw new TlogError('malformed', `want ${name} as a time of RFC 3339`)
  return time
}
