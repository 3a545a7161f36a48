/** The routes that write: one entry, or a batch. */
import { type Context, Hono } from 'hono'
import type { Log } from '../log/open.ts'
import { decodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import { MAX_ENTRY_SIZE } from '../tlog/entry-bundle.ts'
import type { Ask } from './access.ts'
import { parseBatch } from './batch.ts'
import { type Env, readBody } from './body.ts'
import type { ObserveServed } from './observe.ts'
import { type Reach, wantsWitnesses, witnessed } from './prefer.ts'
import { assertRawEntry } from './raw-entry.ts'

/** What the routes need. */
export interface AppendAppOptions {
  readonly log: Log
  readonly ask: Ask
  /** Entries a batch may have. */
  readonly maxBatchEntries: number
  /** Bytes a batch may have. */
  readonly maxBatchBytes: number
  /** Told of each request that was served. */
  readonly served?: readonly ObserveServed[]
  /** Waits for a quorum; undefined for a log without witnesses. */
  readonly reach?: Reach | undefined
}

/** The app of the writing routes. On a real server most of their requests take a shortcut (append-shortcut) and never come here. */
export const appendApp = (options: AppendAppOptions): Hono<Env> => {
  const { log, ask, maxBatchEntries, maxBatchBytes } = options
  const { sequencer, reader } = log
  const app = new Hono<Env>()
  app.post('/add', async (c) => {
    ask(c.req.header('authorization'), 'raw.append')
    const entry = await readBody(c, MAX_ENTRY_SIZE)
    checkDigest(c.req.header('content-digest'), entry)
    assertRawEntry(entry)
    const isAwaited = wantsWitnesses(c, options.reach)
    const { indices, checkpoint: signed } = await sequencer.append([entry])
    const checkpoint = isAwaited ? await witnessed(c, signed, options.reach) : signed
    const index = indices[0] ?? 0
    // No newline: Tessera's load generator parses the whole body as a number.
    if (!wantsProof(c)) return answer(c, 'text/plain; charset=utf-8', String(index))
    return answer(c, 'text/x.tlog-proof; charset=utf-8', decodeUtf8(await reader.proofFile(index, checkpoint)))
  })
  app.post('/add-batch', async (c) => {
    ask(c.req.header('authorization'), 'raw.append')
    const body = await readBody(c, maxBatchBytes)
    checkDigest(c.req.header('content-digest'), body)
    const entries = parseBatch(c.req.header('content-type'), body, maxBatchEntries)
    const isAwaited = wantsWitnesses(c, options.reach)
    const { indices, duplicates, checkpoint: signed } = await sequencer.append(entries)
    const checkpoint = isAwaited ? await witnessed(c, signed, options.reach) : signed
    if (!/application\/json/.test(c.req.header('accept') ?? '')) {
      return answer(c, 'text/plain; charset=utf-8', `${indices.join('\n')}\n`)
    }
    const json = { indices, duplicates, checkpoint: decodeUtf8(checkpoint.checkpoint) }
    return answer(c, 'application/json', JSON.stringify(json))
  })
  return app
}

const wantsProof = (c: Context<Env>): boolean =>
  /text\/x\.tlog-proof/.test(c.req.header('accept') ?? '') || c.req.query('proof') !== undefined

const answer = (c: Context<Env>, type: string, body: string): Response =>
  c.body(body, 200, { 'Cache-Control': 'no-store', 'Content-Type': type })

/** RFC 9530: a producer's own digest reveals a flip on the way here, before the entry is hashed for ever. Throws `bad_proof`. */
const checkDigest = (header: string | undefined, body: Uint8Array): void => {
  if (header === undefined) return
  const digest = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):/.exec(header)?.[1]
  if (digest === undefined) throw new TlogError('malformed', 'want Content-Digest: sha-256=:<base64>:')
  if (!equalBytes(decodeBase64(digest), sha256(body))) {
    throw new TlogError('bad_proof', 'the body does not have the digest that its producer sent')
  }
}
