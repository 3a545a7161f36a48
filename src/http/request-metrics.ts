/** Requests as numbers for Prometheus, whatever the service. */
import { Counter, Histogram, type Registry } from 'prom-client'
import type { Served } from './observe.ts'

/** Seconds: from a commit into memory to one on a disk that is nearly dead. */
export const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

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
export const addRequests = (register: Registry): ((served: Served) => void) => {
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
