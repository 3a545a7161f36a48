/** The routes of a witness (c2sp.org/tlog-witness): its answers under the statuses of the specification. */
import { type Context, Hono } from 'hono'
import { formatSignatures } from '../note/note.ts'
import { TlogError } from '../primitives/error.ts'
import { formatCosignedSize, parseAddCheckpoint, SIZE_TYPE } from '../tlog/protocol/add-checkpoint.ts'
import { MAX_REQUEST_BYTES } from '../tlog/protocol/lines.ts'
import { parseSignSubtree } from '../tlog/protocol/sign-subtree.ts'
import type { AddCheckpointAnswer, SignSubtreeAnswer } from '../witness/answers.ts'
import type { Witness } from '../witness/witness.ts'
import { type Env, readBody } from './body.ts'

const TEXT = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' }

/** The app of a witness; submission and monitoring prefix are the same. */
export const witnessApp = (witness: Witness): Hono<Env> => {
  const app = cosignerApp({ checkpoints: witness, subtrees: witness })
  // spec: GET <monitoring prefix>/<origin hash>/checkpoint
  app.get('/:hash{[0-9a-f]{64}}/checkpoint', async (c) => {
    const checkpoint = await witness.latest(c.req.param('hash'))
    // spec: If the witness has never cosigned a checkpoint for that log, it MUST respond with a "404 Not Found"
    if (checkpoint === undefined) throw new TlogError('not_found', 'no checkpoint of such a log was cosigned')
    return c.body(checkpoint as Uint8Array<ArrayBuffer>, 200, { ...TEXT, 'Cache-Control': 'no-cache' })
  })
  return app
}

/** Who decides on checkpoints, and who signs subtrees: for a mirror these are not the same. */
export interface Cosigner {
  readonly checkpoints: Pick<Witness, 'addCheckpoint'>
  readonly subtrees: Pick<Witness, 'signSubtree'>
}

/** The routes that witnesses and mirrors have in common: add-checkpoint and sign-subtree. */
export const cosignerApp = ({ checkpoints, subtrees }: Cosigner): Hono<Env> => {
  const app = new Hono<Env>()
  app.post('/add-checkpoint', async (c) => {
    const body = await readBody(c, MAX_REQUEST_BYTES)
    return answer(c, await checkpoints.addCheckpoint(parseAddCheckpoint(body)))
  })
  app.post('/sign-subtree', async (c) => {
    const body = await readBody(c, MAX_REQUEST_BYTES)
    return answer(c, await subtrees.signSubtree(parseSignSubtree(body)))
  })
  return app
}

const answer = (c: Context<Env>, given: AddCheckpointAnswer | SignSubtreeAnswer): Response => {
  switch (given.kind) {
    case 'cosigned':
      // A mirror keeps the checkpoint and signs later, or never.
      return c.body(given.signatures.length === 0 ? '' : formatSignatures(given.signatures), 200, TEXT)
    case 'unknown log':
      return c.body('not_found: no log of this origin is known here\n', 404, TEXT)
    case 'unsupported':
      return c.body('not_found: this witness has no key for subtrees\n', 404, TEXT)
    case 'forbidden':
      return c.body(`untrusted: ${given.reason}\n`, 403, TEXT)
    case 'malformed':
      return c.body(`malformed: ${given.reason}\n`, 400, TEXT)
    case 'conflict':
      return c.body(formatCosignedSize(given.size) as Uint8Array<ArrayBuffer>, 409, {
        ...TEXT,
        'Content-Type': SIZE_TYPE,
      })
    case 'refused':
      return c.body(`bad_proof: ${given.reason}\n`, 422, TEXT)
    case 'too often':
      return c.body('pushback: this is asked for more often than it may be\n', 429, {
        ...TEXT,
        'Retry-After': String(given.retryAfterSeconds),
      })
  }
}
