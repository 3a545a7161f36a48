/** The routes that take other systems' deliveries in their own formats (spec/sources.md). */
import { gunzipSync } from 'node:zlib'
import { type Context, Hono } from 'hono'
import { ingest } from '../audit/ingest.ts'
import type { Recorder } from '../audit/recorder.ts'
import { sourceFormat } from '../audit/sources/index.ts'
import type { SourceAnswer, SourceFormat, SourceItem } from '../audit/sources/source.ts'
import { MAX_ELEMENTS } from '../audit/sources/spans.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { type Access, type Ask, may, requireSource } from './access.ts'
import { type Env, readBody } from './body.ts'

/** What the routes need. */
export interface IngestAppOptions {
  readonly recorder: Pick<Recorder, 'record'>
  readonly ask: Ask
  /** Wall clock. */
  readonly clock: Clock
}

/** Bytes of a delivery, as sent and after decompression; OTLP recommends as much. */
const MAX_DELIVERY = 20 * 2 ** 20

const NO_STORE = { 'Cache-Control': 'no-store' }

/** The app. `?summary` answers how many items there were of each kind, whatever the format's own answer is. */
export const ingestApp = (options: IngestAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  app.post('/v1/ingest/:format', async (c) => {
    const access = options.ask(c.req.header('authorization'), 'event.send')
    const source = requireSource(access)
    const format = formatOf(c)
    const items = format.parse({ headers: c.req.header(), body: await readDelivery(c) })
    if (items.length > MAX_ELEMENTS)
      throw new TlogError('too_large', `want at most ${MAX_ELEMENTS} items in a delivery, got ${items.length}`)
    const ingested = await ingest(source, ofTenant(items, access), options)
    if (c.req.query('summary') !== undefined) return c.json(ingested, 200, NO_STORE)
    return answer(format.answer(items))
  })
  // spec: Okta verifies an endpoint once, with a GET that has to be answered with what it sent.
  app.get('/v1/ingest/okta', (c) => {
    const verification = c.req.header('x-okta-verification-challenge')
    if (verification === undefined) throw new TlogError('malformed', 'want X-Okta-Verification-Challenge, or a POST')
    return c.json({ verification }, 200, NO_STORE)
  })
  return app
}

/** Whoever is bound to a tenant sends its events only: what names none is of it, and what names another is kept apart. */
const ofTenant = (items: readonly SourceItem[], access: Access): readonly SourceItem[] => {
  const { tenant } = access
  if (tenant === undefined) return items
  return items.map((item): SourceItem => {
    if (item.kind !== 'event') return item
    if (item.event.tenant === undefined) return { ...item, event: { ...item.event, tenant } }
    if (may(access, 'event.send', item.event.tenant)) return item
    const reason = 'the token is bound to another tenant'
    return { kind: 'quarantine', code: 'forbidden_tenant', reason, raw: item.raw }
  })
}

const formatOf = (c: Context<Env>): SourceFormat => {
  const format = sourceFormat(c.req.param('format') ?? '')
  if (format === undefined) throw new TlogError('not_found', 'there is no such format')
  return format
}

const readDelivery = async (c: Context<Env>): Promise<Uint8Array> => {
  const body = await readBody(c, MAX_DELIVERY)
  const encoding = (c.req.header('content-encoding') ?? 'identity').trim().toLowerCase()
  if (encoding === 'identity') return body
  if (encoding !== 'gzip') throw new TlogError('malformed', 'want no encoding of the body, or gzip')
  try {
    return Uint8Array.from(gunzipSync(body, { maxOutputLength: MAX_DELIVERY }))
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new TlogError('too_large', `want a body of at most ${MAX_DELIVERY} bytes`, { cause })
    throw new TlogError('malformed', 'the body is not gzip', { cause })
  }
}

const answer = ({ status, type, body }: SourceAnswer): Response => {
  const headers = { ...NO_STORE, ...(type !== undefined && { 'Content-Type': type }) }
  return new Response(status === 204 ? null : (body ?? ''), { status, headers: { ...headers } })
}
