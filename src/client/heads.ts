/** The heads of one log as a client sees them: each new one must extend, or be extended by, the last that was verified. */
import { verifyConsistency } from '../merkle/consistency.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { equalHash } from '../primitives/hash.ts'
import { type Inconsistency, InconsistentError } from './inconsistent.ts'
import { type TileCache, type TileSource, TileTree } from './tile-tree.ts'
import type { CheckpointReader, VerifiedCheckpoint } from './trust.ts'

/** Remembers the last verified checkpoint of a log between runs. Losing it means trust on first use again. */
export interface CheckpointStore {
  /** The saved bytes. `log` stands for the pinned origin; a store for one log may ignore it. */
  load(log: string): Promise<Uint8Array | undefined>
  /** Called with verified checkpoints only, of sizes that never shrink. */
  save(bytes: Uint8Array, log: string): Promise<void>
}

/** A verified checkpoint and its tree. */
export interface Head {
  readonly checkpoint: VerifiedCheckpoint
  readonly tree: TileTree
}

/** Owns what is known of the log: its last verified checkpoint and the tiles verified under it. */
export class HeadKeeper {
  readonly #reader: CheckpointReader
  readonly #store: CheckpointStore | undefined
  readonly #cache: TileCache
  #loaded = false
  #last: VerifiedCheckpoint | undefined
  #tree: TileTree | undefined
  // One at a time: two heads judged against the same older one might contradict each other.
  #turn: Promise<unknown> = Promise.resolve()

  constructor(reader: CheckpointReader, store: CheckpointStore | undefined, cache: TileCache) {
    this.#reader = reader
    this.#store = store
    this.#cache = cache
  }

  /** The newest head that was accepted, if any was in this run. */
  get newest(): Head | undefined {
    return this.#last && this.#tree && { checkpoint: this.#last, tree: this.#tree }
  }

  /**
   * Judges a signed checkpoint; resolves with the newest verified head, which is an older call's when `bytes` are of a
   * smaller tree. Rejects with InconsistentError when the log signed two histories, `bad_proof` when the tiles do not fit
   * the checkpoint, as `CheckpointReader.open` throws, and as `source` and the store do; then nothing is remembered.
   */
  accept(bytes: Uint8Array, source: TileSource): Promise<Head> {
    const turn = this.#turn.then(() => this.#judge(bytes, source))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #judge(bytes: Uint8Array, source: TileSource): Promise<Head> {
    const last = await this.#load()
    const next = this.#reader.open(bytes)
    if (last !== undefined && next.checkpoint.size < last.checkpoint.size) return this.#keepLarger(last, next, source)
    if (last !== undefined && next.checkpoint.size === last.checkpoint.size) assertSameRoot(last, next)
    const staged = stagedCache(this.#cache)
    const tree = await this.#treeOf(next, source, staged)
    if (last !== undefined && next.checkpoint.size > last.checkpoint.size) await assertPrefix(last, next, tree)
    // Equal trees may still come under new cosignatures.
    if (last === undefined || !equalBytes(last.bytes, next.bytes)) await this.#store?.save(next.bytes, this.#reader.id)
    staged.release()
    this.#last = next
    this.#tree = tree
    return { checkpoint: next, tree }
  }

  async #treeOf({ checkpoint }: VerifiedCheckpoint, source: TileSource, cache: TileCache): Promise<TileTree> {
    const known = this.#tree
    return known?.size === checkpoint.size ? known : TileTree.open(checkpoint, source, cache)
  }

  /** An older head is no news, but it must be a true one. */
  async #keepLarger(last: VerifiedCheckpoint, next: VerifiedCheckpoint, source: TileSource): Promise<Head> {
    const tree = this.#tree?.over(source) ?? (await this.#openLast(last, next, source))
    await assertPrefix(next, last, tree)
    // What was remembered from before a stricter policy is good to compare with, and no answer.
    const checkpoint = this.#reader.open(last.bytes)
    this.#tree ??= tree
    return { checkpoint, tree: this.#tree }
  }

  async #openLast(last: VerifiedCheckpoint, next: VerifiedCheckpoint, source: TileSource): Promise<TileTree> {
    try {
      return await TileTree.open(last.checkpoint, source, this.#cache)
    } catch (cause) {
      if (!isTlogError(cause, 'not_found')) throw cause
      const sizes = `size ${next.checkpoint.size} after ${last.checkpoint.size}`
      throw new TlogError('bad_proof', `the log went back to ${sizes}, and cannot show that they agree`, { cause })
    }
  }

  async #load(): Promise<VerifiedCheckpoint | undefined> {
    if (this.#loaded) return this.#last
    const bytes = await this.#store?.load(this.#reader.id)
    // Verified like a stranger's, and a failure is one: forgetting it would let a fork in.
    this.#last = bytes && this.#open(bytes)
    this.#loaded = true
    return this.#last
  }

  #open(bytes: Uint8Array): VerifiedCheckpoint {
    try {
      return this.#reader.openKept(bytes)
    } catch (cause) {
      if (!isTlogError(cause)) throw cause
      throw new TlogError(cause.code, `the remembered checkpoint: ${cause.message}`, { cause })
    }
  }
}

const assertSameRoot = (last: VerifiedCheckpoint, next: VerifiedCheckpoint): void => {
  const { root } = next.checkpoint
  if (!equalHash(last.checkpoint.root, root))
    throw inconsistent({ older: last, newer: next, proof: [], rootInNewer: root })
}

/** Checks that `older` is the beginning of `tree`, which is that of `newer`. */
const assertPrefix = async (older: VerifiedCheckpoint, newer: VerifiedCheckpoint, tree: TileTree): Promise<void> => {
  const { size, root } = older.checkpoint
  const rootInNewer = await tree.rootAt(size)
  // The empty tree is the beginning of every other, and there is no proof of that.
  const proof = size === 0 ? [] : await tree.consistencyProof(size)
  if (size > 0) verifyConsistency({ size1: size, root1: rootInNewer, size2: tree.size, root2: tree.root, proof })
  if (!equalHash(rootInNewer, root)) throw inconsistent({ older, newer, proof, rootInNewer })
}

interface Contradiction extends Pick<Inconsistency, 'proof' | 'rootInNewer'> {
  readonly older: VerifiedCheckpoint
  readonly newer: VerifiedCheckpoint
}

const inconsistent = ({ older, newer, proof, rootInNewer }: Contradiction): InconsistentError => {
  const sizes = `${older.checkpoint.size} and ${newer.checkpoint.size}`
  const message = `${newer.checkpoint.origin} signed two histories, at sizes ${sizes}; keep both checkpoints`
  return new InconsistentError(message, { older: older.bytes, newer: newer.bytes, proof, rootInNewer })
}

/** A cache that keeps what it is given to itself until its head is accepted: tiles of a fork must not stay. */
const stagedCache = (cache: TileCache): TileCache & { release(): void } => {
  const staged = new Map<string, { readonly tile: Parameters<TileCache['set']>[0]; readonly bytes: Uint8Array }>()
  let released = false
  const name = ({ level, index }: { readonly level: number; readonly index: number }): string => `${level}/${index}`
  return {
    get: (tile) => staged.get(name(tile))?.bytes ?? cache.get(tile),
    set: (tile, bytes) => void (released ? cache.set(tile, bytes) : staged.set(name(tile), { tile, bytes })),
    release: () => {
      released = true
      for (const { tile, bytes } of staged.values()) cache.set(tile, bytes)
      staged.clear()
    },
  }
}
