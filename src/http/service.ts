/** A service as one app: the routes of its parts, and one place where errors become answers. */
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import type { Env } from './body.ts'
import { answerError } from './errors.ts'
import { standardHeaders } from './headers.ts'
import { type ObserveServed, observeRequests } from './observe.ts'

/** What a service is made of. */
export interface ServiceOptions {
  /** Each an app of its own. */
  readonly parts: readonly Hono<Env>[]
  /** Told of each request that was served. */
  readonly served?: readonly ObserveServed[] | undefined
  /** Told of every failure that is the server's own fault. */
  readonly report: (error: unknown) => void
}

/** Joins the parts. Unknown paths are 404, known paths with another method 405, both as one line of text. */
export const createService = (options: ServiceOptions): Hono<Env> => {
  const app = new Hono<Env>()
  app.options('*', cors({ origin: '*', allowMethods: ['GET', 'HEAD', 'POST'], exposeHeaders: ['Retry-After'] }))
  app.use('*', observeRequests(options.served ?? []))
  app.use('*', (c, next) => {
    addStandardHeaders(c)
    return next()
  })
  for (const part of options.parts) app.route('/', part)
  app.onError((error, c) => answerError(error, c, options.report))
  const known = app.routes.filter(({ method }) => method === 'GET' || method === 'POST')
  app.notFound((c) => {
    const other = known.filter(({ path }) => matches(path, c.req.path)).map(({ method }) => method)
    if (other.length === 0 || other.includes(c.req.method)) return c.text('not_found: no such path\n', 404)
    c.header('Allow', [...new Set(other)].join(', '))
    return c.text(`usage: this path takes ${[...new Set(other)].join(' or ')}\n`, 405)
  })
  return app
}

/** On a real server into Node's own answer: a Headers object for each request would cost a third of the time of a tile. */
const addStandardHeaders = (c: Context<Env>): void => {
  const outgoing = c.env?.outgoing
  for (const [name, value] of Object.entries(standardHeaders))
    outgoing === undefined ? c.header(name, value) : outgoing.setHeader(name, value)
}

const matches = (route: string, path: string): boolean => {
  const wanted = route.split('/')
  const given = path.split('/')
  const open = wanted.at(-1) === '*'
  if (open ? given.length < wanted.length : given.length !== wanted.length) return false
  return wanted.every((part, i) => part === '*' || part.startsWith(':') || part === given[i])
}
