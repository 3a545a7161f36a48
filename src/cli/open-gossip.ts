/** Gossip of a monitor: heads are traded with the witnesses of its policy and other peers, evidence is kept in its folder. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EvidenceStore, type KeptEvidence } from '../gossip/evidence-store.ts'
import { Exchange, type ExchangeEvent } from '../gossip/exchange.ts'
import { Gossip, type ServedHead } from '../gossip/gossip.ts'
import { httpPeer } from '../gossip/peers.ts'
import { parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { isTlogError } from '../primitives/error.ts'
import { openStorage } from '../storage/backends.ts'
import type { PinnedTrust } from './flags.ts'

/** What it is opened for. */
export interface MonitorGossipOptions {
  /** The state folder of the monitor. */
  readonly folder: string
  readonly origin: string
  readonly trust: PinnedTrust
  /** URLs of further nodes. */
  readonly peers: readonly string[]
  readonly intervalMs: number
  /** The newest head that the monitor has verified. */
  readonly served: () => ServedHead | undefined
  /** Told of evidence that was not known. What it rejects with comes out of `reported`. */
  readonly found: (kept: KeptEvidence) => Promise<void>
  readonly observe: (event: ExchangeEvent) => void
}

/** Gossip that runs. */
export interface MonitorGossip extends AsyncDisposable {
  readonly gossip: Gossip
  readonly evidence: EvidenceStore
  readonly exchange: Exchange
  /** Resolves when all that was found has been told. */
  reported(): Promise<void>
}

/** Opens it, with a database of its own for evidence. Rejects with `conflict`, `corrupt` or `io`, as storage does. */
export const openMonitorGossip = async (options: MonitorGossipOptions): Promise<MonitorGossip> => {
  const { folder, origin, trust, peers, found } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const storage = await openDatabase(join(folder, 'gossip'))
  try {
    const witnesses = (trust.policy?.witnesses ?? []).map(({ key }) => key)
    const keys = logKeys(origin, trust)
    const late: { exchange?: Exchange } = {}
    let telling = Promise.resolve()
    const evidence = await EvidenceStore.open({
      store: storage.keyValue('evidence'),
      keysOf: (name) => (name === origin ? keys : []),
      witnesses,
      acknowledged: () => new Set(),
      observe: (kept) => {
        late.exchange?.accuse(kept)
        telling = telling.then(() => found(kept))
        // It comes out of `reported`, which may be asked for later than it fails.
        telling.catch(() => {})
      },
    })
    const logs = new Map([[origin, { origin, keys }]])
    const gossip = new Gossip({ logs: () => logs, witnesses, evidence, observe: () => {} })
    const urls = [...peers, ...(trust.policy?.witnesses ?? []).map(({ url }) => url).filter((url) => url !== undefined)]
    const exchange = new Exchange({
      gossip,
      evidence,
      peers: [...new Set(urls)].map((url) => httpPeer({ url })),
      origins: () => [origin],
      served: () => async () => options.served() ?? notYet(),
      intervalMs: options.intervalMs,
      random: Math.random,
      observe: options.observe,
    })
    late.exchange = exchange
    const dispose = async (): Promise<void> => {
      await exchange.stop()
      await storage[Symbol.asyncDispose]()
    }
    return { gossip, evidence, exchange, reported: () => telling, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await storage[Symbol.asyncDispose]()
    throw error
  }
}

const openDatabase = async (path: string): ReturnType<typeof openStorage> => {
  try {
    return await openStorage(`level:${path}`)
  } catch (error) {
    if (!isTlogError(error, 'not_found')) throw error
    return openStorage(`level:${path}`, { create: true })
  }
}

const logKeys = (origin: string, { vkey = [], policy }: PinnedTrust): readonly VerifierKey[] => {
  const pinned = vkey.map(parseVerifierKey)
  return pinned.length > 0 ? pinned : (policy?.logs ?? []).map(({ key }) => key).filter(({ name }) => name === origin)
}

const notYet = (): never => {
  throw new Error('nothing was verified yet')
}
