/** The service of a log as one app: appending, reading, and whatever else is served over the same log. */
import type { Hono } from 'hono'
import { type AppendAppOptions, appendApp } from './append-app.ts'
import type { Env } from './body.ts'
import { logApp } from './log-app.ts'
import { createService } from './service.ts'

/** What the service is made of. */
export interface AppOptions extends AppendAppOptions {
  /** Further parts, each an app of its own over the same log. */
  readonly parts: readonly Hono<Env>[]
  /** Told of every failure that is the server's own fault. */
  readonly report: (error: unknown) => void
}

/** Joins the parts. */
export const createApp = (options: AppOptions): Hono<Env> =>
  createService({ ...options, parts: [appendApp(options), logApp(options.log), ...options.parts] })
