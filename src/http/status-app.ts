/** Routes for whoever runs a service that is not a log: liveness, readiness with its reasons, and metrics. */
import { Hono } from 'hono'
import type { Env } from './body.ts'

/** What the routes need. */
export interface StatusAppOptions {
  /** Why the service does not do all of its work now; none when it does. */
  readonly reasons: () => readonly string[]
  readonly metrics: { readonly contentType: string; text(): Promise<string> }
}

const FRESH = { 'Cache-Control': 'no-store' }

/** The app: /healthz, /readyz and /metrics. */
export const statusApp = ({ reasons, metrics }: StatusAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  app.get('/healthz', (c) => c.text('ok\n', 200, FRESH))
  app.get('/readyz', (c) => {
    const found = reasons()
    return c.json({ ready: found.length === 0, reasons: found }, found.length === 0 ? 200 : 503, FRESH)
  })
  app.get('/metrics', async (c) => c.body(await metrics.text(), 200, { ...FRESH, 'Content-Type': metrics.contentType }))
  return app
}
