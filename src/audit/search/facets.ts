/** Counting what was found by a value: from columns, so that no event is read but one for each value that is told. */
import { type Bitmap, countOf, offsetsOf, SEGMENT_SIZE } from './bitmap.ts'
import type { Column } from './columns.ts'
import { columnsOf, findMatches, type IndexView, segmentsOf, summaryOf, timesOf } from './match.ts'
import type { Plan } from './query.ts'
import { type ColumnField, columnFields } from './search-store.ts'
import type { Indexable } from './segment.ts'

/** What can be counted by: hours and days of the source time (UTC), or a value. Actor and target are counted by their ids. */
export type FacetBy = 'hour' | 'day' | ColumnField

/** All of them. */
export const facetsBy: readonly FacetBy[] = ['hour', 'day', ...columnFields]

/** How many events have a value. */
export interface Facet {
  /** For hours and days when they begin, as in `2026-11-20T21:00:00.000Z`. */
  readonly value: string
  readonly count: number
}

/** Events that were found, by one value. */
export interface Facets {
  /** The most frequent ones, these first; for hours and days the latest ones, in the order of time. */
  readonly values: readonly Facet[]
  /** Events with other values. */
  readonly others: number
  /** Events without a value, or whose value was erased. */
  readonly without: number
}

/** Reads events by their indices, leaving out those of other kinds. */
export type ReadSome = (indices: readonly number[]) => Promise<readonly Indexable[]>

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Counts by hours or days. Rejects with `corrupt` and `io`. */
export const countTimes = async (view: IndexView, plan: Plan, by: 'hour' | 'day', limit: number): Promise<Facets> => {
  const unit = by === 'hour' ? HOUR : DAY
  const counts = new Map<number, number>()
  const add = (time: number, count: number): void => {
    const start = Math.floor(time / unit)
    counts.set(start, (counts.get(start) ?? 0) + count)
  }
  for await (const { matches } of findMatches(view, plan, segmentsOf(view, plan))) {
    const isWithin = (segment: number): boolean => {
      const { min, max } = summaryOf(view, segment)
      return Math.floor(min / unit) === Math.floor(max / unit)
    }
    for (const { segment, bitmap } of matches.filter(({ segment }) => isWithin(segment)))
      add(summaryOf(view, segment).min, countOf(bitmap))
    const others = matches.filter(({ segment }) => !isWithin(segment))
    const times = await timesOf(view, others)
    for (const [i, { bitmap }] of others.entries())
      for (const offset of offsetsOf(bitmap)) add(times[i]?.[offset] ?? 0, 1)
  }
  const sorted = [...counts].sort(([a], [b]) => a - b)
  const told = sorted.slice(-limit)
  return {
    values: told.map(([start, count]) => ({ value: new Date(start * unit).toISOString(), count })),
    others: sum(sorted.slice(0, -limit).map(([, count]) => count)),
    without: 0,
  }
}

/** A value that is known by its mark only, until one of its events is read. */
interface Marked {
  count: number
  example: number
}

/** Counts by values of a field. Rejects with `corrupt` and `io`. */
export const countValues = async (
  view: IndexView,
  plan: Plan,
  { by, limit, read }: { readonly by: ColumnField; readonly limit: number; readonly read: ReadSome },
): Promise<Facets> => {
  const marked = new Map<number, Marked>()
  let without = 0
  for await (const { matches } of findMatches(view, plan, segmentsOf(view, plan))) {
    const columns = await columnsOf(view, by, matches)
    for (const [i, { segment, bitmap }] of matches.entries()) {
      const column = columns[i]
      if (column !== undefined) without += countPlaces(column, bitmap, segment * SEGMENT_SIZE, marked)
    }
  }
  const sorted = [...marked.values()].sort((a, b) => b.count - a.count || a.example - b.example)
  const told = sorted.slice(0, limit)
  const events = new Map((await read(told.map(({ example }) => example))).map((event) => [event.index, event]))
  const values: Facet[] = []
  for (const { count, example } of told) {
    const value = fieldOf(events.get(example), by)
    if (value === undefined) without += count
    else values.push({ value, count })
  }
  return { values, others: sum(sorted.slice(limit).map(({ count }) => count)), without }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Adds the events of a segment; answers how many of them have no value. */
const countPlaces = ({ marks, places }: Column, bitmap: Bitmap, start: number, marked: Map<number, Marked>): number => {
  const counts = new Uint32Array(marks.length + 1)
  const examples = new Uint16Array(marks.length + 1)
  for (const offset of offsetsOf(bitmap)) {
    const place = places[offset] ?? 0
    counts[place] = (counts[place] ?? 0) + 1
    examples[place] = offset
  }
  for (const [i, mark] of marks.entries()) {
    const count = counts[i + 1] ?? 0
    if (count === 0) continue
    const known = marked.get(mark)
    const example = start + (examples[i + 1] ?? 0)
    if (known === undefined) marked.set(mark, { count, example })
    else {
      known.count += count
      known.example = Math.max(known.example, example)
    }
  }
  return counts[0] ?? 0
}

const fieldOf = (found: Indexable | undefined, by: ColumnField): string | undefined => {
  if (found === undefined) return undefined
  const { source, event } = found
  switch (by) {
    case 'source':
      return source
    case 'actor':
    case 'target': {
      const id = event[by]?.['id']
      return typeof id === 'string' ? id : undefined
    }
    case 'action':
    case 'outcome':
    case 'tenant':
      return event[by]
  }
}
