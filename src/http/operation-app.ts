/** Routes for whoever runs the log: liveness, readiness with its reasons, and metrics. */
import { Hono } from 'hono'
import type { LogReader } from '../log/reader.ts'
import type { Env } from './body.ts'
import type { Health } from './health.ts'
import type { Metrics } from './metrics.ts'

/** What the routes need. */
export interface OperationAppOptions {
  readonly reader: LogReader
  readonly health: Health
  readonly metrics: Metrics
}

const FRESH = { 'Cache-Control': 'no-store' }

/** The app: /healthz, /readyz and /metrics. None of them needs a token, and none says anything of the entries. */
export const operationApp = ({ reader, health, metrics }: OperationAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  // That this line runs is the proof: the event loop turns. A hung disk is no reason to be restarted.
  app.get('/healthz', (c) => c.text('ok\n', 200, FRESH))
  app.get('/readyz', (c) => {
    const reasons = health.reasons()
    const { size, time } = reader.published
    const warnings = health.warnings()
    return c.json(
      { ready: reasons.length === 0, reasons, warnings, size, time },
      reasons.length === 0 ? 200 : 503,
      FRESH,
    )
  })
  app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { ...FRESH, 'Content-Type': metrics.contentType }))
  return app
}
