/** Search over the events of a log: an index that follows it, is derived from it, and holds nothing personal in clear. */
import { TlogError } from '../../primitives/error.ts'
import type { KeyValueStore } from '../../storage/storage.ts'
import type { AppendedEvent } from '../recorder.ts'
import type { Subjects } from '../subjects.ts'
import { Blinder } from './blind.ts'
import { countTimes, countValues, type FacetBy, type Facets, facetsBy } from './facets.ts'
import { Follower, type OnProgress, type SearchPosition } from './follower.ts'
import { findHits, type Hit } from './hits.ts'
import { countHits, type IndexView } from './match.ts'
import { formatCursor, parseCursor } from './page-cursor.ts'
import { MAX_LIMIT, planFilter, planPage, type SearchFilter, type SearchQuery, textOfQuery } from './query.ts'
import { type ReadParts, readIndexables } from './read-events.ts'
import { SearchStore } from './search-store.ts'

/** What it is made of. */
export interface SearchOptions extends ReadParts {
  /** The store `SEARCH_STORE` of the log's storage. */
  readonly store: KeyValueStore
  readonly subjects: Pick<Subjects, 'tag'>
}

/** Some of what was found. */
export interface Page {
  /** Of the events, in the order asked for. */
  readonly indices: readonly number[]
  /** The cursor of the next page; undefined when this is the last. */
  readonly next: string | undefined
  /** The entries that were searched, also for the pages to come. */
  readonly size: number
}

/** An open index. Disposing it waits for what is under way. */
export interface Search extends AsyncDisposable {
  /** To be told of everything that is appended, in order, from the time on at which the index is opened. Never throws. */
  append(events: readonly AppendedEvent[]): void
  /**
   * One page of the events that fulfil the query: all that were acknowledged before the first page was asked for, each
   * once, and none that came later. Rejects with `malformed`, `corrupt` and `io`.
   */
  search(query: SearchQuery): Promise<Page>
  /** How many events fulfil the filter. Rejects as `search` does. */
  count(filter: SearchFilter): Promise<number>
  /** How many of them have each value, at most `limit` values (1 to 1,000). Rejects as `search` does. */
  facets(filter: SearchFilter, by: FacetBy, limit?: number): Promise<Facets>
  readonly position: SearchPosition
  /** Makes all of the index anew from the log; it can be searched meanwhile. Rejects with `corrupt`, `io` and `poisoned`. */
  rebuild(onProgress?: OnProgress): Promise<void>
  /** To be called when payloads were erased: no term of what is gone stays. Rejects as `rebuild` does. */
  refresh(indices: readonly number[]): Promise<void>
  /** Resolves once all segments that are complete are written. Rejects with what stopped the writing. */
  drain(): Promise<void>
}

/** Opens. What the index lacks is read from the log in the background; searches wait for it. Rejects with `io`. */
export const openSearch = async ({ store, subjects, events, reader }: SearchOptions): Promise<Search> => {
  const blinder = new Blinder(subjects)
  const parts = { events, reader }
  const follower = await Follower.open(new SearchStore(store, blinder), parts)
  return new OpenSearch(follower, blinder, parts)
}

class OpenSearch implements Search {
  readonly #follower: Follower
  readonly #blinder: Blinder
  readonly #parts: ReadParts

  constructor(follower: Follower, blinder: Blinder, parts: ReadParts) {
    this.#follower = follower
    this.#blinder = blinder
    this.#parts = parts
  }

  get position(): SearchPosition {
    return this.#follower.position
  }

  append(events: readonly AppendedEvent[]): void {
    this.#follower.append(events)
  }

  async search(query: SearchQuery): Promise<Page> {
    const plan = planFilter(query, this.#blinder)
    const page = planPage(query)
    const mark = this.#blinder.mark(`cursor\0${textOfQuery(query)}`)
    const after = query.cursor === undefined ? undefined : parseCursor(query.cursor, mark)
    const view = withSize(await this.#follower.view(), after?.size)
    const hits = await findHits(view, plan, page, after)
    const shown = hits.slice(0, page.limit)
    const last = shown.at(-1)
    const hasMore = hits.length > shown.length && last !== undefined
    return {
      indices: shown.map(({ index }: Hit) => index),
      next: hasMore ? formatCursor({ size: view.size, ...last }, mark) : undefined,
      size: view.size,
    }
  }

  async count(filter: SearchFilter): Promise<number> {
    const plan = planFilter(filter, this.#blinder)
    return countHits(await this.#follower.view(), plan)
  }

  async facets(filter: SearchFilter, by: FacetBy, limit = 100): Promise<Facets> {
    if (!facetsBy.includes(by))
      throw new TlogError('malformed', `want one of ${facetsBy.join(', ')}, got ${String(by)}`)
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT)
      throw new TlogError('malformed', `want a limit of 1 to ${MAX_LIMIT}, got ${String(limit)}`)
    const plan = planFilter(filter, this.#blinder)
    const view = await this.#follower.view()
    if (by === 'hour' || by === 'day') return countTimes(view, plan, by, limit)
    return countValues(view, plan, { by, limit, read: (indices) => readIndexables(indices, this.#parts) })
  }

  rebuild(onProgress?: OnProgress): Promise<void> {
    return this.#follower.rebuild(onProgress)
  }

  refresh(indices: readonly number[]): Promise<void> {
    return this.#follower.refresh(indices)
  }

  drain(): Promise<void> {
    return this.#follower.drain()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#follower.close()
  }
}

/** As large as it was at the first page. */
const withSize = (view: IndexView, size: number | undefined): IndexView => {
  if (size !== undefined && size > view.size) throw new TlogError('malformed', 'the cursor is of a larger log')
  return { ...view, size: size ?? view.size }
}
