/** The sequencer: gathers entries while the last commit syncs, then gives them indices, integrates, commits and publishes. */
import { type TileCache, type TileSource, TileTree } from '../client/tile-tree.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { concatBytes, equalBytes } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import type { Change, ChangesByStore, LogStore, Version } from '../storage/storage.ts'
import type { Observe } from './events.ts'
import { formatHead } from './head.ts'
import { type Integration, integrate, type TreeState } from './integrate.ts'
import type { KnownLeaves } from './known-leaves.ts'
import { findLeaves, positionRow } from './leaf-index.ts'
import type { Appended, Appender, Entry, PublishedCheckpoint, RowsBeside, SignedHead } from './log.ts'
import { type Placement, placeAll, placeOnce } from './place.ts'
import { Pool, type PoolLimits, type Submission } from './pool.ts'
import { type LogKey, type Publisher, signHead } from './publish.ts'
import { RefusedError } from './refusal.ts'

/** What a sequencer works with. */
export interface SequencerParts {
  readonly store: LogStore
  readonly publisher: Publisher
  readonly key: LogKey
  readonly clock: Clock
  readonly source: TileSource
  readonly cache: TileCache
  readonly limits: PoolLimits
  /** The leaves of the log. Undefined gives every entry an index of its own, and keeps no index of leaf hashes. */
  readonly knownLeaves: KnownLeaves | undefined
  readonly observe: Observe
  /** Asked before entries are taken: a reason not to, such as a full disk, or undefined. */
  readonly admit?: (() => RefusedError | undefined) | undefined
}

/** Where the log stands when a sequencer takes it over. */
export interface SequencerStart {
  readonly version: Version
  readonly state: TreeState
  readonly published: PublishedCheckpoint
}

/** A batch on its way: everything that will be committed together. */
interface Batch {
  readonly submissions: readonly Submission[]
  readonly entries: readonly Entry[]
  readonly leafHashes: Uint8Array
  readonly placement: Placement
}

/** The one writer of a log. After the first failed write it takes no more entries; the process should then end. */
export class Sequencer implements Appender {
  readonly #parts: SequencerParts
  readonly #pool: Pool
  // Owned by the loop in #run; readers see #published only.
  #version: Version
  #state: TreeState
  #published: PublishedCheckpoint
  #running: Promise<void> | undefined
  #stopped: TlogError | undefined
  #busySince: number | undefined

  constructor(parts: SequencerParts, start: SequencerStart) {
    this.#parts = parts
    this.#pool = new Pool(parts.limits)
    this.#version = start.version
    this.#state = start.state
    this.#published = start.published
  }

  /** The newest head that has left the process. */
  get published(): PublishedCheckpoint {
    return this.#published
  }

  /** How many entries wait for a commit. */
  get pooled(): number {
    return this.#pool.entries
  }

  /** Why no more entries are taken, if so. */
  get stopped(): TlogError | undefined {
    return this.#stopped
  }

  /** When the commit under way began, on the clock of performance.now(); undefined between commits. */
  get busySince(): number | undefined {
    return this.#busySince
  }

