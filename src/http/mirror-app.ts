/** The routes of a mirror (c2sp.org/tlog-mirror): uploads under the statuses of the specification, and the copies as tiled logs. */
import type { Context, Hono } from 'hono'
import type { AddEntriesAnswer } from '../mirror/answers.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { MirroredLog } from '../mirror/mirrored-log.ts'
import { formatSignatures } from '../note/note.ts'
import { TlogError } from '../primitives/error.ts'
import { ENTRIES_TYPE } from '../tlog/protocol/add-entries.ts'
import { formatMirrorInfo, MIRROR_INFO_TYPE, type MirrorInfo } from '../tlog/protocol/mirror-info.ts'
import { type Env, rawPath } from './body.ts'
import { answerCheckpoint, answerTile, plain } from './tiles.ts'
import { uploadBody } from './upload-body.ts'
import { cosignerApp } from './witness-app.ts'

const TEXT = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' }

/** The app of a mirror; submission and monitoring prefix are the same. */
export const mirrorApp = (mirror: Mirror): Hono<Env> => {
  const app = cosignerApp({ checkpoints: mirror.pending, subtrees: mirror.subtrees })
  app.post('/add-entries', (c) => addEntries(c, mirror))
  // spec: It uses a URL prefix of `<monitoring prefix>/<origin hash>`
  app.get('/:hash{[0-9a-f]{64}}/checkpoint', async (c) => {
    const log = await wholeLog(mirror, c.req.param('hash'))
    return answerCheckpoint(c, log.reader.published.checkpoint)
  })
  app.get('/:hash{[0-9a-f]{64}}/tile/*', async (c) => {
    const log = await wholeLog(mirror, c.req.param('hash'))
    return answerTile(c, rawPath(c).slice(c.req.param('hash').length + 2), log.reader)
  })
  return app
}

/** A copy that lacks what was cosigned is not served: its checkpoint would promise what is not there. */
const wholeLog = async (mirror: Mirror, hash: string): Promise<MirroredLog> => {
  const log = await mirror.logOf(hash)
  if (log === undefined || log.mirroredSize === undefined)
    throw new TlogError('not_found', 'no such log is mirrored here')
  if (!log.isWhole) throw new TlogError('io', 'this copy is being uploaded again')
  return log
}

const addEntries = async (c: Context<Env>, mirror: Mirror): Promise<Response> => {
  // spec: When sending responses, mirrors SHOULD send an `Accept-Encoding` header that includes `gzip`
  c.header('Accept-Encoding', 'gzip')
  // spec: The request body MUST have `Content-Type` of `application/octet-stream`
  if (typeOf(c) !== ENTRIES_TYPE) return c.body(`malformed: want a body of type ${ENTRIES_TYPE}\n`, 415, TEXT)
  const encoding = (c.req.header('content-encoding') ?? 'identity').trim().toLowerCase()
  // spec: Mirrors MUST support receiving `Content-Encoding: gzip` in `add-entries` requests.
  if (encoding !== 'gzip' && encoding !== 'identity')
    return c.body('malformed: want no encoding of the body, or gzip\n', 415, TEXT)
  using body = uploadBody(c, encoding === 'gzip')
  return answer(c, await mirror.addEntries(body))
}

const typeOf = (c: Context<Env>): string =>
  (c.req.header('content-type') ?? '').split(';', 1).join('').trim().toLowerCase()

const answer = (c: Context<Env>, given: AddEntriesAnswer): Response => {
  switch (given.kind) {
    case 'cosigned':
      return c.body(formatSignatures(given.signatures), 200, TEXT)
    case 'accepted':
      return infoBody(c, given.info, 202)
    case 'malformed':
      return c.body(`malformed: ${given.reason}\n`, 400, TEXT)
    case 'unknown log':
      return c.body('not_found: no log of this origin is mirrored here\n', 404, TEXT)
    case 'conflict':
      return infoBody(c, given.info, 409)
    case 'refused':
      return c.body(`bad_proof: ${given.reason}\n`, 422, TEXT)
  }
}

const infoBody = (c: Context<Env>, info: MirrorInfo, status: 202 | 409): Response =>
  c.body(plain(formatMirrorInfo(info)), status, { ...TEXT, 'Content-Type': MIRROR_INFO_TYPE })
