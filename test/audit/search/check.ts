/** One random query, its pages, its count and its facets, against a scan of all events. */

import type { FacetBy } from '../../../src/audit/search/facets.ts'
import { facetsBy } from '../../../src/audit/search/facets.ts'
import type { Search } from '../../../src/audit/search/open-search.ts'
import type { SearchQuery } from '../../../src/audit/search/query.ts'
import type { Indexable } from '../../../src/audit/search/segment.ts'
import { canonicalJson } from '../../../src/event/canonical-json.ts'
import type { Random } from '../../faults/random.ts'
import { makeQuery, scan, timeOf } from './oracle.ts'

/** What is searched, and what grows meanwhile. */
export interface Searched {
  readonly search: Search
  /** All events that were acknowledged, in the order of their indices. */
  readonly events: readonly Indexable[]
  /** Appends some more. */
  readonly grow: () => Promise<void> | void
}

/** What was found, over all checks. */
export interface Tally {
  queries: number
  pages: number
  hits: number
  empty: number
}

/** None yet. */
export const newTally = (): Tally => ({ queries: 0, pages: 0, hits: 0, empty: 0 })

/** Most pages of one query that are looked at. */
const MOST_PAGES = 12

/** Checks one query. Throws an error that shows it. */
export const checkQuery = async (random: Random, searched: Searched, tally: Tally): Promise<void> => {
  const query = makeQuery(random, searched.events)
  try {
    await checkPages(random, searched, query, tally)
    if (random.integer(0, 3) === 0) await checkCount(searched, query)
    if (random.integer(0, 6) === 0) await checkFacets(searched, query, random.pick(facetsBy))
  } catch (error) {
    throw new Error(`${canonicalJson(query)}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

const checkPages = async (random: Random, { search, events, grow }: Searched, query: SearchQuery, tally: Tally) => {
  const acknowledged = events.at(-1)?.index ?? -1
  const limit = query.limit ?? 100
  const indices: number[] = []
  let cursor: string | undefined
  let expected: readonly number[] | undefined
  let page = 0
  do {
    const found = await search.search({ ...query, cursor })
    if (expected === undefined) {
      if (found.size <= acknowledged) throw new Error(`searched ${found.size} entries, ${acknowledged} is acknowledged`)
      const { size } = found
      const below = events.findLastIndex(({ index }) => index < size) + 1
      expected = scan(events.slice(0, below), query).map(({ index }) => index)
    }
    indices.push(...found.indices)
    page++
    const want = expected.slice(0, limit * page)
    same(indices, want, `page ${page}`)
    cursor = found.next
    same([cursor !== undefined], [expected.length > want.length], `another page after page ${page}`)
    if (random.integer(0, 4) === 0) await grow()
  } while (cursor !== undefined && page < MOST_PAGES)
  tally.queries++
  tally.pages += page
  tally.hits += indices.length
  if (expected.length === 0) tally.empty++
}

const checkCount = async ({ search, events }: Searched, query: SearchQuery): Promise<void> => {
  const want = scan(events, query).length
  same([await search.count(query)], [want], 'count')
}

const checkFacets = async ({ search, events }: Searched, query: SearchQuery, by: FacetBy): Promise<void> => {
  const counts = new Map<string, number>()
  let without = 0
  for (const event of scan(events, query)) {
    const value = facetOf(event, by)
    if (value === undefined) without++
    else counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  const found = await search.facets(query, by, 1_000)
  const told = new Map(found.values.map(({ value, count }) => [value, count]))
  same([found.without], [without], `without ${by}`)
  const rest = [...counts].filter(([value]) => !told.has(value)).reduce((sum, [, count]) => sum + count, 0)
  same([found.others], [rest], `other values of ${by}`)
  if (told.size < Math.min(1_000, counts.size)) throw new Error(`${told.size} values of ${by} of ${counts.size}`)
  for (const [value, count] of told) same([count], [counts.get(value) ?? 0], `${by} ${value}`)
  const isTime = by === 'hour' || by === 'day'
  const order = found.values.map(({ value, count }) => (isTime ? Date.parse(value) : -count))
  same(
    order,
    order.toSorted((a, b) => a - b),
    `order of ${by}`,
  )
}

const facetOf = (found: Indexable, by: FacetBy): string | undefined => {
  const { source, event } = found
  if (by === 'hour') return `${new Date(timeOf(found)).toISOString().slice(0, 13)}:00:00.000Z`
  if (by === 'day') return `${new Date(timeOf(found)).toISOString().slice(0, 10)}T00:00:00.000Z`
  if (by === 'source') return source
  if (by === 'actor' || by === 'target') return event[by]?.['id'] as string | undefined
  return event[by]
}

const same = <T>(got: readonly T[], want: readonly T[], what: string): void => {
  if (got.length === want.length && got.every((one, i) => one === want[i])) return
  const at = want.findIndex((one, i) => one !== got[i])
  throw new Error(`${what}: got ${got.length}, want ${want.length}; at ${at} got ${got[at]}, want ${want[at]}`)
}
