/** The routes of gossip (spec/gossip.md): heads are taken, evidence is taken and served for ever. */
import { Hono } from 'hono'
import type { EvidenceStore, KeptEvidence } from '../gossip/evidence-store.ts'
import type { Gossip } from '../gossip/gossip.ts'
import { MAX_GOSSIP_BYTES } from '../gossip/peers.ts'
import { formatVerifierKey } from '../note/key.ts'
import { TlogError } from '../primitives/error.ts'
import { EVIDENCE_TYPE, MAX_EVIDENCE_BYTES } from '../tlog/evidence.ts'
import { type Env, readBody } from './body.ts'

/** What the routes need. */
export interface GossipAppOptions {
  readonly gossip: Gossip
  readonly evidence: EvidenceStore
}

/** Requests that are judged at once; further ones are pushed back, as each may cost a few signatures to check. */
const MAX_AT_ONCE = 64

const TEXT = { 'Cache-Control': 'no-store', 'Content-Type': 'text/plain; charset=utf-8' }

/** The app. Anyone may hand heads and evidence in: only what a known key signed is looked at. */
export const gossipApp = ({ gossip, evidence }: GossipAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  let underWay = 0
  const bounded = async <T>(step: () => Promise<T>): Promise<T> => {
    if (underWay >= MAX_AT_ONCE) throw new TlogError('pushback', 'too much gossip at once')
    underWay++
    try {
      return await step()
    } finally {
      underWay--
    }
  }
  app.post('/gossip/checkpoint', async (c) => {
    const body = await readBody(c, MAX_GOSSIP_BYTES)
    const heard = await bounded(() => gossip.hear(body, 'a peer'))
    if (heard === 'unknown log') throw new TlogError('not_found', 'no log of this origin is known here')
    if (heard === 'not signed') throw new TlogError('untrusted', 'the log did not sign this')
    return c.body(`${heard}\n`, 200, TEXT)
  })
  app.get('/evidence', (c) => c.json({ evidence: evidence.list().map(listed) }, 200, { 'Cache-Control': 'no-store' }))
  app.get('/evidence/:id', (c) => {
    const kept = evidence.get(c.req.param('id'))
    if (kept === undefined) throw new TlogError('not_found', 'no such evidence is held here')
    const headers = {
      'Content-Type': `${EVIDENCE_TYPE}; charset=utf-8`,
      'Cache-Control': 'public, max-age=31536000, immutable',
    }
    return c.body(kept.bytes as Uint8Array<ArrayBuffer>, 200, headers)
  })
  app.post('/evidence', async (c) => {
    const body = await readBody(c, MAX_EVIDENCE_BYTES)
    const kept = await bounded(() => evidence.take(body))
    return c.body(kept === undefined ? 'good, but there is enough against this key\n' : `${kept.id}\n`, 200, TEXT)
  })
  return app
}

const listed = ({ id, evidence, proven }: KeptEvidence): object => ({
  id,
  kind: evidence.kind,
  origin: proven.origin,
  accused: formatVerifierKey(evidence.accused),
  sizes: [proven.smaller.checkpoint.size, proven.larger.checkpoint.size],
})
