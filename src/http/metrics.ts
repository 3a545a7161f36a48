/** What the log reports of itself as numbers for Prometheus. Every label has few values: names of ours, never of users. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { LogEvent } from '../log/events.ts'
import type { LogReader } from '../log/reader.ts'
import type { Sequencer } from '../log/sequencer.ts'
import type { Witnessing, WitnessingEvent } from '../log/witnesses/witnessing.ts'
import type { MirrorPusher } from '../mirror/pusher.ts'
import type { Clock } from '../primitives/clock.ts'
import { type Health, unreadiness } from './health.ts'
import type { Served } from './observe.ts'
import { addRequests, SECONDS } from './request-metrics.ts'
import { addMirrors, addWitnessing } from './witnessing-metrics.ts'

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
  /** Adds what is measured of witnessing; answers who is to be told of its events. */
  observeWitnesses(witnessing: Witnessing): (event: WitnessingEvent) => void
  /** Adds how far each mirror is. */
  addMirrors(mirrors: readonly MirrorPusher[]): void
}

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
    observeWitnesses: (witnessing) => addWitnessing(registry, witnessing),
    addMirrors: (mirrors) => addMirrors(registry, mirrors),
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
