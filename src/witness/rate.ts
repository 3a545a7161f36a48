/** How often each log may ask: a bucket of requests for each origin, filled at the pace that the log list allows. */
import type { Clock } from '../primitives/clock.ts'
import type { WitnessedLog } from './log-list.ts'

const DAY_MS = 86_400_000

/** What a bucket holds when it is full, in parts of a day: an hour's worth may come at once. */
const BURST = 1 / 24

interface Bucket {
  readonly requests: number
  readonly time: number
}

/** Counts requests. `clock` is monotonic: a wall clock that is set back must not lock a log out. */
export class RequestRates {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes one request of the log; undefined when it may be served, else the whole seconds until the next may. */
  take({ origin, queriesPerDay }: WitnessedLog): number | undefined {
    if (queriesPerDay === undefined) return undefined
    const capacity = Math.max(1, queriesPerDay * BURST)
    const perMs = queriesPerDay / DAY_MS
    const now = this.#clock()
    const bucket = this.#buckets.get(origin) ?? { requests: capacity, time: now }
    const requests = Math.min(capacity, bucket.requests + Math.max(0, now - bucket.time) * perMs)
    const served = requests >= 1
    this.#buckets.set(origin, { requests: served ? requests - 1 : requests, time: now })
    return served ? undefined : Math.max(1, Math.ceil((1 - requests) / perMs / 1_000))
  }
}
