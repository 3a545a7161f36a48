/** fsck: checks all of a log, every entry and every tile at every level, against its signed checkpoint. */
import { prefetch } from '../client/prefetch.ts'
import type { BundleId, CallOptions } from '../client/resources.ts'
import type { TreeHead } from '../client/tile-tree.ts'
import { type CheckpointReader, checkpointReader, type Trust } from '../client/trust.ts'
import { parseNote } from '../note/note.ts'
import { isTlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { type Checkpoint, parseCheckpoint } from '../tlog/checkpoint.ts'
import { formatTilePath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import { BundleCheck, type JudgedBundle, type LoadedBundle } from './fsck-bundle.ts'
import { HeadCheck } from './fsck-heads.ts'
import { type KeyAnswers, KeyCheck } from './fsck-keys.ts'
import { type Checked, Findings, type FsckReport } from './fsck-report.ts'
import { type FsckSource, readOrDamage } from './fsck-source.ts'
import { TreeCheck } from './fsck-tree.ts'

/** Whom to believe, how much to do, and whom to tell. */
export interface FsckOptions extends Trust {
  /**
   * Entries before this index are taken as they are, for example because an earlier check ended there. The tree is still
   * checked as a whole, through the tiles over them. Default 0; rounded down to a whole bundle.
   */
  readonly from?: number | undefined
  /**
   * Older signed checkpoints of the log, which must agree with its tree, as those that are kept with it must. Those of a
   * size under `from` are not looked at.
   */
  readonly older?: readonly Uint8Array[] | undefined
  /** Bundles under way at a time. Default 8. */
  readonly concurrency?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each bundle. */
  readonly onProgress?: ((progress: FsckProgress) => void) | undefined
}

/** How far a check has come. */
export interface FsckProgress extends Checked {
  /** Of the tree. */
  readonly size: number
  /** Everything before this index is done; `from` of a check that goes on here. */
  readonly index: number
  readonly problems: number
}

/**
 * Checks a whole log: the signatures of its checkpoint, every entry, every tile at every level, the root, and where there
 * is one the index of leaf hashes. Memory is bounded by `concurrency` bundles. Resolves with a report of what is wrong;
 * rejects when it cannot tell, with `io` or another error of the source, or the reason of `signal`.
 */
export const fsck = async (source: FsckSource, options: FsckOptions): Promise<FsckReport> => {
  const reader = checkpointReader(options)
  const findings = new Findings()
  const head = await readHead(source, reader, findings, options)
  if (head === undefined)
    return { ok: false, size: 0, checked: NOTHING, count: findings.count, problems: findings.problems }
  const checked = await checkTree(source, head.checkpoint, findings, options)
  const { count, problems } = findings
  return { ok: count === 0, size: head.checkpoint.size, checkpoint: head.bytes, checked, count, problems }
}

/**
 * The part of `fsck` that is about the tree: checks everything under a head that the caller believes, and adds to the
 * findings what is wrong. The head need not be one that was signed: any size of a tree whose root is known will do. Its
 * partial tiles are looked at when the source has them.
 */
export const checkTree = async (
  source: FsckSource,
  head: TreeHead,
  findings: Findings,
  options: FsckOptions,
): Promise<Checked> => {
  const run = await Run.start(source, head, findings, options)
  try {
    await run.bundles()
    await run.end()
  } finally {
    await run.close()
  }
  return run.checked
}

const NOTHING: Checked = { entries: 0, tiles: 0, keys: 0, heads: 0 }

interface FoundHead {
  readonly bytes: Uint8Array
  readonly checkpoint: Checkpoint
}

/** The newest checkpoint. One whose signature is bad is reported, and still says which tree to look at. */
const readHead = async (
  source: FsckSource,
  reader: CheckpointReader,
  findings: Findings,
  { signal }: FsckOptions,
): Promise<FoundHead | undefined> => {
  const read = await readOrDamage(source.checkpoint({ signal }))
  try {
    if (read.kind === 'damage') throw read.error
    return { bytes: read.value, checkpoint: reader.open(read.value).checkpoint }
  } catch (error) {
    if (!isTlogError(error)) throw error
    findings.add({ kind: 'checkpoint', at: 'checkpoint', message: `${error.code}: ${error.message}` }, 0)
  }
  try {
    return read.kind === 'value'
      ? { bytes: read.value, checkpoint: parseCheckpoint(parseNote(read.value).text) }
      : undefined
  } catch {
    return undefined
  }
}

interface Loaded extends LoadedBundle {
  readonly answers: KeyAnswers | undefined
}

const NO_LEAVES = new Uint8Array(0)

interface RunParts {
  readonly keys: KeyCheck | undefined
  readonly heads: HeadCheck
}

/** One check under way. */
class Run {
  readonly #source: FsckSource
  readonly #head: TreeHead
  readonly #findings: Findings
  readonly #options: FsckOptions
  readonly #bundles: BundleCheck
  readonly #tree: TreeCheck
  readonly #keys: KeyCheck | undefined
  readonly #heads: HeadCheck

  private constructor(source: FsckSource, head: TreeHead, findings: Findings, options: FsckOptions, parts: RunParts) {
    const call: CallOptions = { signal: options.signal }
    this.#source = source
    this.#head = head
    this.#findings = findings
    this.#options = options
    this.#bundles = new BundleCheck(source, findings, head.size, call)
    this.#tree = new TreeCheck(source, findings, call)
    this.#keys = parts.keys
    this.#heads = parts.heads
  }

  static async start(source: FsckSource, head: TreeHead, findings: Findings, options: FsckOptions): Promise<Run> {
    const { size } = head
    const { from = 0, older = [], signal } = options
    const start = Math.floor(Math.min(from, size) / TILE_WIDTH) * TILE_WIDTH
    const keys = await KeyCheck.open({ source, findings, size, call: { signal } })
    const heads = await HeadCheck.open({ source, findings, trust: options, older, from: start, newest: head })
    const run = new Run(source, head, findings, options, { keys, heads })
    await run.#tree.startAt(start)
    return run
  }

  get checked(): Checked {
    const { entries, tiles } = this.#bundles.checked
    return { entries, tiles: tiles + this.#tree.tiles, keys: this.#keys?.count ?? 0, heads: this.#heads.count }
  }

  async bundles(): Promise<void> {
    const { concurrency = 8, signal, onProgress } = this.#options
    const { size } = this.#head
    for await (const loaded of prefetch(this.#ids(), concurrency, (id) => this.#load(id))) {
      signal?.throwIfAborted()
      const start = loaded.id.index * TILE_WIDTH
      const index = start + loaded.id.width
      const judged = await this.#bundles.judge(loaded)
      await this.#judgeKeys(loaded, judged)
      await this.#heads.upTo(index, (at) =>
        this.#tree.rootWith(judged.leafHashes.subarray(0, (at - start) * HASH_SIZE)),
      )
      await this.#tree.add(judged.leafHashes)
      onProgress?.({ ...this.checked, size, index, problems: this.#findings.count })
    }
    await this.#heads.upTo(Number.POSITIVE_INFINITY, () => this.#rootWith(NO_LEAVES))
  }

  #rootWith(next: Uint8Array): Hash | undefined {
    return this.#bundles.inDoubt ? undefined : this.#tree.rootWith(next)
  }

  close(): Promise<void> {
    return this.#heads.close()
  }

  /** What can only be said when the whole tree is known. */
  async end(): Promise<void> {
    const { size, root } = this.#head
    await this.#tree.finish()
    if (!equalHash(this.#bundles.settle(this.#tree.edge, root), root)) {
      this.#findings.add(
        { kind: 'root', at: size, message: 'the entries do not hash to the root of the checkpoint' },
        size,
      )
    }
    for (const { at } of (await this.#source.strays?.(size)) ?? []) {
      const where = typeof at === 'number' ? at : formatTilePath({ ...at, width: TILE_WIDTH })
      this.#findings.add({ kind: 'stray', at: where, message: `lies beyond the tree of size ${size}` }, size)
    }
  }

  async #load(id: BundleId): Promise<Loaded> {
    const loaded = await this.#bundles.load(id)
    const { leafHashes } = loaded
    return { ...loaded, answers: leafHashes.kind === 'value' ? await this.#keys?.ask(leafHashes.value) : undefined }
  }

  async #judgeKeys({ id, leafHashes: asked, answers }: Loaded, judged: JudgedBundle): Promise<void> {
    if (this.#keys === undefined) return
    // Asked for with what the entries hash to; where they are bad, ask again for what should be there.
    const known = asked.kind === 'value' && asked.value === judged.leafHashes ? answers : undefined
    await this.#keys.judge(id, judged, known ?? (await this.#keys.ask(judged.leafHashes)))
  }

  *#ids(): Generator<BundleId, void, undefined> {
    const { size } = this.#head
    for (let index = this.#tree.size / TILE_WIDTH; index * TILE_WIDTH < size; index++) {
      yield { index, width: tileWidth({ level: 'entries', index }, size) }
    }
  }
}
