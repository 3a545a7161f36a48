/** What the log reports of itself as numbers for Prometheus. Every label has few values: names of ours, never of users. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { LogEvent } from '../log/events.ts'
import type { LogReader } from '../log/reader.ts'
import type { Sequencer } from '../log/sequencer.ts'
import type { Clock } from '../primitives/clock.ts'
import { type Health, unreadiness } from './health.ts'
import type { Served } from './observe.ts'

/** What is measured. */
export interface MetricsParts {
  readonly reader: LogReader
  readonly sequencer: Pick<Sequencer, 'pooled'>
  readonly health: Health
  readonly clock: Clock
  /** Free bytes of the fullest volume, undefined for a log in memory. */
  readonly freeBytes: () => number | undefined
  /** For `treehead_build_info`. */
  readonly version: string
}

/** Collects, and answers in Prometheus' text format. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  observe(event: LogEvent): void
  observeServed(served: Served): void
}

/** Seconds: from a commit into memory to one on a disk that is nearly dead. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const ENTRIES = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384]

/** Makes a registry of its own, with the metrics of the process in it. */
export const createMetrics = (parts: MetricsParts): Metrics => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  addGauges(registry, parts)
  const observeServed = addRequests(registry)
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe: addLogMetrics(registry),
    observeServed,
  }
}

const addGauges = (
  register: Registry,
  { reader, sequencer, health, clock, freeBytes, version }: MetricsParts,
): void => {
  const registers = [register]
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
  gauge('treehead_size', 'entries under the newest published head', () => reader.published.size)
  gauge('treehead_checkpoint_timestamp_seconds', 'when the newest head was signed', () => reader.published.time / 1e3)
  gauge('treehead_checkpoint_age_seconds', 'how long ago that was', () => (clock() - reader.published.time) / 1e3)
  gauge('treehead_pool_entries', 'entries that wait for a commit', () => sequencer.pooled)
  gauge('treehead_free_bytes', 'free space of the fullest volume of the log', () => freeBytes() ?? Number.NaN)
  gauge('treehead_ready', '1 when the log takes entries', () => (health.reasons().length === 0 ? 1 : 0))
  new Gauge({
    name: 'treehead_unready',
    help: '1 for each reason why the log takes no entries',
    labelNames: ['reason'],
    registers,
    collect() {
      for (const name of Object.keys(unreadiness)) this.set({ reason: name }, 0)
      for (const { name } of health.reasons()) this.set({ reason: name }, 1)
    },
  })
  new Gauge({ name: 'treehead_build_info', help: 'always 1', labelNames: ['version'], registers }).set({ version }, 1)
}

const addLogMetrics = (register: Registry): ((event: LogEvent) => void) => {
  const registers = [register]
  const seconds = (name: string, help: string): Histogram => new Histogram({ name, help, buckets: SECONDS, registers })
  const counter = (name: string, help: string): Counter => new Counter({ name, help, registers })
  const prepare = seconds('treehead_prepare_seconds', 'hashing, de-duplicating and signing of a commit')
  const commit = seconds('treehead_commit_seconds', 'writing and syncing of a commit')
  const ledger = seconds('treehead_ledger_seconds', 'writing and syncing of the ledger')
  const batch = new Histogram({
    name: 'treehead_commit_entries',
    help: 'new entries of a commit',
    buckets: ENTRIES,
    registers,
  })
  const entries = counter('treehead_entries_total', 'entries that were given an index')
  const duplicates = counter('treehead_duplicates_total', 'entries that were there already, in commits with new ones')
  const pushbacks = counter('treehead_pushbacks_total', 'appends that were turned away because the pool was full')
  const poisonings = counter('treehead_poisonings_total', 'failed writes; the process ends after the first')
  const refused = new Counter({
    name: 'treehead_refusals_total',
    help: 'batches of appends that were refused',
    labelNames: ['reason'],
    registers,
  })
  return (event) => {
    if (event.kind === 'committed') {
      prepare.observe(event.prepareMs / 1e3)
      commit.observe(event.commitMs / 1e3)
      ledger.observe(event.ledgerMs / 1e3)
      batch.observe(event.entries)
      entries.inc(event.entries)
      duplicates.inc(event.duplicates)
    } else if (event.kind === 'pushback') pushbacks.inc()
    else if (event.kind === 'refused') refused.inc({ reason: event.reason })
    else if (event.kind === 'poisoned') poisonings.inc()
  }
}

/** Methods that are counted by name; all others are one. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'OPTIONS'])

interface Tally {
  readonly labels: { readonly method: string; readonly route: string; readonly status: string }
  count: number
}

/**
 * Requests are tallied in plain maps and handed to prom-client when it is asked, because its labelled counters cost as
 * much as a tenth of an append.
 */
const addRequests = (register: Registry): ((served: Served) => void) => {
  const registers = [register]
  const tallies = new Map<string, Tally>()
  const codes = new Map<string, number>()
  const seconds = new Histogram({
    name: 'treehead_http_request_seconds',
    help: 'from the first line of the handler to its answer',
    buckets: SECONDS,
    registers,
  })
  new Counter({
    name: 'treehead_http_requests_total',
    help: 'requests by route template, method and status',
    labelNames: ['route', 'method', 'status'],
    registers,
    collect() {
      this.reset()
      for (const { labels, count } of tallies.values()) this.inc(labels, count)
    },
  })
  new Counter({
    name: 'treehead_errors_total',
    help: 'requests that were answered with an error, by its code',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset()
      for (const [code, count] of codes) this.inc({ code }, count)
    },
  })
  return ({ method, route, status, ms, code }) => {
    const name = METHODS.has(method) ? method : 'other'
    const key = `${status} ${name} ${route}`
    const tally = tallies.get(key)
    if (tally === undefined) tallies.set(key, { labels: { route, method: name, status: String(status) }, count: 1 })
    else tally.count++
    if (code !== undefined) codes.set(code, (codes.get(code) ?? 0) + 1)
    seconds.observe(ms / 1e3)
  }
}
