/** The answers of c2sp.org/tlog-tiles: a checkpoint, tiles, and bundles of entries, compressed for those who ask. */
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Context } from 'hono'
import type { LogReader, ReadHead } from '../log/reader.ts'
import { TlogError } from '../primitives/error.ts'
import { parseTilePath } from '../tlog/tile.ts'
import type { Env } from './body.ts'

/** How long what never changes may be kept. */
export const IMMUTABLE = 'public, max-age=31536000, immutable'

const compress = promisify(gzip)

/** Answers with a signed checkpoint. */
export const answerCheckpoint = (c: Context<Env>, checkpoint: Uint8Array): Response =>
  c.body(plain(checkpoint), 200, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-cache' })

/** Answers with the tile or bundle of a path below the log's prefix. Rejects with `not_found`, and as the reader does. */
export const answerTile = async (c: Context<Env>, path: string, reader: LogReader<ReadHead>): Promise<Response> => {
  const tile = parsePath(path)
  const bytes = await reader.resource(tile)
  const headers = { 'Content-Type': 'application/octet-stream', 'Cache-Control': IMMUTABLE }
  // Hashes do not compress; entries do.
  if (tile.level !== 'entries') return c.body(plain(bytes), 200, headers)
  const vary = { ...headers, Vary: 'Accept-Encoding' }
  if (!acceptsGzip(c)) return c.body(plain(bytes), 200, vary)
  return c.body(plain(await compress(bytes, { level: 1 })), 200, { ...vary, 'Content-Encoding': 'gzip' })
}

/** A path that is not of a tile names nothing that could be there: the specification's clients want 404 for that. */
const parsePath = (path: string): ReturnType<typeof parseTilePath> => {
  try {
    return parseTilePath(path)
  } catch (cause) {
    throw new TlogError('not_found', 'no tile has this path', { cause })
  }
}

const acceptsGzip = (c: Context<Env>): boolean =>
  (c.req.header('accept-encoding') ?? '')
    .split(',')
    .some((coding) => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0+)?\s*$).*)?$/i.test(coding))

/** Hono's types want bytes over a plain ArrayBuffer, which all of ours are. */
export const plain = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>
