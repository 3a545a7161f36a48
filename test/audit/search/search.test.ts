/** Search equals a scan of all events, whatever is asked, while the log grows and across restarts. */
import { describe, expect, it } from 'vitest'
import { facetsBy } from '../../../src/audit/search/facets.ts'
import { openSearch } from '../../../src/audit/search/open-search.ts'
import type { SearchQuery } from '../../../src/audit/search/query.ts'
import { SEARCH_STORE } from '../../../src/audit/search/search-store.ts'
import { encodeHex } from '../../../src/primitives/hex.ts'
import { openStorage } from '../../../src/storage/backends.ts'
import type { Row } from '../../../src/storage/storage.ts'
import { roleAssigned } from '../../support/memory-audit.ts'
import { scan } from './oracle.ts'
import { plainLog } from './plain-log.ts'
import { RealLog } from './real-log.ts'
import { runPlain, runRecorded } from './runs.ts'

describe('search', () => {
  it('[SEARCH-1] [SEARCH-3] [SEARCH-9] finds, pages, counts and sorts as a scan of all events does, while the log grows', async () => {
    const tally = await runPlain({ events: 5_000, queries: 500, restarts: 4, seed: 1 })
    expect(tally.queries).toBe(500)
    // Otherwise the queries show nothing.
    expect(tally.hits).toBeGreaterThan(10_000)
    expect(tally.empty).toBeGreaterThan(10)
  })

  it('[SEARCH-1] [SEARCH-2] does so over a recorder and LevelDB, with entries of other kinds and restarts in between', async () => {
    const tally = await runRecorded({ events: 1_000, queries: 100, restarts: 2, seed: 1 })
    expect(tally.queries).toBe(100)
    expect(tally.hits).toBeGreaterThan(1_000)
  })
})

describe('an event that was acknowledged', () => {
  it('[SEARCH-2] is found by whoever asks next, also when nobody told the index of it', async () => {
    const log = plainLog()
    await using storage = await openStorage('memory:', { create: true })
    await using search = await log.open(storage)
    const event = (id: string, index: number) => ({ index, received: 5, source: 's', event: roleAssigned(id) })
    for (const [i, tell] of [false, true, false, false, true].entries()) {
      const one = event(`e${i}`, 3 * i)
      log.push([one])
      if (tell) search.append([one])
      expect((await search.search({ q: `e${i}` })).indices).toEqual([3 * i])
    }
    expect(await search.count({})).toBe(5)
  })

  it('[SEARCH-2] is found when it was recorded while the index was opened', async () => {
    await using real = await RealLog.create()
    await real.restart()
    await real.record(Array.from({ length: 300 }, (_, i) => ({ source: 's', event: roleAssigned(`a${i}`) })))
    const { search } = await real.restart()
    const recorded = real.record([{ source: 's', event: roleAssigned('b', { corr: 'late' }) }])
    expect(await search.count({ q: 'a299' })).toBe(1)
    await recorded
    expect((await search.search({ corr: 'late' })).indices).toEqual([300])
    expect(await search.count({})).toBe(301)
    expect(search.position).toMatchObject({ indexed: 301, size: 301, lag: 0, written: 0 })
  })
})

describe('pages', () => {
  const open = async (count: number) => {
    const log = plainLog()
    const storage = await openStorage('memory:', { create: true })
    const search = await log.open(storage)
    let index = 0
    const grow = (more: number): void => {
      const events = Array.from({ length: more }, () => ({
        index: index++,
        received: 0,
        source: 's',
        event: roleAssigned(`e${index}`, { time: `2026-11-20T21:47:0${index % 3}Z` }),
      }))
      log.push(events)
      search.append(events)
    }
    grow(count)
    return { search, grow, log }
  }

  it.each([
    ['index, ascending', { order: 'index', descending: false }],
    ['index, descending', { order: 'index', descending: true }],
    ['time, ascending, most at one time', { order: 'time', descending: false }],
    ['time, descending, most at one time', { order: 'time', descending: true }],
  ] as const)('[SEARCH-3] are of the log as it was at the first one: by %s', async (_, order) => {
    const { search, grow, log } = await open(9_000)
    const expected = scan(log.events, order).map(({ index }) => index)
    const found: number[] = []
    let page = await search.search({ ...order, limit: 700 })
    for (;;) {
      found.push(...page.indices)
      expect(page.size).toBe(9_000)
      if (page.next === undefined) break
      grow(50)
      page = await search.search({ ...order, limit: 700, cursor: page.next })
    }
    expect(found).toEqual(expected)
  })

  it('[SEARCH-3] go on after a restart, and with another limit', async () => {
    const { search, log } = await open(4_200)
    const storage = await openStorage('memory:', { create: true })
    const { next } = await search.search({ tenant: 'acme', limit: 1 })
    await using again = await log.open(storage)
    const page = await again.search({ tenant: 'acme', limit: 2, cursor: next })
    expect(page.indices).toEqual([1, 2])
  })

  it('[SEARCH-3] have cursors of one query, and of this log', async () => {
    const { search } = await open(10)
    const { next = '' } = await search.search({ tenant: 'acme', limit: 3 })
    const refused: readonly (readonly [string, SearchQuery])[] = [
      ['of another query', { tenant: 'globex', cursor: next }],
      ['of another order', { tenant: 'acme', order: 'time', cursor: next }],
      ['cut off', { tenant: 'acme', cursor: next.slice(0, -2) }],
      ['no hexadecimal', { tenant: 'acme', cursor: `${next.slice(0, -1)}g` }],
      ['of another version', { tenant: 'acme', cursor: `02${next.slice(2)}` }],
      ['of a larger log', { tenant: 'acme', cursor: `${next.slice(0, 18)}ff${next.slice(20)}` }],
    ]
    for (const [name, query] of refused)
      await expect(search.search(query), name).rejects.toMatchObject({ code: 'malformed' })
  })
})

