/** What a search must find, found by looking at every event; and queries at random. Shares no code with the index. */
import type { SearchFilter, SearchQuery } from '../../../src/audit/search/query.ts'
import type { Indexable } from '../../../src/audit/search/segment.ts'
import type { Random } from '../../faults/random.ts'
import { makeAddress } from './generate.ts'

/** The source time of an event, or when it was received where that is gone. */
export const timeOf = ({ event, received }: Indexable): number => {
  if (event.time === undefined) return received
  const time = times.get(event) ?? Date.parse(event.time)
  times.set(event, time)
  return time
}

const times = new WeakMap<object, number>()

/** True for an event that fulfils a filter. */
const fulfils = (filter: SearchFilter): ((found: Indexable) => boolean) => {
  const { actor, target, action, outcome, tenant, ip, corr, q, from, to, first, end } = filter
  const wanted = spelled(q ?? '').map(upper)
  return (found) => {
    const { event, index, source } = found
    const time = from === undefined && to === undefined ? 0 : timeOf(found)
    return (
      (actor === undefined || event.actor?.['id'] === actor) &&
      (target === undefined || event.target?.['id'] === target) &&
      (action === undefined ||
        (action.endsWith('*') ? event.action.startsWith(action.slice(0, -1)) : event.action === action)) &&
      (outcome === undefined || event.outcome === outcome) &&
      (filter.source === undefined || source === filter.source) &&
      (tenant === undefined || event.tenant === tenant) &&
      (corr === undefined || event.corr === corr) &&
      (ip === undefined || isWithin(event.source?.['ip'], ip)) &&
      (q === undefined || hasWords(found, wanted)) &&
      (from === undefined || time >= from) &&
      (to === undefined || time < to) &&
      (first === undefined || index >= first) &&
      (end === undefined || index < end)
    )
  }
}

/** The events that fulfil a query, in its order. */
export const scan = (events: readonly Indexable[], query: SearchQuery): readonly Indexable[] => {
  const found = events.filter(fulfils(query))
  const sign = query.descending ? -1 : 1
  const compare = (a: Indexable, b: Indexable): number =>
    (query.order === 'time' ? timeOf(a) - timeOf(b) : 0) || a.index - b.index
  return found.toSorted((a, b) => sign * compare(a, b))
}

const textsOf = ({ event }: Indexable): readonly unknown[] => {
  const { id, src_id, corr, service, reason, msg, actor, target } = event
  const parties = [actor, actor?.['on_behalf_of'], target, ...(event.with ?? [])] as readonly (
    | Readonly<Record<string, unknown>>
    | undefined
  )[]
  return [
    ...[id, src_id, corr, service, reason, msg, actor?.['session']],
    ...parties.flatMap((party) => [party?.['id'], party?.['name'], party?.['email']]),
  ]
}

const spelled = (text: string): readonly string[] =>
  text
    .normalize('NFKC')
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .filter((word) => word !== '')

/** Equal for words that differ only in case. */
const upper = (word: string): string => word.toUpperCase().normalize('NFKC')

const known = new WeakMap<object, ReadonlySet<string>>()

const wordsIn = (found: Indexable): ReadonlySet<string> => {
  const before = known.get(found.event)
  if (before !== undefined) return before
  const all = textsOf(found).flatMap((text) => (typeof text === 'string' ? spelled(text) : []))
  const words = new Set(all.map(upper))
  known.set(found.event, words)
  return words
}

const hasWords = (found: Indexable, wanted: readonly string[]): boolean => {
  const words = wordsIn(found)
  return wanted.every((word) => words.has(word))
}

const addresses = new Map<string, readonly [bits: number, value: bigint] | undefined>()

/** The platform's parser of URLs reads addresses for us: into eight groups, or four bytes. */
const parseAddress = (text: string): readonly [bits: number, value: bigint] | undefined => {
  if (/^[\d.]+$/.test(text)) return [32, text.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)]
  if (!text.includes(':')) return undefined
  const [head = '', tail = ''] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::')
  const [left, right] = [head, tail].map((half) => half.split(':').filter((group) => group !== ''))
  const zeros = Array.from({ length: 8 - (left?.length ?? 0) - (right?.length ?? 0) }, () => '0')
  const groups = [...(left ?? []), ...zeros, ...(right ?? [])]
  const value = groups.reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n)
  return value >> 32n === 0xffffn ? [32, value & 0xffffffffn] : [128, value]
}

