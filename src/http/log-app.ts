/** The routes that read a log: tiles (c2sp.org/tlog-tiles), entries and proofs. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { type Context, Hono } from 'hono'
import type { Log } from '../log/open.ts'
import { encodeBase64 } from '../primitives/base64.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, formatHash, type Hash } from '../primitives/hash.ts'
import { decodeHex } from '../primitives/hex.ts'
import { parseTilePath } from '../tlog/tile.ts'
import { type Env, rawPath } from './body.ts'

const IMMUTABLE = 'public, max-age=31536000, immutable'
const compress = promisify(gzip)

/** The app of the reading routes, which are public. */
export const logApp = (log: Log): Hono<Env> => {
  const app = new Hono<Env>()
  addTiles(app, log)
  addProofs(app, log)
  return app
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

const acceptsGzip = (c: Context<Env>): boolean =>
  (c.req.header('accept-encoding') ?? '')
    .split(',')
    .some((coding) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0+)?\s*$).*)?$/i.test(coding))

/** Hono's types want bytes over a plain ArrayBuffer, which all of ours are. */
const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>
