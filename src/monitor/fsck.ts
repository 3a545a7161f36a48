/** fsck: checks all of a log, every entry and every tile at every level, against its signed checkpoint. */
import { prefetch } from '../client/prefetch.ts'
import type { BundleId, CallOptions } from '../client/resources.ts'
import { type CheckpointReader, checkpointReader, type Trust } from '../client/trust.ts'
import { parseNote } from '../note/note.ts'
import { isTlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE } from '../primitives/hash.ts'
import { type Checkpoint, parseCheckpoint } from '../tlog/checkpoint.ts'
import { formatTilePath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import { BundleCheck, type JudgedBundle, type LoadedBundle } from './fsck-bundle.ts'
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
  /** Older signed checkpoints of the log, which must agree with its tree. Those of a size under `from` are not looked at. */
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
  const run = await Run.start(source, head.checkpoint, findings, options)
  await run.bundles(openOlder(options.older ?? [], reader, findings))
  await run.end()
  const { count, problems } = findings
  return { ok: count === 0, size: head.checkpoint.size, checkpoint: head.bytes, checked: run.checked, count, problems }
}

const NOTHING: Checked = { entries: 0, tiles: 0, keys: 0 }

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

/** Older checkpoints by size, each verified; those that are not this log's are reported. */
const openOlder = (
  older: readonly Uint8Array[],
  reader: CheckpointReader,
  findings: Findings,
): readonly Checkpoint[] => {
  const opened = older.flatMap((bytes, i) => {
    try {
      return [reader.open(bytes).checkpoint]
    } catch (error) {
      if (!isTlogError(error)) throw error
      const message = `older checkpoint ${i}: ${error.code}: ${error.message}`
      findings.add({ kind: 'checkpoint', at: 'checkpoint', message }, 0)
      return []
    }
  })
  return opened.toSorted((a, b) => a.size - b.size)
}

interface Loaded extends LoadedBundle {
  readonly answers: KeyAnswers | undefined
}

/** One check under way. */
class Run {
  readonly #source: FsckSource
  readonly #head: Checkpoint
  readonly #findings: Findings
  readonly #options: FsckOptions
  readonly #bundles: BundleCheck
  readonly #tree: TreeCheck
  readonly #keys: KeyCheck | undefined

  private constructor(source: FsckSource, head: Checkpoint, findings: Findings, options: FsckOptions, keys?: KeyCheck) {
    const call: CallOptions = { signal: options.signal }
    this.#source = source
    this.#head = head
    this.#findings = findings
    this.#options = options
    this.#bundles = new BundleCheck(source, findings, head.size, call)
    this.#tree = new TreeCheck(source, findings, call)
    this.#keys = keys
  }

  static async start(source: FsckSource, head: Checkpoint, findings: Findings, options: FsckOptions): Promise<Run> {
    const keys = await KeyCheck.open({ source, findings, size: head.size, call: { signal: options.signal } })
    const run = new Run(source, head, findings, options, keys)
    await run.#tree.startAt(run.#firstBundle * TILE_WIDTH)
    return run
  }

  get checked(): Checked {
    const { entries, tiles } = this.#bundles.checked
    return { entries, tiles: tiles + this.#tree.tiles, keys: this.#keys?.count ?? 0 }
  }

  get #firstBundle(): number {
    return Math.floor(Math.min(this.#options.from ?? 0, this.#head.size) / TILE_WIDTH)
  }

  async bundles(older: readonly Checkpoint[]): Promise<void> {
    const { concurrency = 8, signal, onProgress } = this.#options
    for await (const loaded of prefetch(this.#ids(), concurrency, (id) => this.#load(id))) {
      signal?.throwIfAborted()
      const { id } = loaded
      const start = id.index * TILE_WIDTH
      const judged = await this.#bundles.judge(loaded)
      await this.#judgeKeys(loaded, judged)
      for (const checkpoint of older) {
        const isHere = checkpoint.size >= start && checkpoint.size < start + id.width
        if (isHere) this.#compareOlder(checkpoint, judged.leafHashes, start)
      }
      await this.#tree.add(judged.leafHashes)
      const index = start + id.width
      onProgress?.({ ...this.checked, size: this.#head.size, index, problems: this.#findings.count })
    }
    for (const checkpoint of older) {
      if (checkpoint.size >= this.#head.size) this.#compareOlder(checkpoint, new Uint8Array(0), this.#head.size)
    }
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

  #compareOlder({ size, root }: Checkpoint, next: Uint8Array, start: number): void {
    const isRight =
      size <= this.#head.size && equalHash(this.#tree.rootWith(next.subarray(0, (size - start) * HASH_SIZE)), root)
    if (isRight) return
    const message =
      size > this.#head.size
        ? `the log signed a checkpoint of size ${size}, and its newest has ${this.#head.size}`
        : `the log signed another root for size ${size}`
    this.#findings.add({ kind: 'checkpoint', at: size, message }, Math.min(size, this.#head.size))
  }

  *#ids(): Generator<BundleId, void, undefined> {
    const { size } = this.#head
    for (let index = this.#firstBundle; index * TILE_WIDTH < size; index++) {
      yield { index, width: tileWidth({ level: 'entries', index }, size) }
    }
  }
}
