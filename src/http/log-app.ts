/** The routes that read a log: tiles (c2sp.org/tlog-tiles), entries and proofs. */
import { type Context, Hono } from 'hono'
import type { Log } from '../log/open.ts'
import { encodeBase64 } from '../primitives/base64.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { asHash, formatHash, type Hash } from '../primitives/hash.ts'
import { decodeHex } from '../primitives/hex.ts'
import { type Env, rawPath } from './body.ts'
import { answerCheckpoint, answerTile, IMMUTABLE, plain } from './tiles.ts'

/** The app of the reading routes, which are public. */
export const logApp = (log: Log): Hono<Env> => {
  const app = new Hono<Env>()
  addTiles(app, log)
  addProofs(app, log)
  return app
}

const addTiles = (app: Hono<Env>, { reader }: Log): void => {
  app.get('/checkpoint', (c) => answerCheckpoint(c, reader.offered.checkpoint))
  // What has been signed and waits for its witnesses; the same where there are none.
  app.get('/checkpoint/signed', (c) => answerCheckpoint(c, reader.published.checkpoint))
  app.get('/tile/*', (c) => answerTile(c, rawPath(c).slice(1), reader))
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
