/** A client of one log: everything that it answers was verified under a checkpoint that extends all it has seen before. */

import { isSize } from '../merkle/bits.ts'
import type { ConsistencyClaim } from '../merkle/consistency.ts'
import { treeHasher } from '../merkle/hasher.ts'
import type { InclusionClaim } from '../merkle/inclusion.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { encodeHex } from '../primitives/hex.ts'
import { formatProofFile, MAX_PROOF_FILE_BYTES, parseProofFile } from '../tlog/proof-file.ts'
import { TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import { type CheckpointStore, type Head, HeadKeeper } from './heads.ts'
import { type HttpOptions, httpSender, pause, type Send } from './http.ts'
import { prefetch } from './prefetch.ts'
import type { Receipt } from './producer.ts'
import { verifyProofFile } from './receipt.ts'
import { cachedResources, type ResourceCache, saveBundle, saveTile } from './resource-cache.ts'
import { type BundleId, type CallOptions, type LogResources, resourcesOver } from './resources.ts'
import { lruTileCache } from './tile-cache.ts'
import type { TileCache, TileSource, TileTree } from './tile-tree.ts'
import { checkpointReader, type Trust, type VerifiedCheckpoint } from './trust.ts'

/** Which log, whom to believe, and what to remember. */
export interface LogClientOptions extends HttpOptions, Trust {
  /** Remembers the last verified checkpoint between runs. Default: nothing is remembered. */
  readonly store?: CheckpointStore | undefined
  /** Keeps verified tiles and bundles between runs. Default: nothing is kept. */
  readonly cache?: ResourceCache | undefined
  /** Verified tiles that may stay in memory, 16 KiB each with their inner nodes. Default 2,048. */
  readonly cachedTiles?: number | undefined
  /** Entry bundles fetched at a time when a range is read. Default 4. */
  readonly concurrency?: number | undefined
}

/** An entry at its place. */
export interface LogEntry {
  readonly index: number
  readonly data: Uint8Array
}

/**
 * Reads one log. Every call rejects as `Send` does when the log cannot be reached, with `bad_proof` when what it serves
 * does not fit its checkpoint, and as `checkpoint` when it has to ask for a newer one.
 */
export class LogClient {
  /** The pinned origin. */
  readonly origin: string
  readonly #trust: Trust
  readonly #send: Send
  readonly #resources: LogResources
  readonly #heads: HeadKeeper
  readonly #cache: ResourceCache | undefined
  readonly #concurrency: number

  /** Throws TypeError when the trust names no key, or more than one origin, and `malformed` for a bad vkey. */
  constructor(options: LogClientOptions) {
    const { vkey, verifiers, policy, origin, notAfter, maxAge, clock, cache } = options
    this.#trust = { vkey, verifiers, policy, origin, notAfter, maxAge, clock }
    const reader = checkpointReader(this.#trust)
    const [pinned, ...others] = reader.origins
    // Were there two, the server could choose which one it is today, and consistency would be lost between them.
    if (pinned === undefined || others.length > 0) {
      throw new TypeError(`want one origin, got ${reader.origins.join(', ')}: say which`)
    }
    this.origin = pinned
    this.#send = httpSender(options)
    this.#cache = cache
    this.#resources =
      cache === undefined ? resourcesOver(this.#send) : cachedResources(resourcesOver(this.#send), cache)
    this.#heads = new HeadKeeper(reader, options.store, savingCache(lruTileCache(options.cachedTiles), cache))
    this.#concurrency = options.concurrency ?? 4
  }

  /**
   * Fetches the newest checkpoint and verifies it: its signatures, the policy, the right edge of its tree, and that it
   * and the last one that was seen are of one history. Resolves with the newer of the two; a server that answers with an
   * old one, as caches do, does not take us back. Rejects with InconsistentError when the log signed two histories, with
   * `wrong_origin`, `bad_signature`, `untrusted`, `malformed` or `too_large` for a checkpoint that is none of this log's.
   */
  async checkpoint({ signal }: CallOptions = {}): Promise<VerifiedCheckpoint> {
    return (await this.#refresh(signal)).checkpoint
  }

  /** The entry `index`. Rejects with `out_of_range` when the newest checkpoint does not reach it. */
  async entry(index: number, { signal }: CallOptions = {}): Promise<Uint8Array> {
    for await (const { data } of this.entries(index, index + 1, { signal })) return data
    throw new RangeError(`no index ${index}`)
  }

  /**
   * The entries from `start` up to but not including `end`, by default all of the newest checkpoint's. Whole bundles are
   * fetched ahead and verified. Rejects with `out_of_range` when the newest checkpoint does not reach `end`, and with
   * RangeError when `start` and `end` are no indices.
   */
  async *entries(start: number, end?: number, { signal }: CallOptions = {}): AsyncGenerator<LogEntry, void, undefined> {
    if (!isSize(start) || !isSize(end ?? 0)) throw new RangeError(`no indices from ${start} to ${end}`)
    const { tree } = end === undefined ? await this.#refresh(signal) : await this.#reaching(end, signal)
    const to = end ?? tree.size
    const bundles = prefetch(bundlesOf(start, to, tree.size), this.#concurrency, async (id) => ({
      first: id.index * TILE_WIDTH,
      entries: await this.#bundle(tree, id, signal),
    }))
    for await (const { first, entries } of bundles) {
      for (const [i, data] of entries.entries()) {
        if (first + i >= start && first + i < to) yield { index: first + i, data }
      }
    }
  }

  /**
   * The entries from `from` on, for ever: those that are there, then new ones as checkpoints reach them. Ends when
   * `signal` is aborted. To go on after an error or in another run, start from the index after the last one seen.
   */
  async *follow(options: FollowOptions = {}): AsyncGenerator<LogEntry, void, undefined> {
    const { signal, intervalMs = 1_000 } = options
    let next = options.from
    let seen: number | undefined
    try {
      for (;;) {
        const { size } = (await this.#refresh(signal)).tree
        next ??= size
        const end = whatToRead(size, seen)
        if (end > next) yield* this.entries(next, end, { signal })
        next = Math.max(next, end)
        seen = size
        await pause(intervalMs, signal)
      }
    } catch (error) {
      // Being aborted is how this ends; another failure at that moment is still one.
      if (signal?.aborted !== true || error !== signal.reason) throw error
    }
  }

  /** The inclusion proof of `index` in the tree of `size`, by default of the last verified checkpoint, with what it proves. */
  async inclusionProof(index: number, size?: number, { signal }: CallOptions = {}): Promise<InclusionClaim> {
    const { tree } = await this.#reaching(size ?? index + 1, signal)
    const at = size ?? tree.size
    const [leafHash, root, proof] = await Promise.all([
      tree.leafHash(index),
      tree.rootAt(at),
      tree.inclusionProof(index, at),
    ])
    return { index, size: at, leafHash, root, proof }
  }

  /** The consistency proof between two sizes, by default up to the last verified checkpoint, with what it proves. */
  async consistencyProof(size1: number, size2?: number, { signal }: CallOptions = {}): Promise<ConsistencyClaim> {
    const { tree } = await this.#reaching(Math.max(size1, size2 ?? 0), signal)
    const to = size2 ?? tree.size
    const [root1, root2, proof] = await Promise.all([
      tree.rootAt(size1),
      tree.rootAt(to),
      tree.consistencyProof(size1, to),
    ])
    return { size1, size2: to, root1, root2, proof }
  }

  /** A proof file for `index` under the last verified checkpoint, or a newer one if that does not reach it. */
  async proofFile(index: number, { signal }: CallOptions = {}): Promise<Uint8Array> {
    const { checkpoint, tree } = await this.#reaching(index + 1, signal)
    return formatProofFile({ index, proof: await tree.inclusionProof(index), checkpoint: checkpoint.bytes })
  }

  /**
   * Asks the log where the leaf is, and verifies its answer: the proof, its checkpoint, and that this is consistent with
   * the last one seen. Rejects with `not_found` when the log says that it has no such leaf, which nothing can prove.
   */
  async findProof(leafHash: Hash, { signal }: CallOptions = {}): Promise<Receipt> {
    const path = `proof/leaf/${encodeHex(leafHash)}`
    const file = await this.#send({ path, limit: MAX_PROOF_FILE_BYTES, signal })
    await this.#accept(parseProofFile(file).checkpoint, signal)
    return { ...verifyProofFile(file, { ...this.#trust, leafHash }), file }
  }

  async #refresh(signal: AbortSignal | undefined): Promise<Head> {
    return this.#accept(await this.#resources.checkpoint({ signal }), signal)
  }

  async #accept(checkpoint: Uint8Array, signal: AbortSignal | undefined): Promise<Head> {
    const source = this.#tiles(signal)
    const head = await this.#heads.accept(checkpoint, source)
    return { ...head, tree: head.tree.over(source) }
  }

  /** The head verified last if it has at least `size` leaves, else the newest that there is. */
  async #reaching(size: number, signal: AbortSignal | undefined): Promise<Head> {
    const known = this.#heads.newest
    if (known !== undefined && known.tree.size >= size) return { ...known, tree: known.tree.over(this.#tiles(signal)) }
    const head = await this.#refresh(signal)
    if (head.tree.size >= size) return head
    throw new TlogError('out_of_range', `want a tree of size ${size}, the newest checkpoint has ${head.tree.size}`)
  }

  #tiles(signal: AbortSignal | undefined): TileSource {
    return (tile) => this.#resources.tile(tile, { signal })
  }

  async #bundle(tree: TileTree, id: BundleId, signal: AbortSignal | undefined): Promise<readonly Uint8Array[]> {
    const [entries, hashes] = await Promise.all([
      this.#resources.entries(id, { signal }),
      tree.tile({ level: 0, ...id }),
    ])
    const computed = new Uint8Array(entries.length * HASH_SIZE)
    treeHasher().hashLeaves(entries, computed)
    for (let at = 0; at < hashes.length; at += HASH_SIZE) {
      if (!equalHash(computed.subarray(at, at + HASH_SIZE), hashes.subarray(at, at + HASH_SIZE))) {
        throw new TlogError('bad_proof', `entry ${id.index * TILE_WIDTH + at / HASH_SIZE} is not the one in the tree`)
      }
    }
    if (this.#cache !== undefined && id.width === TILE_WIDTH) saveBundle(this.#cache, id.index, entries)
    return entries
  }
}

/** How to follow a log. */
export interface FollowOptions extends CallOptions {
  /** The first index wanted. Default: the size of the first checkpoint, so that only new entries are seen. */
  readonly from?: number | undefined
  /** Between two looks at the checkpoint, in milliseconds. Default 1,000. */
  readonly intervalMs?: number | undefined
}

/**
 * How far to read now.
 * spec: A client that "tails" a rapidly (> 200 entries per checkpoint) growing log SHOULD, as an optimization, avoid
 * fetching partial entry bundles when possible.
 */
const whatToRead = (size: number, seen: number | undefined): number =>
  seen !== undefined && size - seen > 200 ? size - (size % TILE_WIDTH) : size

const widthOf = (index: number, size: number): number => tileWidth({ level: 'entries', index }, size)

function* bundlesOf(start: number, end: number, size: number): Generator<BundleId, void, undefined> {
  for (let index = Math.floor(start / TILE_WIDTH); index * TILE_WIDTH < end; index++) {
    yield { index, width: widthOf(index, size) }
  }
}

/** What is remembered in memory is also kept between runs. */
const savingCache = (memory: TileCache, kept: ResourceCache | undefined): TileCache => ({
  get: (tile) => memory.get(tile),
  set: (tile, bytes) => {
    memory.set(tile, bytes)
    if (kept !== undefined) saveTile(kept, tile.level, tile.index, bytes)
  },
})
