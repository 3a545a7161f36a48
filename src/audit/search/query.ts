/** What can be asked, and the plan of it: which terms an event has to have, and where it is looked for. */

import { isAction, isOutcome, outcomes } from '../../event/actions.ts'
import { canonicalJson } from '../../event/canonical-json.ts'
import { TlogError } from '../../primitives/error.ts'
import { rangeTerms } from './addresses.ts'
import type { Blinder, BlindTerm } from './blind.ts'
import type { Field, Term } from './segment.ts'
import { wordsOf } from './words.ts'

/** Conditions, all of which an event has to fulfil. */
export interface SearchFilter {
  /** The id of the actor. */
  readonly actor?: string | undefined
  /** The id of the target. */
  readonly target?: string | undefined
  /** An action, or a family of them: `user.*`, `user.role.*`. */
  readonly action?: string | undefined
  readonly outcome?: string | undefined
  /** Who sent it, as the operator named it. */
  readonly source?: string | undefined
  readonly tenant?: string | undefined
  /** The address that the source claims: an IPv4 or IPv6 address, or a CIDR. */
  readonly ip?: string | undefined
  readonly corr?: string | undefined
  /** Words, all of which occur in names, ids, reason, message or service, in any order and case. */
  readonly q?: string | undefined
  /** The earliest source time, in milliseconds since the Unix epoch. */
  readonly from?: number | undefined
  /** The source time before which it happened. */
  readonly to?: number | undefined
  /** The lowest index. */
  readonly first?: number | undefined
  /** The index below which it is. */
  readonly end?: number | undefined
}

/** A filter and which page of what it finds. */
export interface SearchQuery extends SearchFilter {
  /** By index, the default, or by source time and, where that is the same, index. */
  readonly order?: 'index' | 'time' | undefined
  /** The largest first. Default: false. */
  readonly descending?: boolean | undefined
  /** Most events on the page, 1 to 1,000. Default: 100. */
  readonly limit?: number | undefined
  /** `next` of the page before; everything but `limit` has to be as it was there. */
  readonly cursor?: string | undefined
}

/** What is looked for. */
export interface Plan {
  /** Of each clause an event has one of the terms; the rarest first, as far as one can know. */
  readonly clauses: readonly (readonly BlindTerm[])[]
  /** Times from `from` up to but not including `to`. */
  readonly from: number
  readonly to: number
  /** Indices from `first` up to but not including `end`. */
  readonly first: number
  readonly end: number
}

/** Which page. */
export interface PagePlan {
  readonly order: 'index' | 'time'
  readonly descending: boolean
  readonly limit: number
}

/** Most events on a page. */
export const MAX_LIMIT = 1_000

/** Most words in a query. */
export const MAX_QUERY_WORDS = 32

/** The plan of a filter. Throws `malformed`. */
export const planFilter = (filter: SearchFilter, blinder: Blinder): Plan => {
  const clauses: (readonly Term[])[] = []
  const exactly = (field: Field, value: string | undefined): void => {
    if (value !== undefined) clauses.push([{ field, value: textOf(field, value) }])
  }
  exactly('corr', filter.corr)
  for (const value of queryWords(filter.q)) clauses.push([{ field: 'word', value }])
  exactly('target', filter.target)
  exactly('actor', filter.actor)
  if (filter.ip !== undefined)
    clauses.push(rangeTerms(textOf('ip', filter.ip)).map((value): Term => ({ field: 'ip', value })))
  if (filter.action !== undefined) clauses.push([actionTerm(textOf('action', filter.action))])
  exactly('tenant', filter.tenant)
  exactly('source', filter.source)
  if (filter.outcome !== undefined && !isOutcome(filter.outcome))
    throw malformed(`want an outcome, ${outcomes.join(', ')}, got ${filter.outcome}`)
  exactly('outcome', filter.outcome)
  if (clauses.length === 0) clauses.push([{ field: 'all', value: '' }])
  return {
    clauses: clauses.map((terms) => blinder.blindTerms(terms)),
    from: timeOf('from', filter.from) ?? Number.NEGATIVE_INFINITY,
    to: timeOf('to', filter.to) ?? Number.POSITIVE_INFINITY,
    first: indexOf('first', filter.first) ?? 0,
    end: indexOf('end', filter.end) ?? Number.POSITIVE_INFINITY,
  }
}

/** Which page is asked for. Throws `malformed`. */
export const planPage = ({ order = 'index', descending = false, limit = 100 }: SearchQuery): PagePlan => {
  if (order !== 'index' && order !== 'time') throw malformed(`want order index or time, got ${String(order)}`)
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw malformed(`want a limit of 1 to ${MAX_LIMIT}, got ${String(limit)}`)
  return { order, descending, limit }
}

/** One text for each query, whichever of its pages is asked for. */
export const textOfQuery = (query: SearchQuery): string => {
  const { cursor: _, limit: __, ...rest } = query
  return canonicalJson({ ...rest, order: query.order ?? 'index', descending: query.descending ?? false })
}

const malformed = (message: string): TlogError => new TlogError('malformed', message)

const textOf = (name: string, value: unknown): string => {
  if (typeof value !== 'string' || value === '' || !value.isWellFormed()) throw malformed(`want a text for ${name}`)
  return value
}

const timeOf = (name: string, value: unknown): number | undefined => {
  if (value !== undefined && !Number.isSafeInteger(value)) throw malformed(`want whole milliseconds for ${name}`)
  return value as number | undefined
}

const indexOf = (name: string, value: unknown): number | undefined => {
  if (value !== undefined && (!Number.isSafeInteger(value) || (value as number) < 0))
    throw malformed(`want an index for ${name}`)
  return value as number | undefined
}

const actionTerm = (action: string): Term => {
  if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.\*$/.test(action)) return { field: 'family', value: action.slice(0, -1) }
  if (!isAction(action)) throw malformed(`want an action, or a family of them such as user.*, got ${action}`)
  return { field: 'action', value: action }
}

const queryWords = (q: string | undefined): ReadonlySet<string> => {
  if (q === undefined) return new Set()
  const words = new Set(wordsOf(textOf('q', q)))
  if (words.size === 0 || words.size > MAX_QUERY_WORDS)
    throw malformed(`want 1 to ${MAX_QUERY_WORDS} words of letters or digits for q`)
  return words
}
