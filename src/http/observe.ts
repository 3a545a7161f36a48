/** What was served, one record for each request: metrics count it, the request log writes it down. */
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { TlogError } from '../primitives/error.ts'
import { type Env, rawPath } from './body.ts'

/** One answered request. */
export interface Served {
  readonly method: string
  /** The template that matched, such as `/entry/:index`, or `unmatched`: there are only so many of them. */
  readonly route: string
  /** The path as it came, without the query, which may hold what nobody should keep. */
  readonly path: () => string
  readonly status: number
  /** From the first byte of the handler's work to its answer, in milliseconds. */
  readonly ms: number
  /** The code of the error that was answered; `internal` for one without a code. */
  readonly code: string | undefined
}

/** Called after each request, synchronously; must not throw. */
export type ObserveServed = (served: Served) => void

/** Middleware that reports every request to all observers; the first of an app, so that it sees what the others answer. */
export const observeRequests =
  (observers: readonly ObserveServed[]): MiddlewareHandler<Env> =>
  async (c, next) => {
    const start = performance.now()
    await next()
    const template = matchedRoutes(c).at(-1)?.path ?? '*'
    const served: Served = {
      method: c.req.method,
      route: template === '*' || template === '/*' ? 'unmatched' : template,
      path: () => rawPath(c),
      status: c.res.status,
      ms: performance.now() - start,
      code: c.error === undefined ? undefined : c.error instanceof TlogError ? c.error.code : 'internal',
    }
    for (const observe of observers) observe(served)
  }
