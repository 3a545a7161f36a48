/** What a mirror reports of itself as numbers for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { MirrorEvent } from '../mirror/events.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { WitnessEvent } from '../witness/events.ts'
import type { Served } from './observe.ts'
import { addRequests, SECONDS } from './request-metrics.ts'

/** What is measured. */
export interface MirrorMetricsParts {
  readonly mirror: Mirror
  readonly ready: () => boolean
  /** For `treehead_build_info`. */
  readonly version: string
}

/** Collects, and answers in Prometheus' text format. */
export interface MirrorMetrics {
  readonly contentType: string
  text(): Promise<string>
  observe(event: MirrorEvent | WitnessEvent): void
  observeServed(served: Served): void
}

/** Makes a registry of its own, with the metrics of the process in it. */
export const createMirrorMetrics = ({ mirror, ready, version }: MirrorMetricsParts): MirrorMetrics => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  addGauges(registry, mirror, ready)
  new Gauge({ name: 'treehead_build_info', help: 'always 1', labelNames: ['version'], registers }).set({ version }, 1)
  const checkpoints = new Counter({
    name: 'treehead_mirror_checkpoints_total',
    help: 'add-checkpoint requests about known logs, by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const uploads = new Counter({
    name: 'treehead_mirror_uploads_total',
    help: 'add-entries requests about known logs, by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const entries = new Counter({ name: 'treehead_mirror_entries_total', help: 'entries that were kept', registers })
  const seconds = new Histogram({
    name: 'treehead_mirror_upload_seconds',
    help: 'from the first byte of an upload to its answer',
    buckets: SECONDS,
    registers,
  })
  const mirrored = new Counter({
    name: 'treehead_mirror_cosigned_total',
    help: 'checkpoints that were cosigned',
    registers,
  })
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe: (event) => {
      // A pending checkpoint is no cosigned one, whatever the witness calls it that keeps it.
      if (event.kind === 'asked')
        checkpoints.inc({ outcome: nameOf(event.outcome === 'cosigned' ? 'taken' : event.outcome) })
      if (event.kind === 'mirrored') mirrored.inc()
      if (event.kind !== 'uploaded') return
      uploads.inc({ outcome: nameOf(event.outcome) })
      entries.inc(event.entries)
      seconds.observe(event.milliseconds / 1e3)
    },
    observeServed: addRequests(registry),
  }
}

const nameOf = (outcome: string): string => outcome.replaceAll(' ', '_')

const addGauges = (registry: Registry, mirror: Mirror, ready: () => boolean): void => {
  const registers = [registry]
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
  gauge('treehead_mirror_logs', 'logs that are known', () => mirror.logs.size)
  gauge('treehead_mirror_damaged', 'copies that cannot be read or lack what was cosigned', () => mirror.damage.size)
  gauge('treehead_ready', '1 when every copy is whole and every log may be cosigned', () => (ready() ? 1 : 0))
  const sizes = (name: string, help: string, read: (log: Mirror['open'][number]) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['origin'],
      registers,
      collect() {
        this.reset()
        for (const log of mirror.open) this.set({ origin: log.origin }, read(log))
      },
    })
  }
  sizes('treehead_mirror_entries', 'entries in the copy', (log) => log.copy.size)
  sizes('treehead_mirror_size', 'size of the mirror checkpoint', (log) => log.mirroredSize ?? 0)
}