describe('[SEARCH-10] a query', () => {
  it.each<readonly [string, SearchQuery]>([
    ['an action that there is not', { action: 'user.craete' }],
    ['a family without a dot', { action: 'user*' }],
    ['every action', { action: '*' }],
    ['an outcome that there is not', { outcome: 'won' }],
    ['an empty text', { actor: '' }],
    ['half of a surrogate pair', { corr: '\ud800' }],
    ['no words', { q: '– !' }],
    ['33 words', { q: Array.from({ length: 33 }, (_, i) => `w${i}`).join(' ') }],
    ['no address', { ip: 'localhost' }],
    ['a prefix that is too long', { ip: '10.0.0.0/33' }],
    ['a time with a fraction', { from: 0.5 }],
    ['a negative index', { first: -1 }],
    ['no limit', { limit: 0 }],
    ['a limit over 1,000', { limit: 1_001 }],
    ['an order that there is not', { order: 'actor' as 'index' }],
  ])('is refused with %s', async (_, query) => {
    await using search = await plainLog().open(await openStorage('memory:', { create: true }))
    await expect(search.search(query)).rejects.toMatchObject({ code: 'malformed' })
  })

  it('is refused with a facet or a number of values that there is not', async () => {
    await using search = await plainLog().open(await openStorage('memory:', { create: true }))
    await expect(search.facets({}, 'msg' as 'actor')).rejects.toMatchObject({ code: 'malformed' })
    await expect(search.facets({}, 'actor', 1_001)).rejects.toMatchObject({ code: 'malformed' })
  })

  it('finds nothing in an empty log', async () => {
    await using search = await plainLog().open(await openStorage('memory:', { create: true }))
    expect(await search.search({ order: 'time' })).toEqual({ indices: [], next: undefined, size: 0 })
    expect(await search.count({ actor: 'u_1' })).toBe(0)
    for (const by of facetsBy) expect(await search.facets({}, by)).toEqual({ values: [], others: 0, without: 0 })
  })
})

describe('at rest', () => {
  const rowsOf = async (rows: AsyncIterable<Row>): Promise<readonly Row[]> => {
    const found: Row[] = []
    for await (const row of rows) found.push(row)
    return found
  }
  const textsOf = (rows: readonly Row[]): readonly string[] =>
    rows.map(({ key, value }) => `${encodeHex(key)} ${encodeHex(value)}`)
  const everyRow = [Uint8Array.of(0), Uint8Array.of(255)] as const

  it('[SEARCH-6] [SEARCH-7] what was erased is not found any more, and nothing personal is in the rows', async () => {
    await using real = await RealLog.create()
    await real.restart()
    const named = (i: number) => ({
      source: 's',
      event: roleAssigned(`e${i}`, {
        actor: { type: 'user', id: i % 2 === 0 ? 'u_even' : 'u_odd', name: 'Grace Hopper' },
      }),
    })
    await real.record(Array.from({ length: 4_200 }, (_, i) => named(i)))
    const { search, events, storage } = real.now
    await search.drain()
    expect(search.position.written).toBe(4_096)
    for (const { key, value } of await rowsOf(storage.keyValue(SEARCH_STORE).range(...everyRow)))
      for (const secret of ['u_even', 'hopper', 'Hopper', 'u_42', 'jdoe', '192.0.2.7', 'acme', 'CHG', 'user.role'])
        expect(Buffer.from([...key, ...value]).includes(secret)).toBe(false)
    const { leaf } = await events.read(0)
    await real.eraseKeys([leaf.handles.actor ?? new Uint8Array(16)])
    await search.refresh(Array.from({ length: 2_100 }, (_, i) => 2 * i))
    const fresh = (await openStorage('memory:', { create: true })).keyValue(SEARCH_STORE)
    await using anew = await openSearch({
      store: fresh,
      subjects: real.now.subjects,
      events,
      reader: real.now.log.reader,
    })
    await anew.count({})
    await anew.drain()
    const refreshed = textsOf(await rowsOf(storage.keyValue(SEARCH_STORE).range(...everyRow)))
    const want = new Set(textsOf(await rowsOf(fresh.range(...everyRow))))
    expect(refreshed.filter((row) => !want.has(row))).toEqual([])
    expect(refreshed).toHaveLength(want.size)
    for (const name of ['before a restart', 'after it']) {
      const { search: index } = real.now
      expect(await index.count({ actor: 'u_even' }), name).toBe(0)
      expect(await index.count({ actor: 'u_odd' }), name).toBe(2_100)
      expect(await index.count({ q: 'grace' }), name).toBe(2_100)
      expect(await index.count({ action: 'user.role.*', outcome: 'success' }), name).toBe(4_200)
      expect(await index.count({ target: 'u_42' }), name).toBe(4_200)
      // Their source time is gone with the payload.
      const received = Date.parse('2026-11-20T00:00:00Z')
      expect(await index.count({ from: received, to: received + 3_600_000 }), name).toBe(2_100)
      expect(await index.facets({}, 'actor'), name).toEqual({
        values: [{ value: 'u_odd', count: 2_100 }],
        others: 0,
        without: 2_100,
      })
      await real.restart()
    }
  }, 120_000)
})
