/** One page of what was found: the first events by index or by time, without looking at more segments than it takes. */
import { offsetsOf, SEGMENT_SIZE } from './bitmap.ts'
import { findMatches, type IndexView, segmentsOf, summaryOf, timesOf } from './match.ts'
import type { PagePlan, Plan } from './query.ts'

/** An event that was found. */
export interface Hit {
  readonly index: number
  /** Its source time, in milliseconds since the Unix epoch; 0 where nobody needs it. */
  readonly time: number
}

/** The first events behind `after`, at most `page.limit` of them and one more. Rejects with `corrupt` and `io`. */
export const findHits = (
  view: IndexView,
  plan: Plan,
  page: PagePlan,
  after: Hit | undefined,
): Promise<readonly Hit[]> =>
  page.order === 'index' ? findByIndex(view, plan, page, after) : findByTime(view, plan, page, after)

const findByIndex = async (
  view: IndexView,
  plan: Plan,
  { descending, limit }: PagePlan,
  after: Hit | undefined,
): Promise<readonly Hit[]> => {
  const rest: Plan =
    after === undefined
      ? plan
      : descending
        ? { ...plan, end: Math.min(plan.end, after.index) }
        : { ...plan, first: Math.max(plan.first, after.index + 1) }
  const segments = segmentsOf(view, rest)
  const hits: Hit[] = []
  for await (const { matches } of findMatches(view, rest, descending ? segments.toReversed() : segments))
    for (const { segment, bitmap } of matches) {
      const offsets = offsetsOf(bitmap)
      for (const offset of descending ? offsets.reverse() : offsets) {
        hits.push({ index: segment * SEGMENT_SIZE + offset, time: 0 })
        if (hits.length > limit) return hits
      }
    }
  return hits
}

const findByTime = async (
  view: IndexView,
  plan: Plan,
  { descending, limit }: PagePlan,
  after: Hit | undefined,
): Promise<readonly Hit[]> => {
  const compare = descending ? (a: Hit, b: Hit): number => compareHits(b, a) : compareHits
  // The best time that an event of a segment can have.
  const best = (segment: number): number => {
    const { min, max } = summaryOf(view, segment)
    return descending ? -max : min
  }
  const limited = after === undefined ? plan : behind(plan, after, descending)
  const order = segmentsOf(view, limited).toSorted((a, b) => best(a) - best(b))
  const nearest = new Nearest(limit + 1, compare)
  for await (const { matches, next } of findMatches(view, limited, order)) {
    const times = await timesOf(view, matches)
    for (const [i, { segment, bitmap }] of matches.entries())
      for (const offset of offsetsOf(bitmap)) {
        const hit = { index: segment * SEGMENT_SIZE + offset, time: times[i]?.[offset] ?? 0 }
        if (after === undefined || compare(hit, after) > 0) nearest.add(hit)
      }
    const { last } = nearest
    if (last !== undefined && next !== undefined && best(next) > (descending ? -last.time : last.time)) break
  }
  return nearest.sorted()
}

const compareHits = (a: Hit, b: Hit): number => a.time - b.time || a.index - b.index

/** Events of the same time as the last one may still come. */
const behind = (plan: Plan, { time }: Hit, descending: boolean): Plan =>
  descending ? { ...plan, to: Math.min(plan.to, time + 1) } : { ...plan, from: Math.max(plan.from, time) }

/** The first of many hits, without keeping all of them. */
class Nearest {
  readonly #count: number
  readonly #compare: (a: Hit, b: Hit) => number
  #hits: Hit[] = []
  #last: Hit | undefined

  constructor(count: number, compare: (a: Hit, b: Hit) => number) {
    this.#count = count
    this.#compare = compare
  }

  /** The last of those that were asked for, once there are so many. */
  get last(): Hit | undefined {
    this.#trim()
    return this.#last
  }

  add(hit: Hit): void {
    if (this.#last !== undefined && this.#compare(hit, this.#last) > 0) return
    this.#hits.push(hit)
    if (this.#hits.length >= 4 * this.#count) this.#trim()
  }

  #trim(): void {
    this.#hits = this.#hits.sort(this.#compare).slice(0, this.#count)
    if (this.#hits.length === this.#count) this.#last = this.#hits.at(-1)
  }

  sorted(): readonly Hit[] {
    this.#trim()
    return this.#hits
  }
}
