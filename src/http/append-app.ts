/** The routes that write: one entry, or a batch. The hot path of the program, so it avoids the web's Request and Response. */
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import type { Log } from '../log/open.ts'
import { decodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import { MAX_ENTRY_SIZE } from '../tlog/entry-bundle.ts'
import { parseBatch } from './batch.ts'
import { type Env, readBody } from './body.ts'
import { statusOf } from './errors.ts'
import { standardHeaders } from './headers.ts'
import type { ObserveServed } from './observe.ts'
import { requireToken, type StoredToken } from './tokens.ts'

/** What the routes need. */
export interface AppendAppOptions {
  readonly log: Log
  /** Who may append. `open` lets everyone, and is for loopback only. */
  readonly writers: readonly StoredToken[] | 'open'
  /** Entries a batch may have. */
  readonly maxBatchEntries: number
  /** Bytes a batch may have. */
  readonly maxBatchBytes: number
  /** Told of each request that was served. */
  readonly served?: readonly ObserveServed[]
}

/** The app of the writing routes. Mounted before any middleware, which would cost each entry more than its hashing. */
export const appendApp = (options: AppendAppOptions): Hono<Env> => {
  const { log, writers, maxBatchEntries, maxBatchBytes } = options
  const { sequencer, reader } = log
  const app = new Hono<Env>()
  const observed = observing(options.served ?? [])
  app.post(
    '/add',
    observed('/add', async (c) => {
      if (writers !== 'open') requireToken(headerOf(c, 'authorization'), writers, 'append')
      const entry = await readBody(c, MAX_ENTRY_SIZE)
      checkDigest(headerOf(c, 'content-digest'), entry)
      if (entry.length === 0) throw new TlogError('malformed', 'an entry has at least one byte')
      const { indices, checkpoint } = await sequencer.append([entry])
      const index = indices[0] ?? 0
      // No newline: Tessera's load generator parses the whole body as a number.
      if (!wantsProof(c)) return answer(c, 'text/plain; charset=utf-8', String(index))
      return answer(c, 'text/x.tlog-proof; charset=utf-8', decodeUtf8(await reader.proofFile(index, checkpoint)))
    }),
  )
  app.post(
    '/add-batch',
    observed('/add-batch', async (c) => {
      if (writers !== 'open') requireToken(headerOf(c, 'authorization'), writers, 'append')
      const body = await readBody(c, maxBatchBytes)
      checkDigest(headerOf(c, 'content-digest'), body)
      const entries = parseBatch(headerOf(c, 'content-type'), body, maxBatchEntries)
      const { indices, duplicates, checkpoint } = await sequencer.append(entries)
      if (!/application\/json/.test(headerOf(c, 'accept') ?? '')) {
        return answer(c, 'text/plain; charset=utf-8', `${indices.join('\n')}\n`)
      }
      const json = { indices, duplicates, checkpoint: decodeUtf8(checkpoint.checkpoint) }
      return answer(c, 'application/json', JSON.stringify(json))
    }),
  )
  return app
}

type Handle = (c: Context<Env>) => Promise<Response>

/** Reports each request as the middleware of the other routes does, without the cost of a middleware. */
const observing =
  (observers: readonly ObserveServed[]) =>
  (route: string, handle: Handle): Handle =>
  async (c) => {
    const start = performance.now()
    const served = (status: number, code: string | undefined): void => {
      const ms = performance.now() - start
      for (const observe of observers) observe({ method: 'POST', route, path: () => route, status, ms, code })
    }
    try {
      const response = await handle(c)
      served(200, undefined)
      return response
    } catch (error) {
      served(
        error instanceof TlogError ? statusOf[error.code] : 500,
        error instanceof TlogError ? error.code : 'internal',
      )
      throw error
    }
  }

/** A request header, from the raw request where there is one: hono would build a Headers object for it. */
const headerOf = (c: Context<Env>, name: string): string | undefined => {
  const { incoming } = c.env ?? {}
  if (incoming === undefined) return c.req.header(name)
  const value = incoming.headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

const wantsProof = (c: Context<Env>): boolean => {
  const url = c.env?.incoming?.url ?? c.req.url
  return (
    /text\/x\.tlog-proof/.test(headerOf(c, 'accept') ?? '') || (url.includes('?') && c.req.query('proof') !== undefined)
  )
}

const answer = (c: Context<Env>, type: string, body: string): Response => {
  const headers = { ...standardHeaders, 'Cache-Control': 'no-store', 'Content-Type': type }
  const { outgoing } = c.env ?? {}
  if (outgoing === undefined) return c.body(body, 200, headers)
  outgoing.writeHead(200, { ...headers, 'Content-Length': Buffer.byteLength(body) })
  outgoing.end(body)
  return RESPONSE_ALREADY_SENT
}

/** RFC 9530: a producer's own digest reveals a flip on the way here, before the entry is hashed for ever. Throws `bad_proof`. */
const checkDigest = (header: string | undefined, body: Uint8Array): void => {
  if (header === undefined) return
  const digest = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):/.exec(header)?.[1]
  if (digest === undefined) throw new TlogError('malformed', 'want Content-Digest: sha-256=:<base64>:')
  if (!equalBytes(decodeBase64(digest), sha256(body))) {
    throw new TlogError('bad_proof', 'the body does not have the digest that its producer sent')
  }
}