  append(entries: readonly Entry[], beside?: RowsBeside): Promise<Appended> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped)
    const refusal = this.#parts.admit?.()
    if (refusal !== undefined) {
      this.#parts.observe({ kind: 'refused', reason: refusal.reason })
      return Promise.reject(refusal)
    }
    return new Promise((resolve, reject) => {
      const submission: Submission = { entries, beside, resolve, reject }
      try {
        this.#pool.add(submission)
      } catch (error) {
        this.#parts.observe({ kind: 'pushback', pooled: this.#pool.entries })
        throw error
      }
      if (entries.length >= HASHED_AT_ONCE) submission.leafHashes = hashLeaves(entries)
      // setImmediate lets every request that arrived in this turn of the event loop join the commit.
      this.#running ??= new Promise<void>((done) => setImmediate(done)).then(() => this.#run())
    })
  }

  /** Takes no more entries and waits until those already taken are answered. */
  async drain(): Promise<void> {
    this.#stopped ??= new RefusedError('stopping', 'no more entries are taken')
    await this.#running
    await this.#parts.knownLeaves?.stop()
  }

  async #run(): Promise<void> {
    try {
      for (let taken = this.#pool.take(); taken.length > 0; taken = this.#pool.take()) await this.#step(taken)
    } finally {
      this.#running = undefined
    }
  }

  async #step(submissions: readonly Submission[]): Promise<void> {
    const start = performance.now()
    this.#busySince = start
    try {
      const batch = await this.#place(submissions)
      if (batch.placement.fresh.length > 0) await this.#commit(batch, start)
      this.#answer(batch)
    } catch (error) {
      if (!(error instanceof RefusedError)) this.#poison(error)
      else this.#parts.observe({ kind: 'refused', reason: error.reason })
      const reason = error instanceof RefusedError || isTlogError(error, 'unknown_outcome') ? error : this.#stopped
      for (const { reject } of submissions) reject(reason)
    } finally {
      this.#busySince = undefined
    }
  }

  async #place(submissions: readonly Submission[]): Promise<Batch> {
    const entries =
      submissions.length === 1 ? (submissions[0]?.entries ?? []) : submissions.flatMap((one) => one.entries)
    const leafHashes = leafHashesOf(submissions)
    const { store, knownLeaves } = this.#parts
    const { tree } = this.#published
    const placement =
      knownLeaves === undefined
        ? placeAll(tree.size, entries.length)
        : placeOnce(tree.size, leafHashes, await findLeaves(store, tree, leafHashes, knownLeaves.mayHold(leafHashes)))
    return { submissions, ...onlyFresh(entries, leafHashes, placement), placement }
  }

  async #commit(batch: Batch, start: number): Promise<void> {
    const { entries, leafHashes, placement } = batch
    const { store, publisher, knownLeaves, observe } = this.#parts
    const integration = integrate(this.#state, leafHashes, treeHasher())
    await this.#nextMillisecond()
    const { head, tree } = this.#sign(entries, leafHashes, integration)
    const prepared = performance.now()
    const { version } = await store.commit({
      previous: this.#version,
      head: formatHead(head),
      firstIndex: this.#published.size,
      entries,
      fullTiles: integration.fullTiles,
      index: knownLeaves === undefined ? [] : [...placement.rows, positionRow(head.size)],
      beside: rowsBeside(batch),
    })
    const committed = performance.now()
    this.#published = await publisher.publish(head, tree).catch((cause: unknown) => {
      throw new TlogError('unknown_outcome', 'committed, but the ledger could not be told, so nothing was released', {
        cause,
      })
    })
    this.#version = version
    this.#state = integration.state
    knownLeaves?.add(leafHashes, tree)
    observe({
      kind: 'committed',
      size: head.size,
      entries: entries.length,
      duplicates: placement.indices.length - entries.length,
      prepareMs: prepared - start,
      commitMs: committed - prepared,
      ledgerMs: performance.now() - committed,
    })
  }

  /** Each head has a millisecond of its own: more than a thousand in a second would leave the clock behind. */
  async #nextMillisecond(): Promise<void> {
    if (this.#parts.clock() <= this.#published.time) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  /** Verify before release: the leaves hashed again from their bytes, the root by way of the tiles, the signature read back. */
  #sign(
    entries: readonly Entry[],
    leafHashes: Uint8Array,
    { state, root }: Integration,
  ): { head: SignedHead; tree: TileTree } {
    if (!equalBytes(hashLeaves(entries), leafHashes))
      throw new TlogError('corrupt', 'an entry changed in memory while it was integrated')
    // The root comes from the frontier; opening the tree computes it again from the tiles and compares.
    const { source, cache, key, clock } = this.#parts
    const tree = TileTree.fromEdge({ size: state.frontier.size, root }, state.edge, source, cache)
    return { head: signHead(tree, this.#published.time, key, clock), tree }
  }

  #answer({ submissions, placement }: Batch): void {
    const checkpoint = this.#published
    const { indices, fresh } = placement
    let at = 0
    let counted = 0
    for (const { entries, resolve } of submissions) {
      const end = at + entries.length
      const before = counted
      while (counted < fresh.length && (fresh[counted] ?? end) < end) counted++
      resolve({ indices: indices.slice(at, end), duplicates: entries.length - (counted - before), checkpoint })
      at = end
    }
  }

  /** Fail-stop: what waits was not written, and nothing will be. */
  #poison(error: unknown): void {
    this.#stopped = new TlogError('poisoned', 'a write failed; the server must be restarted', { cause: error })
    for (const { reject } of this.#pool.takeAll()) reject(this.#stopped)
    this.#parts.observe({ kind: 'poisoned', error })
  }
}

/**
 * Entries of one submission that are hashed when they come in, while an earlier commit may be syncing. Fewer are hashed
 * together with those of others, which fills the lanes of the hasher.
 */
const HASHED_AT_ONCE = 32

const hashLeaves = (entries: readonly Entry[]): Uint8Array => {
  const leafHashes = new Uint8Array(entries.length * HASH_SIZE)
  treeHasher().hashLeaves(entries, leafHashes)
  return leafHashes
}

const leafHashesOf = (submissions: readonly Submission[]): Uint8Array => {
  const late = hashLeaves(submissions.flatMap(({ entries, leafHashes }) => (leafHashes === undefined ? entries : [])))
  if (submissions.every(({ leafHashes }) => leafHashes === undefined)) return late
  const parts: Uint8Array[] = []
  let taken = 0
  for (const { entries, leafHashes } of submissions) {
    const next = leafHashes === undefined ? taken + entries.length * HASH_SIZE : taken
    parts.push(leafHashes ?? late.subarray(taken, next))
    taken = next
  }
  return parts.length === 1 ? (parts[0] ?? late) : concatBytes(...parts)
}

const onlyFresh = (
  entries: readonly Entry[],
  leafHashes: Uint8Array,
  { fresh }: Placement,
): Pick<Batch, 'entries' | 'leafHashes'> => {
  if (fresh.length === entries.length) return { entries, leafHashes }
  const kept = new Uint8Array(fresh.length * HASH_SIZE)
  for (const [to, from] of fresh.entries())
    kept.set(leafHashes.subarray(from * HASH_SIZE, (from + 1) * HASH_SIZE), to * HASH_SIZE)
  return { entries: fresh.map((i) => entries[i] ?? new Uint8Array(0)), leafHashes: kept }
}

/** What all submissions of a batch want to be committed with their entries; undefined for nothing, as of raw entries. */
const rowsBeside = ({ submissions, placement }: Batch): ChangesByStore | undefined => {
  if (submissions.every(({ beside }) => beside === undefined)) return undefined
  const all = new Map<string, Change[]>()
  let end = 0
  for (const { entries, beside } of submissions) {
    const start = end
    end += entries.length
    const isNew = placement.fresh.some((position) => position >= start && position < end)
    if (beside === undefined || !isNew) continue
    for (const [name, changes] of beside(placement.indices.slice(start, end))) {
      const known = all.get(name)
      if (known === undefined) all.set(name, [...changes])
      else known.push(...changes)
    }
  }
  return all
}
