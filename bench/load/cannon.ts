/** Autocannon as a closed loop: the figure that others can compare with theirs. It costs several times what our own does. */
import autocannon from 'autocannon'
import { RandomEntries } from './entries.ts'
import type { LoadResult, OnWindow } from './load.ts'

/** A number of appends of new entries over so many connections. Autocannon does not warm up. */
export interface CannonLoad {
  readonly url: string
  readonly connections: number
  readonly amount: number
  readonly entryBytes: number
  readonly token: string
}

/** Runs it. Rejects unless every request was acknowledged with an index. */
export const cannon = async (load: CannonLoad, onWindow: OnWindow): Promise<LoadResult> => {
  const entries = new RandomEntries(load.entryBytes)
  let acknowledged = 0
  onWindow('opens')
  const start = performance.now()
  const result = await autocannon({
    url: load.url,
    connections: load.connections,
    amount: load.amount,
    // Far more than an answer takes: a request that was given up would be appended and not counted.
    timeout: 60,
    requests: [
      {
        method: 'POST',
        path: '/add',
        headers: { authorization: `Bearer ${load.token}`, 'content-type': 'application/octet-stream' },
        setupRequest: (request) => {
          const body = Buffer.allocUnsafe(load.entryBytes)
          entries.write(body, 0)
          return { ...request, body }
        },
        onResponse: (status, body) => {
          if (status === 200 && /^[0-9]+$/.test(body)) acknowledged++
        },
      },
    ],
  })
  const seconds = (performance.now() - start) / 1000
  onWindow('closes')
  if (acknowledged !== load.amount || result.errors > 0)
    throw new Error(`${acknowledged} of ${load.amount} were acknowledged, ${result.errors} errors`)
  const { p50, p90, p99, p99_9: p999, max } = result.latency
  return {
    requests: acknowledged,
    perSecond: acknowledged / seconds,
    latencyMs: { p50, p90, p99, p999, max },
    acknowledged,
  }
}
