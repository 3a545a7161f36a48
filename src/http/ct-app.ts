/** The reading half of the RFC 6962 API, so that Certificate Transparency clients can check the log (spec/rfc6962.md). */
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { type Context, Hono } from 'hono'
import type { Entry, PublishedCheckpoint } from '../log/log.ts'
import type { LogReader } from '../log/reader.ts'
import { decodeBase64, encodeBase64 } from '../primitives/base64.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, formatHash } from '../primitives/hash.ts'
import { formatDigitallySigned, treeHeadSignatureInput } from '../tlog/tree-head.ts'
import type { Env } from './body.ts'

/** What the routes need. */
export interface CtAppOptions {
  readonly reader: LogReader
  /** Private key that signs tree heads: ECDSA on P-256, because Google's clients know no Ed25519. */
  readonly treeHeadKey: KeyObject
}

/** Entries an answer of get-entries has at most. */
export const MAX_ENTRIES = 1_000
/** After this many bytes an answer takes no further entries: 1,000 of the largest would be 65 MB. */
const MAX_BYTES = 2 ** 20
/** Entries read at a time. */
const STEP = 64

const PUBLIC = 'public, max-age=31536000, immutable'

/** The app: get-sth, get-sth-consistency, get-proof-by-hash, get-entries and get-entry-and-proof of /ct/v1. */
export const ctApp = ({ reader, treeHeadKey }: CtAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  const signTreeHead = treeHeadSigner(treeHeadKey)
  app.get('/ct/v1/get-sth', (c) => c.json(signTreeHead(reader.published), 200, { 'Cache-Control': 'no-cache' }))
  app.get('/ct/v1/get-sth-consistency', async (c) => {
    const first = number(c, 'first')
    const second = number(c, 'second')
    if (first > second) throw new TlogError('malformed', `want first <= second, got ${first} and ${second}`)
    if (second > reader.published.size) throw beyond('second', second, reader)
    // A tree of size 0 is a prefix of every tree, and RFC 6962 defines no proof of that: clients want an empty one.
    const proof = first === 0 ? [] : await reader.consistencyProof(first, second)
    return c.json({ consistency: proof.map(formatHash) }, 200, { 'Cache-Control': PUBLIC })
  })
  app.get('/ct/v1/get-proof-by-hash', async (c) => {
    const hash = asHash(decodeBase64(parameter(c, 'hash')))
    const size = treeSize(c, reader)
    const index = await reader.indexOf(hash)
    if (index >= size) throw new TlogError('not_found', `no entry of the first ${size} has this leaf hash`)
    const proof = await reader.inclusionProof(index, size)
    return c.json({ leaf_index: index, audit_path: proof.map(formatHash) }, 200, { 'Cache-Control': PUBLIC })
  })
  app.get('/ct/v1/get-entries', async (c) => {
    const start = number(c, 'start')
    const last = number(c, 'end')
    if (start > last) throw new TlogError('malformed', `want start <= end, got ${start} and ${last}`)
    const entries = await entriesFrom(reader, start, Math.min(last, start + MAX_ENTRIES - 1))
    // A short answer at the end of the log grows with it.
    const whole = entries.length > last - start
    return c.json({ entries: entries.map(leafJson) }, 200, { 'Cache-Control': whole ? PUBLIC : 'no-cache' })
  })
  app.get('/ct/v1/get-entry-and-proof', async (c) => {
    const index = number(c, 'leaf_index')
    const size = treeSize(c, reader)
    if (index >= size) throw new TlogError('malformed', `want leaf_index < tree_size, got ${index} and ${size}`)
    const [entries, proof] = await Promise.all([reader.entries(index, index + 1), reader.inclusionProof(index, size)])
    const [entry = new Uint8Array(0)] = entries
    return c.json({ ...leafJson(entry), audit_path: proof.map(formatHash) }, 200, { 'Cache-Control': PUBLIC })
  })
  return app
}

/** Signs each published head once; asking again answers the same bytes. Throws `bad_signature` when the key does not work. */
const treeHeadSigner = (key: KeyObject): ((head: PublishedCheckpoint) => object) => {
  const publicKey = createPublicKey(key)
  let newest: { readonly head: PublishedCheckpoint; readonly answer: object } | undefined
  return (head) => {
    if (newest?.head !== head) {
      const input = treeHeadSignatureInput({ timestamp: head.time, size: head.size, root: head.root })
      const signature = sign('sha256', input, key)
      if (!verify('sha256', input, publicKey, signature))
        throw new TlogError('bad_signature', 'the tree head key made a signature that does not verify')
      const answer = {
        tree_size: head.size,
        timestamp: head.time,
        sha256_root_hash: formatHash(head.root),
        tree_head_signature: encodeBase64(formatDigitallySigned(signature)),
      }
      newest = { head, answer }
    }
    return newest.answer
  }
}

/** The entries `start` to `last`, both included, or the first of them when they are many bytes. */
const entriesFrom = async (reader: LogReader, start: number, last: number): Promise<readonly Entry[]> => {
  const { size } = reader.published
  if (start >= size) throw beyond('start', start, reader)
  const end = Math.min(last + 1, size)
  const entries: Entry[] = []
  let bytes = 0
  for (let at = start; at < end && bytes < MAX_BYTES; ) {
    const step = await reader.entries(at, Math.min(end, at + STEP))
    for (const entry of step) {
      if (bytes >= MAX_BYTES) break
      bytes += entry.length
      entries.push(entry)
    }
    at += step.length
  }
  return entries
}

/** The leaf hash of RFC 6962 is taken over leaf_input, and ours is taken over the entry: so leaf_input is the entry. */
const leafJson = (entry: Entry): { readonly leaf_input: string; readonly extra_data: string } => ({
  // The platform's base64, because a page of entries is megabytes and the portable one takes 25 times as long.
  leaf_input: Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength).toString('base64'),
  extra_data: '',
})

const treeSize = (c: Context<Env>, reader: LogReader): number => {
  const size = number(c, 'tree_size')
  if (size === 0) throw new TlogError('malformed', 'want a tree_size over 0')
  if (size > reader.published.size) throw beyond('tree_size', size, reader)
  return size
}

const beyond = (name: string, value: number, reader: LogReader): TlogError =>
  new TlogError('out_of_range', `${name} ${value} is beyond the tree, which has size ${reader.published.size}`)

const number = (c: Context<Env>, name: string): number => parseDecimal(parameter(c, name))

/** The one value of a query parameter; further parameters are ignored. Throws `malformed` for none or several. */
const parameter = (c: Context<Env>, name: string): string => {
  const [value, ...more] = c.req.queries(name) ?? []
  if (value === undefined || more.length > 0) {
    throw new TlogError(
      'malformed',
      `want the parameter ${name} once, got it ${value === undefined ? 0 : 1 + more.length} times`,
    )
  }
  // In a query "+" means a space, and base64 has no spaces.
  if (value.includes(' ')) throw new TlogError('malformed', `parameter ${name} has a space: write "+" as %2B`)
  return value
}
