/** What a witness reports of itself as numbers for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { EvidenceStore } from '../gossip/evidence-store.ts'
import type { ExchangeEvent } from '../gossip/exchange.ts'
import type { WitnessEvent } from '../witness/events.ts'
import type { Served } from './observe.ts'
import { addRequests, SECONDS } from './request-metrics.ts'

/** What is measured. */
export interface WitnessMetricsParts {
  /** How many logs are known. */
  readonly logs: () => number
  readonly evidence: EvidenceStore
  readonly ready: () => boolean
  /** For `treehead_build_info`. */
  readonly version: string
}

/** Collects, and answers in Prometheus' text format. */
export interface WitnessMetrics {
  readonly contentType: string
  text(): Promise<string>
  observe(event: WitnessEvent): void
  observeExchange(event: ExchangeEvent): void
  observeServed(served: Served): void
}

/** Makes a registry of its own, with the metrics of the process in it. */
export const createWitnessMetrics = ({ logs, evidence, ready, version }: WitnessMetricsParts): WitnessMetrics => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
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
  gauge('treehead_witness_logs', 'logs that are known', logs)
  gauge('treehead_evidence', 'pieces of evidence that are held', () => evidence.list().length)
  gauge('treehead_evidence_unacknowledged', 'those that nobody has acknowledged', () => evidence.pending().length)
  gauge('treehead_ready', '1 when every log may be cosigned', () => (ready() ? 1 : 0))
  new Gauge({ name: 'treehead_build_info', help: 'always 1', labelNames: ['version'], registers }).set({ version }, 1)
  const requests = new Counter({
    name: 'treehead_witness_requests_total',
    help: 'add-checkpoint requests about known logs, by outcome',
    labelNames: ['outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'treehead_witness_request_seconds',
    help: 'from a parsed request to its answer',
    buckets: SECONDS,
    registers,
  })
  const cosigned = new Counter({
    name: 'treehead_witness_cosigned_total',
    help: 'checkpoints that were cosigned',
    registers,
  })
  const calls = new Counter({
    name: 'treehead_gossip_calls_total',
    help: 'calls to peers and logs, by kind and how they went',
    labelNames: ['call', 'outcome'],
    registers,
  })
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe: (event) => {
      if (event.kind === 'cosigned') cosigned.inc()
      else {
        requests.inc({ outcome: event.outcome.replaceAll(' ', '_') })
        seconds.observe(event.milliseconds / 1e3)
      }
    },
    observeExchange: ({ call, error }) => calls.inc({ call, outcome: error === undefined ? 'ok' : 'failed' }),
    observeServed: addRequests(registry),
  }
}
