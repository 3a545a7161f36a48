/** The other end of gossip: what peers and logs are asked for and told over HTTP, each answer bounded in size and time. */
import { httpSender, type Send } from '../client/http.ts'
import { httpResources } from '../client/resources.ts'
import { lruTileCache } from '../client/tile-cache.ts'
import { type TileCache, TileTree } from '../client/tile-tree.ts'
import { MAX_NOTE_BYTES, parseNote } from '../note/note.ts'
import { encodeUtf8 } from '../primitives/bytes.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import { parseCheckpoint } from '../tlog/checkpoint.ts'
import { EVIDENCE_TYPE, MAX_EVIDENCE_BYTES } from '../tlog/evidence.ts'
import type { ServedHead } from './gossip.ts'

/** Longer checkpoints are not taken from peers; no reader takes longer ones from a log. */
export const MAX_GOSSIP_BYTES = MAX_NOTE_BYTES

/** Ids of evidence that are looked at in a peer's list. */
const MAX_LISTED = 256

/** A node to exchange heads with: a witness, a mirror or a monitor. */
export interface Peer {
  readonly url: string
  /** The latest checkpoint that it has of a log, undefined when it has none. Rejects as `Send`. */
  checkpoint(origin: string): Promise<Uint8Array | undefined>
  /** Tells it of a checkpoint. */
  tell(checkpoint: Uint8Array): Promise<void>
  /** The ids of the evidence that it holds; none for a peer that does not speak of evidence. */
  evidenceIds(): Promise<readonly string[]>
  /** One piece of evidence. */
  evidence(id: string): Promise<Uint8Array>
  /** Hands evidence over. */
  accuse(evidence: Uint8Array): Promise<void>
}

/** How to reach a peer or a log. */
export interface PeerOptions {
  readonly url: string
  /** Default 5,000. */
  readonly timeoutMs?: number | undefined
  readonly fetch?: typeof globalThis.fetch | undefined
}

const senderOf = ({ url, timeoutMs = 5_000, fetch }: PeerOptions): Send =>
  httpSender({ url, timeoutMs, fetch, maxAttempts: 1 })

/** The peer at `url`. */
export const httpPeer = (options: PeerOptions): Peer => {
  const send = senderOf(options)
  return {
    url: options.url,
    checkpoint: (origin) =>
      orUndefined(send({ path: `${encodeHex(sha256(encodeUtf8(origin)))}/checkpoint`, limit: MAX_GOSSIP_BYTES })),
    tell: async (body) => {
      await send({ method: 'POST', path: 'gossip/checkpoint', body, limit: 1_024 })
    },
    evidenceIds: async () => {
      const answer = await orUndefined(send({ path: 'evidence', limit: 256 * 1024 }))
      return answer === undefined ? [] : parseIds(answer)
    },
    evidence: (id) => send({ path: `evidence/${id}`, limit: MAX_EVIDENCE_BYTES }),
    accuse: async (body) => {
      await send({ method: 'POST', path: 'evidence', body, headers: { 'Content-Type': EVIDENCE_TYPE }, limit: 1_024 })
    },
  }
}

/** What the log at `url` serves now; the tree is read from its tiles, so that it is as true as its root. */
export const servedHead = (options: PeerOptions): (() => Promise<ServedHead>) => {
  const resources = httpResources({ ...options, timeoutMs: options.timeoutMs ?? 5_000, maxAttempts: 1 })
  const cache: TileCache = lruTileCache(256)
  return async () => {
    const bytes = await resources.checkpoint()
    const { size, root } = parseCheckpoint(parseNote(bytes).text)
    return { bytes, tree: await TileTree.open({ size, root }, (tile) => resources.tile(tile), cache) }
  }
}

/** A peer that lacks something, or does not know the route, is none the worse for it. */
const orUndefined = async (answer: Promise<Uint8Array>): Promise<Uint8Array | undefined> => {
  try {
    return await answer
  } catch (error) {
    if (isTlogError(error, 'not_found')) return undefined
    throw error
  }
}

const parseIds = (answer: Uint8Array): readonly string[] => {
  let parsed: unknown
  try {
    parsed = JSON.parse(new TextDecoder().decode(answer))
  } catch (cause) {
    throw new TlogError('malformed', 'the list of evidence is not JSON', { cause })
  }
  const list = typeof parsed === 'object' && parsed !== null && 'evidence' in parsed ? parsed.evidence : undefined
  if (!Array.isArray(list)) throw new TlogError('malformed', 'the list of evidence has no "evidence"')
  const ids = list.slice(0, MAX_LISTED).map((item: unknown) => (isRecord(item) ? item['id'] : undefined))
  return ids.filter((id): id is string => typeof id === 'string' && /^[0-9a-f]{64}$/.test(id))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null
