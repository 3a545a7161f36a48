/** A segment of the index in memory: for each term which of 4,096 consecutive entries have it, and when each happened. */
import type { AuditEvent, Party } from '../../event/event.ts'
import { parseTime } from '../../event/time.ts'
import { addressTerms } from './addresses.ts'
import { SEGMENT_SIZE } from './bitmap.ts'
import { Postings } from './postings.ts'
import { wordsOf } from './words.ts'

/** What is indexed; an event has a term for each of its values in each of these. `all` has the empty value in every event. */
export const fields = [
  'all',
  'actor',
  'target',
  'action',
  'family',
  'outcome',
  'source',
  'tenant',
  'corr',
  'ip',
  'word',
] as const

/** One of `fields`. */
export type Field = (typeof fields)[number]

/** A value of a field. */
export interface Term {
  readonly field: Field
  readonly value: string
}

/** What can be indexed: an event that was appended, or what is left of one in the log. */
export interface Indexable {
  readonly index: number
  /** In milliseconds since the Unix epoch. */
  readonly received: number
  readonly source: string
  readonly event: Partial<AuditEvent> & Pick<AuditEvent, 'action' | 'outcome'>
}

/** What is known of a segment without reading it. */
export interface Summary {
  /** How many of its entries are events. */
  readonly events: number
  /** The earliest and the latest time of its events; Infinity and −Infinity when there are none. */
  readonly min: number
  readonly max: number
}

/** Words of one event that are indexed, those of its ids first: a text of a megabyte must not fill the memory. */
export const MAX_WORDS = 512

/** A segment that grows. What it says of events that are in it never changes. */
export class Segment {
  readonly number: number
  /** The index of its first entry. */
  readonly start: number
  /** For each offset the time of the event, in milliseconds since the Unix epoch; anything where there is none. */
  readonly times = new Float64Array(SEGMENT_SIZE)
  #events = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY
  readonly #postings = new Postings()
  readonly #terms = Object.fromEntries(fields.map((field) => [field, new Map<string, number>()])) as Readonly<
    Record<Field, Map<string, number>>
  >
  // What many events share is taken apart once for the segment: texts into words, actions into families, addresses.
  readonly #ofText = new Map<string, readonly number[]>()
  readonly #ofAction = new Map<string, readonly number[]>()
  readonly #ofAddress = new Map<string, readonly number[]>()

  constructor(number: number) {
    this.number = number
    this.start = number * SEGMENT_SIZE
  }

  /** What is known of it. */
  get summary(): Summary {
    return { events: this.#events, min: this.#min, max: this.#max }
  }

  /** The values of a field, each with the number of its term. */
  termsOf(field: Field): ReadonlyMap<string, number> {
    return this.#terms[field]
  }

  /** The offsets of the events that have a term, ascending. */
  offsetsOf(term: number): Uint16Array {
    return this.#postings.offsetsOf(term)
  }

  /** Adds an event of the segment. Events come in the order of their indices. */
  add({ index, received, source, event }: Indexable): void {
    const offset = index - this.start
    // spec: Where the time is gone, or was never known, it is the time at which the log received the event.
    const time = (event.time === undefined ? undefined : parseTime(event.time)) ?? received
    this.times[offset] = time
    this.#events++
    this.#min = Math.min(this.#min, time)
    this.#max = Math.max(this.#max, time)
    const { actor, target, tenant, corr } = event
    this.#put('all', '', offset)
    this.#put('outcome', event.outcome, offset)
    this.#put('source', source, offset)
    this.#put('actor', textOf(actor, 'id'), offset)
    this.#put('target', textOf(target, 'id'), offset)
    this.#put('tenant', tenant, offset)
    this.#put('corr', corr, offset)
    for (const term of this.#of(this.#ofAction, event.action, this.#takeAction)) this.#postings.add(term, offset)
    const address = textOf(event.source, 'ip')
    if (address !== undefined)
      for (const term of this.#of(this.#ofAddress, address, this.#takeAddress)) this.#postings.add(term, offset)
    this.#putWords(event, offset)
  }

  #put(field: Field, value: string | undefined, offset: number): void {
    if (value !== undefined) this.#postings.add(this.#term(field, value), offset)
  }

  #term(field: Field, value: string): number {
    const terms = this.#terms[field]
    let term = terms.get(value)
    if (term === undefined) {
      term = this.#postings.newTerm()
      terms.set(value, term)
    }
    return term
  }

  #of(
    known: Map<string, readonly number[]>,
    text: string,
    take: (text: string) => readonly number[],
  ): readonly number[] {
    let terms = known.get(text)
    if (terms === undefined) {
      terms = take(text)
      known.set(text, terms)
    }
    return terms
  }

  readonly #takeAction = (action: string): readonly number[] => [
    this.#term('action', action),
    ...familiesOf(action).map((family) => this.#term('family', family)),
  ]

  readonly #takeAddress = (address: string): readonly number[] =>
    addressTerms(address).map((value) => this.#term('ip', value))

  readonly #takeText = (text: string): readonly number[] => wordsOf(text).map((word) => this.#term('word', word))

  #putWords(
    { id, src_id, corr, service, reason, msg, actor, target, with: others }: Indexable['event'],
    offset: number,
  ): void {
    let left = MAX_WORDS
    const add = (terms: readonly number[]): void => {
      for (const term of terms) if (left-- > 0) this.#postings.add(term, offset)
    }
    const put = (text: string | undefined): void => {
      if (text !== undefined && left > 0) add(this.#of(this.#ofText, text, this.#takeText))
    }
    // These are of one event: to remember them would only fill the memory.
    if (id !== undefined) add(this.#takeText(id))
    if (src_id !== undefined) add(this.#takeText(src_id))
    const onBehalfOf = actor?.['on_behalf_of'] as Party | undefined
    put(corr)
    put(textOf(actor, 'session'))
    for (const name of ['id', 'name', 'email']) {
      put(textOf(actor, name))
      put(textOf(onBehalfOf, name))
      put(textOf(target, name))
      for (const other of others ?? []) put(textOf(other, name))
    }
    put(service)
    put(reason)
    put(msg)
  }
}

/** The families that an action is of: `user.` and `user.role.` for `user.role.assign`. */
export const familiesOf = (action: string): readonly string[] => {
  const families: string[] = []
  for (let dot = action.indexOf('.'); dot >= 0; dot = action.indexOf('.', dot + 1))
    families.push(action.slice(0, dot + 1))
  return families
}

const textOf = (members: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined => {
  const value = members?.[name]
  return typeof value === 'string' ? value : undefined
}
