/** Opens a witness: its folder, the lists of logs and peers, its evidence and its gossip, wired to each other. */
import { EvidenceStore } from '../gossip/evidence-store.ts'
import { Exchange, type ExchangeEvent } from '../gossip/exchange.ts'
import { Gossip, type GossipEvent } from '../gossip/gossip.ts'
import { httpPeer, type PeerOptions, servedHead } from '../gossip/peers.ts'
import type { VerifierKey } from '../note/key.ts'
import { TlogError } from '../primitives/error.ts'
import type { Policy } from '../tlog/policy.ts'
import type { WitnessEvent } from '../witness/events.ts'
import { Witness } from '../witness/witness.ts'
import { openWitnessDir, type WitnessDir, type WitnessKeys } from '../witness/witness-dir.node.ts'
import {
  isSameKey,
  type ListConfig,
  type ListObserver,
  openLists,
  type WatchedLists,
  watchAcknowledged,
} from './watched-lists.ts'

/** What `treehead witness` is told. The policy names logs with the URLs of their tiles, and witnesses to gossip with. */
export interface WitnessConfig extends ListConfig {
  readonly folder: string
  readonly name?: string | undefined
  readonly keys?: WitnessKeys | undefined
  readonly mark?: string | undefined
  /** URLs of further nodes to gossip with. */
  readonly peer: readonly string[]
  readonly gossipMs: number
}

/** Who is told what. */
export interface WitnessObservers extends ListObserver {
  readonly witness: (event: WitnessEvent) => void
  readonly gossip: (event: GossipEvent) => void
  readonly exchange: (event: ExchangeEvent) => void
  readonly evidence: (id: string, origin: string) => void
}

/** A witness that is open. */
export interface OpenWitness extends AsyncDisposable {
  readonly dir: WitnessDir
  readonly witness: Witness
  readonly evidence: EvidenceStore
  readonly gossip: Gossip
  readonly exchange: Exchange
  /** Reads every list again, as at SIGHUP. */
  look(): Promise<void>
}

/** Opens. Rejects with `usage` for a bad key, list or URL, and as `openWitnessDir` does. */
export const openWitness = async (config: WitnessConfig, observers: WitnessObservers): Promise<OpenWitness> => {
  const lists = await openLists(config, observers)
  if (lists.logs().size === 0) throw new TlogError('usage', 'want --log, --log-list or --policy with at least one log')
  const { folder, name, keys, mark } = config
  const dir = await openWitnessDir({ path: folder, name, witnessKeys: keys, markPath: mark })
  try {
    return await wire(config, observers, lists, dir)
  } catch (error) {
    await dir[Symbol.asyncDispose]()
    throw error
  }
}

const wire = async (
  config: WitnessConfig,
  observers: WitnessObservers,
  lists: WatchedLists,
  dir: WitnessDir,
): Promise<OpenWitness> => {
  const acknowledged = await watchAcknowledged(config.folder, observers)
  const policy = lists.policy()
  const others = (policy?.witnesses ?? []).filter(({ key }) => !dir.keys.some((own) => isSameKey(own, key)))
  const urls = [...config.peer, ...others.map(({ url }) => url).filter((url) => url !== undefined)]
  const witnesses: readonly VerifierKey[] = [...dir.keys, ...others.map(({ key }) => key)]
  const late: { exchange?: Exchange } = {}
  const evidence = await EvidenceStore.open({
    store: dir.storage.keyValue('evidence'),
    keysOf: (origin) => lists.logs().get(origin)?.keys ?? [],
    witnesses,
    own: dir.keys,
    acknowledged: acknowledged.value,
    observe: (kept) => {
      late.exchange?.accuse(kept)
      observers.evidence(kept.id, kept.proven.origin)
    },
  })
  const witness = new Witness({
    store: dir.storage.keyValue('witness'),
    queue: dir.queue,
    keys: dir.keys,
    signMessage: dir.signMessage,
    logs: lists.logs,
    accusations: evidence,
    clock: Date.now,
    now: () => performance.now(),
    observe: (event) => {
      observers.witness(event)
      if (event.kind !== 'cosigned') return
      late.exchange?.tell(event.origin, event.checkpoint)
      // What was cosigned here is compared with what peers say, like everything else.
      void gossip.hearOwn(event.checkpoint).catch((error: unknown) => observers.list('gossip', error))
    },
  })
  const gossip: Gossip = new Gossip({
    logs: lists.logs,
    witnesses,
    evidence,
    kept: (origin, size) => witness.kept(origin, size),
    observe: observers.gossip,
  })
  const exchange = new Exchange({
    gossip,
    evidence,
    peers: [...new Set(urls)].map((url) => httpPeer({ url })),
    origins: () => [...lists.logs().keys()],
    served: servedBy(lists.policy),
    intervalMs: config.gossipMs,
    random: Math.random,
    observe: observers.exchange,
  })
  late.exchange = exchange
  for (const origin of lists.logs().keys()) {
    const latest = await witness.latestOf(origin)
    if (latest !== undefined) await gossip.hearOwn(latest)
  }
  exchange.start()
  const dispose = async (): Promise<void> => {
    await exchange.stop()
    acknowledged[Symbol.dispose]()
    lists[Symbol.dispose]()
    await dir[Symbol.asyncDispose]()
  }
  return { dir, witness, evidence, gossip, exchange, look: lists.look, [Symbol.asyncDispose]: dispose }
}

/** Each log of the policy has one reader of its tiles, which keeps those that it verified. */
const servedBy = (
  policy: () => Policy | undefined,
): ((origin: string) => ReturnType<typeof servedHead> | undefined) => {
  const readers = new Map<string, ReturnType<typeof servedHead>>()
  return (origin) => {
    const url = policy()?.logs.find(({ key }) => key.name === origin)?.url
    if (url === undefined) return undefined
    const reader = readers.get(url) ?? servedHead({ url } satisfies PeerOptions)
    readers.set(url, reader)
    return reader
  }
}
