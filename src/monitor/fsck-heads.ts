/** Older checkpoints under fsck: whatever the log signed before must be of the same history. */
import type { TreeHead } from '../client/tile-tree.ts'
import { type CheckpointReader, checkpointReader, type Trust } from '../client/trust.ts'
import { isTlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import type { Checkpoint } from '../tlog/checkpoint.ts'
import type { Findings } from './fsck-report.ts'
import { type FsckSource, readOrDamage } from './fsck-source.ts'

/** Where older checkpoints come from, and whom to believe. */
export interface HeadParts {
  readonly source: FsckSource
  readonly findings: Findings
  readonly trust: Trust
  /** Given by the caller. */
  readonly older: readonly Uint8Array[]
  /** Smaller ones are not looked at. */
  readonly from: number
  /** The newest head, which is judged elsewhere. */
  readonly newest: TreeHead
}

/** Compares older checkpoints with the tree as it grows: each in its turn, since they are taken by size. */
export class HeadCheck {
  readonly #findings: Findings
  readonly #newest: TreeHead
  readonly #sources: readonly AsyncIterator<Checkpoint>[]
  readonly #waiting: (Checkpoint | undefined)[] = []
  #count = 0

  private constructor({ findings, newest }: HeadParts, sources: readonly AsyncIterator<Checkpoint>[]) {
    this.#findings = findings
    this.#newest = newest
    this.#sources = sources
  }

  /** Takes the first checkpoint of each source. */
  static async open(parts: HeadParts): Promise<HeadCheck> {
    const check = new HeadCheck(parts, [given(parts), kept(parts)])
    for (const source of check.#sources) check.#waiting.push(await nextOf(source))
    return check
  }

  /** How many were compared. */
  get count(): number {
    return this.#count
  }

  /** Compares all checkpoints up to but not including size `end`; `rootAt` answers nothing where the tree is in doubt. */
  async upTo(end: number, rootAt: (size: number) => Hash | undefined): Promise<void> {
    for (const [i, source] of this.#sources.entries()) {
      for (let next = this.#waiting[i]; next !== undefined && next.size < end; next = this.#waiting[i]) {
        this.#compare(next, rootAt)
        this.#waiting[i] = await nextOf(source)
      }
    }
  }

  /** Lets go of the sources. */
  async close(): Promise<void> {
    for (const source of this.#sources) await source.return?.()
  }

  #compare({ size, root }: Checkpoint, rootAt: (size: number) => Hash | undefined): void {
    const newest = this.#newest
    const found = size > newest.size ? undefined : rootAt(size)
    if (size <= newest.size && found === undefined) return
    this.#count++
    const isNewest = size === newest.size && equalHash(root, newest.root)
    if (isNewest || (found !== undefined && equalHash(found, root))) return
    const message =
      found === undefined
        ? `the log signed a checkpoint of size ${size}, and its newest has ${newest.size}`
        : `the log signed another root for size ${size}`
    this.#findings.add({ kind: 'checkpoint', at: size, message }, Math.min(size, newest.size))
  }
}

const nextOf = async (source: AsyncIterator<Checkpoint>): Promise<Checkpoint | undefined> => {
  const { done, value } = await source.next()
  return done === true ? undefined : value
}

/** The checkpoints of the caller, by size. */
async function* given({ findings, trust, older, from }: HeadParts): AsyncGenerator<Checkpoint, void, undefined> {
  const reader = checkpointReader(trust)
  const opened = older.flatMap((bytes, i) => open(reader, bytes, findings, `older checkpoint ${i}`))
  yield* opened.filter(({ size }) => size >= from).toSorted((a, b) => a.size - b.size)
}

/** The checkpoints that are kept with the log, which come by size. */
async function* kept({ source, findings, trust, from }: HeadParts): AsyncGenerator<Checkpoint, void, undefined> {
  const reader = checkpointReader(trust)
  const heads = source.heads?.()[Symbol.asyncIterator]()
  for (let last = from; heads !== undefined; ) {
    const read = await readOrDamage(heads.next())
    if (read.kind === 'damage') {
      return findings.add({ kind: 'checkpoint', at: last, message: `after this size: ${read.error.message}` }, last)
    }
    if (read.value.done === true) return
    for (const checkpoint of open(reader, read.value.value, findings, `a checkpoint kept after size ${last}`)) {
      last = Math.max(from, checkpoint.size)
      if (checkpoint.size >= from) yield checkpoint
    }
  }
}

const open = (reader: CheckpointReader, bytes: Uint8Array, findings: Findings, what: string): readonly Checkpoint[] => {
  try {
    // Signed is enough: whatever the quorum, the log may not contradict itself.
    return [reader.openKept(bytes).checkpoint]
  } catch (error) {
    if (!isTlogError(error)) throw error
    findings.add({ kind: 'checkpoint', at: 'checkpoint', message: `${what}: ${error.code}: ${error.message}` }, 0)
    return []
  }
}
