/** Opens a witness: its folder, the lists of logs and peers, its evidence and its gossip, wired to each other. */
import { join } from 'node:path'
import { EvidenceStore } from '../gossip/evidence-store.ts'
import { Exchange, type ExchangeEvent } from '../gossip/exchange.ts'
import { Gossip, type GossipEvent } from '../gossip/gossip.ts'
import { httpPeer, type PeerOptions, servedHead } from '../gossip/peers.ts'
import type { VerifierKey } from '../note/key.ts'
import { parseVerifierKey } from '../note/key.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { type Policy, parsePolicy } from '../tlog/policy.ts'
import type { WitnessEvent } from '../witness/events.ts'
import { type ListedKey, type LogList, logList, parseLogList } from '../witness/log-list.ts'
import { Witness } from '../witness/witness.ts'
import { openWitnessDir, type WitnessDir, witnessFiles } from '../witness/witness-dir.node.ts'
import { asUsage } from './input.ts'
import { type Watched, watchFile } from './watched-file.ts'

/** What `treehead witness` is told. */
export interface WitnessConfig {
  readonly folder: string
  readonly name?: string | undefined
  readonly mark?: string | undefined
  /** Verifier keys of logs. */
  readonly log: readonly string[]
  /** Lists of logs, logs/v0 or policies. */
  readonly logList: readonly string[]
  /** Names logs with the URLs of their tiles, and witnesses to gossip with. */
  readonly policy?: string | undefined
  /** URLs of further nodes to gossip with. */
  readonly peer: readonly string[]
  readonly gossipMs: number
}

/** Who is told what. */
export interface WitnessObservers {
  readonly witness: (event: WitnessEvent) => void
  readonly gossip: (event: GossipEvent) => void
  readonly exchange: (event: ExchangeEvent) => void
  readonly evidence: (id: string, origin: string) => void
  /** Told of a list that changed, or could not be read again. */
  readonly list: (path: string, error?: unknown) => void
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

/** The lists as they are now. */
interface Lists extends Disposable {
  readonly logs: () => LogList
  readonly policy: () => Policy | undefined
  look(): Promise<void>
}

/** Opens. Rejects with `usage` for a bad key, list or URL, and as `openWitnessDir` does. */
export const openWitness = async (config: WitnessConfig, observers: WitnessObservers): Promise<OpenWitness> => {
  const lists = await openLists(config, observers)
  if (lists.logs().size === 0) throw new TlogError('usage', 'want --log, --log-list or --policy with at least one log')
  const dir = await openWitnessDir({ path: config.folder, name: config.name, markPath: config.mark })
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
  lists: Lists,
  dir: WitnessDir,
): Promise<OpenWitness> => {
  const acknowledged = await watchFile({
    path: join(config.folder, witnessFiles.acknowledged),
    parse: parseAcknowledged,
    absent: new Set<string>(),
    complain: (error) => observers.list(witnessFiles.acknowledged, error),
  })
  const policy = lists.policy()
  const others = (policy?.witnesses ?? []).filter(({ key }) => !dir.keys.some((own) => isSameKey(own, key)))
  const urls = [...config.peer, ...others.map(({ url }) => url).filter((url) => url !== undefined)]
  const witnesses: readonly VerifierKey[] = [...dir.keys, ...others.map(({ key }) => key)]
  const isKnown = (key: VerifierKey): boolean =>
    witnesses.some((other) => isSameKey(other, key)) ||
    [...lists.logs().values()].some(({ keys }) => keys.some((other) => isSameKey(other, key)))
  const late: { exchange?: Exchange } = {}
  const evidence = await EvidenceStore.open({
    store: dir.storage.keyValue('evidence'),
    isKnown,
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
    logs: lists.logs,
    accusations: evidence,
    clock: Date.now,
    now: () => performance.now(),
    observe: (event) => {
      observers.witness(event)
      if (event.kind !== 'cosigned') return
      late.exchange?.tell(event.origin, event.checkpoint)
      // What was cosigned here is compared with what peers say, like everything else.
      void gossip.hear(event.checkpoint, 'this witness').catch((error: unknown) => observers.list('gossip', error))
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
    if (latest !== undefined) await gossip.hear(latest, 'this witness')
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

const openLists = async (config: WitnessConfig, observers: WitnessObservers): Promise<Lists> => {
  const given = config.log.map((vkey) => ({ key: asUsage('--log', () => parseVerifierKey(vkey)) }))
  const watched: Watched<readonly ListedKey[]>[] = []
  let joined: LogList = new Map()
  const join = (): void => {
    joined = logList([...given, ...watched.flatMap((list) => list.value())])
  }
  const changed = (path: string) => (): void => {
    join()
    observers.list(path)
  }
  const paths = [...config.logList, ...(config.policy === undefined ? [] : [config.policy])]
  for (const path of paths) watched.push(await watchList(path, parseLogList, observers, changed(path)))
  const policy =
    config.policy === undefined ? undefined : await watchList(config.policy, parsePolicy, observers, () => {})
  join()
  const all = [...watched, ...(policy === undefined ? [] : [policy])]
  return {
    logs: () => joined,
    policy: () => policy?.value(),
    look: async () => {
      for (const list of all) await list.look()
    },
    [Symbol.dispose]: () => {
      for (const list of all) list[Symbol.dispose]()
    },
  }
}

const watchList = async <T>(
  path: string,
  parse: (bytes: Uint8Array) => T,
  observers: WitnessObservers,
  changed: () => void,
): Promise<Watched<T>> => {
  try {
    return await watchFile({ path, parse, complain: (error) => observers.list(path, error), changed })
  } catch (cause) {
    throw new TlogError('usage', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const parseAcknowledged = (bytes: Uint8Array): ReadonlySet<string> =>
  new Set(
    new TextDecoder()
      .decode(bytes)
      .split('\n')
      .map((line) => line.slice(0, 64)),
  )

const isSameKey = (a: VerifierKey, b: VerifierKey): boolean => equalBytes(a.publicKey, b.publicKey)
