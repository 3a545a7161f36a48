/** The routes of a log: appending, tiles (c2sp.org/tlog-tiles), entries and proofs. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Context, Hono } from 'hono'
import { cors } from 'hono/cors'
import type { Log } from '../log/open.ts'
import { decodeBase64, encodeBase64 } from '../primitives/base64.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, formatHash, type Hash } from '../primitives/hash.ts'
import { decodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import { MAX_ENTRY_SIZE } from '../tlog/entry-bundle.ts'
import { parseTilePath } from '../tlog/tile.ts'
import { parseBatch } from './batch.ts'
import { type Env, rawPath, readBody } from './body.ts'
import { requireToken, type StoredToken } from './tokens.ts'

/** What the routes need. */
export interface LogAppOptions {
  readonly log: Log
  /** Who may append. `open` lets everyone, and is for loopback only. */
  readonly writers: readonly StoredToken[] | 'open'
  /** Entries a batch may have. */
  readonly maxBatchEntries: number
  /** Bytes a batch may have. */
  readonly maxBatchBytes: number
}

const IMMUTABLE = 'public, max-age=31536000, immutable'
const compress = promisify(gzip)

/** The app of a log. Reads are public and may be asked from any web page; writes need a token. */
export const logApp = (options: LogAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  app.use('*', cors({ origin: '*', allowMethods: ['GET', 'HEAD', 'POST'], exposeHeaders: ['Retry-After'] }))
  addWrites(app, options)
  addTiles(app, options.log)
  addProofs(app, options.log)
  return app
}

const addWrites = (app: Hono<Env>, { log, writers, maxBatchEntries, maxBatchBytes }: LogAppOptions): void => {
  const { sequencer, reader } = log
  const authorize = (c: Context<Env>): void => {
    if (writers !== 'open') requireToken(c.req.header('authorization'), writers, 'append')
  }
  app.post('/add', async (c) => {
    authorize(c)
    const entry = await readBody(c, MAX_ENTRY_SIZE)
    checkDigest(c, entry)
    if (entry.length === 0) throw new TlogError('malformed', 'an entry has at least one byte')
    const { indices, checkpoint } = await sequencer.append([entry])
    const index = indices[0] ?? 0
    if (c.req.query('proof') === undefined && !/text\/x\.tlog-proof/.test(c.req.header('accept') ?? '')) {
      // No newline: Tessera's load generator parses the whole body as a number.
      return c.body(String(index), 200, { 'Content-Type': 'text/plain; charset=utf-8' })
    }
    return proofFile(c, await reader.proofFile(index, checkpoint))
  })
  app.post('/add-batch', async (c) => {
    authorize(c)
    const body = await readBody(c, maxBatchBytes)
    checkDigest(c, body)
    const entries = parseBatch(c.req.header('content-type'), body, maxBatchEntries)
    const { indices, duplicates, checkpoint } = await sequencer.append(entries)
    if (!/application\/json/.test(c.req.header('accept') ?? '')) return c.text(`${indices.join('\n')}\n`)
    return c.json({ indices, duplicates, checkpoint: new TextDecoder().decode(checkpoint.checkpoint) })
  })
}

const addTiles = (app: Hono<Env>, { reader }: Log): void => {
  app.get('/checkpoint', (c) =>
    c.body(plain(reader.published.checkpoint), 200, {
      'Content-Type': 'text/plain; charset=utf-8',
      'Cache-Control': 'no-cache',
    }),
  )
  app.get('/tile/*', async (c) => {
    const tile = parsePath(rawPath(c))
    const bytes = await reader.resource(tile)
    const headers = { 'Content-Type': 'application/octet-stream', 'Cache-Control': IMMUTABLE }
    // Hashes do not compress; entries do.
    if (tile.level !== 'entries') return c.body(plain(bytes), 200, headers)
    const vary = { ...headers, Vary: 'Accept-Encoding' }
    if (!acceptsGzip(c)) return c.body(plain(bytes), 200, vary)
    return c.body(plain(await compress(bytes, { level: 1 })), 200, { ...vary, 'Content-Encoding': 'gzip' })
  })
  app.get('/entry/:index', async (c) => {
    const index = parseDecimal(c.req.param('index'))
    const [entry = new Uint8Array(0)] = await reader.entries(index, index + 1)
    return c.body(plain(entry), 200, { 'Content-Type': 'application/octet-stream', 'Cache-Control': IMMUTABLE })
  })
}

const addProofs = (app: Hono<Env>, { reader }: Log): void => {
  // All parameters are in the path: a cache that ignores queries cannot answer with another proof.
  app.get('/inclusion/:size/:index', async (c) => {
    const size = parseDecimal(c.req.param('size'))
    const index = parseDecimal(c.req.param('index'))
    const [proof, leafHash] = await Promise.all([reader.inclusionProof(index, size), reader.leafHash(index)])
    return proofJson(c, { index, size, leafHash: formatHash(leafHash) }, proof)
  })
  app.get('/inclusion/:size/leaf/:hash', async (c) => {
    const size = parseDecimal(c.req.param('size'))
    const index = await reader.indexOf(asHash(decodeHex(c.req.param('hash'))))
    return proofJson(
      c,
      { index, size, leafHash: encodeBase64(decodeHex(c.req.param('hash'))) },
      await reader.inclusionProof(index, size),
    )
  })
  app.get('/consistency/:size1/:size2', async (c) => {
    const size1 = parseDecimal(c.req.param('size1'))
    const size2 = parseDecimal(c.req.param('size2'))
    return proofJson(c, { size1, size2 }, await reader.consistencyProof(size1, size2))
  })
  app.get('/proof/:index', async (c) => proofFile(c, await reader.proofFile(parseDecimal(c.req.param('index')))))
  app.get('/proof/leaf/:hash', async (c) =>
    proofFile(c, await reader.proofFile(await reader.indexOf(asHash(decodeHex(c.req.param('hash')))))),
  )
}

const proofJson = (c: Context<Env>, claim: object, proof: readonly Hash[]): Response =>
  c.json({ ...claim, proof: proof.map(formatHash) }, 200, { 'Cache-Control': IMMUTABLE })

const proofFile = (c: Context<Env>, bytes: Uint8Array): Response =>
  c.body(plain(bytes), 200, { 'Content-Type': 'text/x.tlog-proof; charset=utf-8', 'Cache-Control': 'no-store' })

/** A path that is not of a tile names nothing that could be there: the specification's clients want 404 for that. */
const parsePath = (path: string): ReturnType<typeof parseTilePath> => {
  try {
    return parseTilePath(path.slice(1))
  } catch (cause) {
    throw new TlogError('not_found', 'no tile has this path', { cause })
  }
}

/** RFC 9530: a producer's own digest reveals a flip on the way here, before the entry is hashed for ever. Throws `bad_proof`. */
const checkDigest = (c: Context<Env>, body: Uint8Array): void => {
  const header = c.req.header('content-digest')
  const digest = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):/.exec(header ?? '')?.[1]
  if (header !== undefined && digest === undefined)
    throw new TlogError('malformed', 'want Content-Digest: sha-256=:<base64>:')
  if (digest !== undefined && !equalBytes(decodeBase64(digest), sha256(body))) {
    throw new TlogError('bad_proof', 'the body does not have the digest that its producer sent')
  }
}

const acceptsGzip = (c: Context<Env>): boolean =>
  (c.req.header('accept-encoding') ?? '')
    .split(',')
    .some((coding) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0+)?\s*$).*)?$/i.test(coding))

/** Hono's types want bytes over a plain ArrayBuffer, which all of ours are. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>
