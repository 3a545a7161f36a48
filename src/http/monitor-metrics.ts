/** What a monitor reports of a log as numbers for Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { type AlarmChange, alarmMeanings } from '../monitor/alarms.ts'
import type { LookReport, MonitorStatus } from '../monitor/monitor.ts'
import type { Served } from './observe.ts'
import { addRequests } from './request-metrics.ts'

/** What is measured. */
export interface MonitorMetricsParts {
  readonly status: () => MonitorStatus
  /** For `treehead_build_info`. */
  readonly version: string
}

/** Collects, and answers in Prometheus' text format. */
export interface MonitorMetrics {
  readonly contentType: string
  text(): Promise<string>
  observe(change: AlarmChange): void
  observeLook(report: LookReport): void
  observeWebhookFailure(): void
  observeServed(served: Served): void
}

/** Makes a registry of its own, with the metrics of the process in it. */
export const createMonitorMetrics = ({ status, version }: MonitorMetricsParts): MonitorMetrics => {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  addGauges(registry, status)
  new Gauge({ name: 'treehead_build_info', help: 'always 1', labelNames: ['version'], registers }).set({ version }, 1)
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> =>
    new Counter({ name, help, labelNames, registers })
  const raised = counter('treehead_monitor_alarms_raised_total', 'alarms that began, by name', ['alarm'])
  const looks = counter('treehead_monitor_looks_total', 'looks at the log, by whether it could be asked', ['outcome'])
  const failures = counter('treehead_monitor_webhook_failures_total', 'messages that could not be delivered', [])
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    observe: ({ change, alarm }) => {
      if (change === 'raised') raised.inc({ alarm: alarm.kind })
    },
    observeLook: ({ unreachable }) => looks.inc({ outcome: unreachable === undefined ? 'answered' : 'unreachable' }),
    observeWebhookFailure: () => failures.inc(),
    observeServed: addRequests(registry),
  }
}

const addGauges = (register: Registry, status: () => MonitorStatus): void => {
  const registers = [register]
  const gauge = (name: string, help: string, read: (now: MonitorStatus) => number | undefined): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(status()) ?? Number.NaN)
      },
    })
  }
  gauge('treehead_monitor_size', 'entries under the newest head that was accepted', ({ size }) => size)
  gauge('treehead_monitor_verified_entries', 'entries that were looked at', ({ verified }) => verified)
  gauge(
    'treehead_monitor_progress_timestamp_seconds',
    'when something of the log was verified last',
    ({ alarms }) => alarms.progressAt / 1e3,
  )
  gauge(
    'treehead_monitor_quorum_timestamp_seconds',
    'since when the newest quorum has stood',
    ({ alarms }) => alarms.witnessedAt,
  )
  gauge('treehead_ready', '1 when the log was looked at and no alarm is on', (now) => (isReady(now) ? 1 : 0))
  new Gauge({
    name: 'treehead_monitor_alarms',
    help: 'alarms that are on, by name',
    labelNames: ['alarm'],
    registers,
    collect() {
      const { active } = status().alarms
      for (const name of Object.keys(alarmMeanings)) {
        this.set({ alarm: name }, active.filter(({ kind }) => kind === name).length)
      }
    },
  })
}

const isReady = ({ alarms, lookedAt, unreachable }: MonitorStatus): boolean =>
  alarms.active.length === 0 && lookedAt !== undefined && unreachable === undefined

/** Why a monitor is not content, for /readyz. */
export const monitorReasons = ({ alarms, lookedAt, unreachable }: MonitorStatus): readonly string[] => [
  ...(lookedAt === undefined ? ['the first look is under way'] : []),
  ...(unreachable === undefined ? [] : [`the log could not be asked: ${unreachable}`]),
  ...alarms.active.map(({ kind, detail }) => `${kind}: ${detail}`),
]
