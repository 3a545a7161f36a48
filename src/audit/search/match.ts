/** Finding events: in each segment the intersection of what the clauses of a plan find. */
import {
  addOffset,
  type Bitmap,
  countOf,
  emptyBitmap,
  intersect,
  keepRange,
  offsetsOf,
  SEGMENT_SIZE,
} from './bitmap.ts'
import type { BlindTerm } from './blind.ts'
import type { Column } from './columns.ts'
import type { Plan } from './query.ts'
import type { ColumnField, SearchStore } from './search-store.ts'
import type { Segment, Summary } from './segment.ts'

/** The index as it is at one time. */
export interface IndexView {
  /** Events below this index are searched; all of them are in the index. */
  readonly size: number
  /** Segments that are not written yet, by their number; the others below `size` are. */
  readonly memory: ReadonlyMap<number, Segment>
  /** Of those that are written. */
  readonly summaries: readonly Summary[]
  readonly store: SearchStore
}

/** What was found in a segment. */
export interface Match {
  readonly segment: number
  /** Never empty. */
  readonly bitmap: Bitmap
}

/** Segments that are evaluated at a time: few while a page may soon be full, more when it is not. */
const FIRST_BATCH = 2
const LAST_BATCH = 64

/** What was found in some segments. */
export interface Found {
  readonly matches: readonly Match[]
  /** The segment that comes next, if any does. */
  readonly next: number | undefined
}

/** What is found in these segments, in their order. Rejects with `corrupt` and `io`. */
export async function* findMatches(view: IndexView, plan: Plan, segments: readonly number[]): AsyncIterable<Found> {
  let batch = FIRST_BATCH
  for (let at = 0; at < segments.length; ) {
    const end = at + batch
    yield { matches: await matchSegments(view, plan, segments.slice(at, end)), next: segments[end] }
    at = end
    batch = Math.min(2 * batch, LAST_BATCH)
  }
}

/** The segments in which there may be something, ascending. */
export const segmentsOf = (view: IndexView, { from, to, first, end }: Plan): readonly number[] => {
  const last = Math.min(view.size, end)
  const segments: number[] = []
  for (let segment = Math.floor(first / SEGMENT_SIZE); segment * SEGMENT_SIZE < last; segment++) {
    const { events, min, max } = summaryOf(view, segment)
    if (events > 0 && max >= from && min < to) segments.push(segment)
  }
  return segments
}

const NOTHING: Summary = { events: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }

/** What is known of a segment; of one that still grows it is what is known by now. */
export const summaryOf = ({ memory, summaries }: IndexView, segment: number): Summary =>
  memory.get(segment)?.summary ?? summaries[segment] ?? NOTHING

const matchSegments = async (view: IndexView, plan: Plan, segments: readonly number[]): Promise<readonly Match[]> => {
  let left: Match[] = segments.map((segment) => ({ segment, bitmap: wholeRange(view, plan, segment) }))
  for (const clause of plan.clauses) {
    const found = await findAll(view, clause, left)
    left = left.filter(({ bitmap }, i) => {
      intersect(bitmap, found[i] ?? emptyBitmap())
      return countOf(bitmap) > 0
    })
  }
  return keepTimes(view, plan, left)
}

const wholeRange = ({ size }: IndexView, { first, end }: Plan, segment: number): Bitmap => {
  const start = segment * SEGMENT_SIZE
  const bitmap = emptyBitmap().fill(0xffffffff)
  keepRange(bitmap, first - start, Math.min(size, end) - start)
  return bitmap
}

const findAll = async (
  { memory, store }: IndexView,
  terms: readonly BlindTerm[],
  segments: readonly Match[],
): Promise<readonly Bitmap[]> => {
  const written = segments.map(({ segment }) => segment).filter((segment) => !memory.has(segment))
  const found = new Map((await store.find(terms, written)).map((bitmap, i) => [written[i], bitmap]))
  return segments.map(({ segment }) => {
    const inMemory = memory.get(segment)
    if (inMemory === undefined) return found.get(segment) ?? emptyBitmap()
    const bitmap = emptyBitmap()
    for (const { field, value } of terms) {
      const term = inMemory.termsOf(field).get(value)
      if (term !== undefined) for (const offset of inMemory.offsetsOf(term)) addOffset(bitmap, offset)
    }
    return bitmap
  })
}

const keepTimes = async (view: IndexView, { from, to }: Plan, all: readonly Match[]): Promise<readonly Match[]> => {
  const crossed = all.filter(({ segment }) => {
    const { min, max } = summaryOf(view, segment)
    return min < from || max >= to
  })
  const times = await timesOf(view, crossed)
  for (const [i, { bitmap }] of crossed.entries())
    for (const offset of offsetsOf(bitmap)) {
      const time = times[i]?.[offset] ?? 0
      if (time < from || time >= to) bitmap[offset >>> 5] = (bitmap[offset >>> 5] ?? 0) & ~(1 << (offset & 31))
    }
  return all.filter(({ bitmap }) => countOf(bitmap) > 0)
}

/** The times of the events in each of these segments, by offset. Rejects with `corrupt` and `io`. */
export const timesOf = async (
  { memory, store }: IndexView,
  segments: readonly Match[],
): Promise<readonly Float64Array[]> => {
  const written = segments.map(({ segment }) => segment).filter((segment) => !memory.has(segment))
  const read = new Map((await store.times(written)).map((times, i) => [written[i], times]))
  return segments.map(
    ({ segment }) => memory.get(segment)?.times ?? read.get(segment) ?? new Float64Array(SEGMENT_SIZE),
  )
}

/** A column of each of these segments. Rejects with `corrupt` and `io`. */
export const columnsOf = async (
  { memory, store }: IndexView,
  field: ColumnField,
  segments: readonly Match[],
): Promise<readonly (Column | undefined)[]> => {
  const written = segments.map(({ segment }) => segment).filter((segment) => !memory.has(segment))
  const read = new Map((await store.columns(field, written)).map((column, i) => [written[i], column]))
  return segments.map(({ segment }) => {
    const inMemory = memory.get(segment)
    return inMemory === undefined ? read.get(segment) : store.columnOf(inMemory, field)
  })
}

/** How many events there are. Rejects with `corrupt` and `io`. */
export const countHits = async (view: IndexView, plan: Plan): Promise<number> => {
  let count = 0
  for await (const { matches } of findMatches(view, plan, segmentsOf(view, plan)))
    for (const { bitmap } of matches) count += countOf(bitmap)
  return count
}
