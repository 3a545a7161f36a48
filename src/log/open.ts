/** Opening a log: through the start-up gate, with its sequencer and reader wired up. */
import { lruTileCache } from '../client/tile-cache.ts'
import { TileTree } from '../client/tile-tree.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import type { Clock } from '../primitives/clock.ts'
import type { LogStore } from '../storage/storage.ts'
import type { Observe } from './events.ts'
import { passGate, type Recovered } from './gate.ts'
import { formatHead } from './head.ts'
import { type FilterKeeper, KnownLeaves } from './known-leaves.ts'
import type { HeadLedger } from './ledger.ts'
import { defaultPoolLimits, type PoolLimits } from './pool.ts'
import { isSignedByAll, type LogKey, Publisher, signHead } from './publish.ts'
import { LogReader } from './reader.ts'
import { tilesOf } from './rebuild.ts'
import type { RefusedError } from './refusal.ts'
import { completeLeafIndex } from './reindex.ts'
import { Sequencer } from './sequencer.ts'

/** What a log is made of; everything that touches the world is handed in. */
export interface LogOptions {
  readonly store: LogStore
  readonly ledger: HeadLedger
  /** Signs the heads, alone or with the next one; their name is the origin. */
  readonly key: LogKey
  readonly clock: Clock
  /** Give equal entries an index each, and keep no index of leaf hashes. Default false. */
  readonly allowDuplicates?: boolean
  readonly limits?: PoolLimits
  /** Told of every commit, refusal and failure. Default: nobody. */
  readonly observe?: Observe
  /** Asked before entries are taken: a reason not to, such as a full disk, or undefined. Default: never one. */
  readonly admit?: (() => RefusedError | undefined) | undefined
  /** Verified tiles that may stay in memory, 16 KiB each with their inner nodes. Default 2,048. */
  readonly cachedTiles?: number
  /** Look at every entry, tile and index row before the log is opened, and not only at the newest. Default false. */
  readonly thorough?: boolean
  /** Where the filter of leaf hashes is kept from one start to the next. Default: nowhere, it is made anew. */
  readonly filterKeeper?: FilterKeeper
}

/** An open log. */
export interface Log {
  readonly origin: string
  readonly sequencer: Sequencer
  readonly reader: LogReader
}

/**
 * Starts a new log: a signed head of size 0, in the store and in the ledger. Rejects with `conflict` when the store has
 * a head already.
 */
export const createLog = async ({ store, ledger, key, clock }: LogOptions): Promise<void> => {
  const tree = TileTree.fromEdge({ size: 0, root: EMPTY_ROOT }, [], tilesOf(store))
  const head = signHead(tree, 0, key, clock)
  // The store first: a ledger that knows a head which the database lacks would look like a restored old copy.
  await store.commit({
    previous: undefined,
    head: formatHead(head),
    firstIndex: 0,
    entries: [],
    fullTiles: new Map(),
    index: [],
  })
  await ledger.record(await ledger.last(), formatHead(head))
}

/** Opens a log that is there. Rejects with RefusedError, which says what helps. */
export const openLog = async (options: LogOptions): Promise<Log> => {
  const { store, ledger, key, clock, allowDuplicates = false, observe = () => {}, thorough } = options
  const parts = { store, source: tilesOf(store), cache: lruTileCache(options.cachedTiles), key, clock }
  const { state, tree, record, ...recovered } = await passGate({ ...parts, ledger, thorough })
  const { version, head } = await signedByAll(recovered, tree, options)
  const publisher = new Publisher(ledger, record)
  // A crash may have come between the commit and the ledger: then the head was never released, and is now.
  const published = await publisher.publish(head, tree)
  const indexed = allowDuplicates ? version : await completeLeafIndex({ store, tree, head, version, observe, thorough })
  const { filterKeeper: keeper } = options
  const knownLeaves = allowDuplicates ? undefined : await KnownLeaves.open({ tree, observe, keeper })
  const sequencer = new Sequencer(
    {
      ...parts,
      publisher,
      knownLeaves,
      observe,
      admit: options.admit,
      limits: options.limits ?? defaultPoolLimits,
    },
    { version: indexed, state, published },
  )
  return { origin: key.signer.name, sequencer, reader: new LogReader(store, () => sequencer.published) }
}

/** After a change of keys the newest head is signed anew: a log without new entries would never show the new key. */
const signedByAll = async (
  { version, head }: Pick<Recovered, 'version' | 'head'>,
  tree: TileTree,
  { store, key, clock }: LogOptions,
): Promise<Pick<Recovered, 'version' | 'head'>> => {
  if (isSignedByAll(head, key)) return { version, head }
  const signed = signHead(tree, head.time, key, clock)
  const step = { previous: version, head: formatHead(signed), firstIndex: tree.size, entries: [], index: [] }
  const { version: newest } = await store.commit({ ...step, fullTiles: new Map() })
  return { version: newest, head: signed }
}