const isWithin = (address: unknown, range: string): boolean => {
  if (typeof address !== 'string') return false
  if (!addresses.has(address)) addresses.set(address, parseAddress(address))
  const [text = '', length] = range.split('/')
  const [one, net] = [addresses.get(address), parseAddress(text)]
  if (one === undefined || net === undefined || one[0] !== net[0]) return false
  const mapped = net[0] === 32 && text.includes(':') ? 96 : 0
  const shift = BigInt(net[0] - (length === undefined ? net[0] : Number(length) - mapped))
  return one[1] >> shift === net[1] >> shift
}

const recase = (random: Random, text: string): string =>
  random.pick([text, text, text.toUpperCase(), text.toLowerCase(), text.normalize('NFD')])

const cidrOf = (random: Random, address: string): string => {
  const bits = address.includes(':') ? 128 : 32
  const least = address.toLowerCase().startsWith('::ffff:') ? 96 : 0
  const length = random.pick([
    random.integer(least, bits + 1),
    ...[8, 16, 24, 32, 48, 64].filter((n) => n >= least && n <= bits),
  ])
  return random.integer(0, 3) === 0 ? address : `${address}/${length}`
}

/** Conditions for a query, each true of the event it is made from, so that combinations find something. */
const conditions: readonly ((random: Random, found: Indexable, size: number) => SearchFilter)[] = [
  (_, { event }) => ({ actor: event.actor?.['id'] as string | undefined }),
  (_, { event }) => ({ target: event.target?.['id'] as string | undefined }),
  (_, { event }) => ({ action: event.action }),
  (random, { event }) => {
    const parts = event.action.split('.')
    return { action: `${parts.slice(0, random.integer(1, parts.length)).join('.')}.*` }
  },
  (_, { event }) => ({ outcome: event.outcome }),
  (_, { source }) => ({ source }),
  (_, { event }) => ({ tenant: event.tenant }),
  (_, { event }) => ({ corr: event.corr }),
  (random, { event }) => {
    const ip = event.source?.['ip']
    const address = typeof ip === 'string' && /^[\d.]+$|:/.test(ip) ? ip : makeAddress(random)
    return /^[\d.]+$|:/.test(address) ? { ip: cidrOf(random, address) } : {}
  },
  (random, found) => {
    const texts = textsOf(found).filter((text) => typeof text === 'string')
    const words = texts.flatMap(spelled)
    const some = Array.from({ length: random.integer(1, 4) }, () => recase(random, random.pick(words)))
    return { q: random.integer(0, 4) === 0 ? recase(random, random.pick(texts)) : some.join(' ') }
  },
  (random, found) => {
    const span = random.pick([1, 1_000, 3_600_000, 86_400_000])
    const from = timeOf(found) - random.integer(0, span)
    return random.pick([{ from, to: from + span }, { from }, { to: from + span }])
  },
  (random, { index }, size) => {
    const first = random.integer(0, index + 1)
    const end = random.integer(index + 1, size + 2)
    return random.pick([{ first, end }, { first }, { end }])
  },
]

/** A query of any combination of conditions. */
export const makeQuery = (random: Random, events: readonly Indexable[]): SearchQuery => {
  const size = (events.at(-1)?.index ?? 0) + 1
  let query: SearchQuery = {
    order: random.pick(['index', 'time']),
    descending: random.integer(0, 2) === 0,
    limit: random.pick([1, 7, 50, 200, 1_000]),
  }
  const count = random.pick([0, 1, 1, 1, 2, 2, 3, 4])
  const found = random.pick(events)
  for (let i = 0; i < count; i++) {
    // Now and then a condition of another event, so that there is nothing, or a coincidence.
    const of = random.integer(0, 6) === 0 ? random.pick(events) : found
    query = { ...query, ...random.pick(conditions)(random, of, size) }
  }
  if (query.q !== undefined && (spelled(query.q).length === 0 || spelled(query.q).length > 32))
    return { ...query, q: undefined }
  return query
}
