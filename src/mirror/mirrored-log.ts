/** One log of a mirror: its copy, where uploads may begin and end, and the mirror checkpoint, which never goes back. */
import { LogReader, type ReadHead } from '../log/reader.ts'
import { formatNote, type NoteSignature, parseNote } from '../note/note.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import { parseCheckpoint } from '../tlog/checkpoint.ts'
import type { AddEntriesHeader } from '../tlog/protocol/add-entries.ts'
import type { MirrorInfo } from '../tlog/protocol/mirror-info.ts'
import type { CommitQueue } from '../witness/commit-queue.ts'
import type { Cosigners } from '../witness/cosigners.ts'
import type { Witness } from '../witness/witness.ts'
import type { AddEntriesAnswer } from './answers.ts'
import type { ObserveMirror } from './events.ts'
import type { LogCopy } from './log-copy.ts'
import { mirroredRow, readMirrored } from './records.ts'

/** What the logs of a mirror share. */
export interface SharedParts {
  readonly store: KeyValueStore
  readonly queue: CommitQueue
  /** Decides on pending checkpoints and keeps them; it has no keys. */
  readonly pending: Witness
  readonly cosigners: Cosigners
  readonly observe: ObserveMirror
}

/** A pending checkpoint, and its tree. */
export interface Pending {
  readonly text: string
  /** By the log. */
  readonly signatures: readonly NoteSignature[]
  readonly size: number
  readonly root: Hash
}

/** The mirror checkpoint. */
interface Mirrored extends Pending {
  readonly bytes: Uint8Array
  /** The mirror's own. */
  readonly own: readonly NoteSignature[]
  /** Of the newest of them, in POSIX seconds. */
  readonly time: number
}

/**
 * How many entries an upload may bring that are there already: as many as the one request has that a client sends again
 * when it lost the answer.
 */
const MAX_EXCESS = 8_192

/** A checkpoint that was cosigned less than this many seconds ago is answered with the same cosignatures again. */
const REPEAT_SECONDS = 5

/** A log that is mirrored. */
export class MirroredLog {
  readonly origin: string
  readonly copy: LogCopy
  /** Reads what the mirror checkpoint commits to. Only for use while `isWhole`. */
  readonly reader: LogReader<ReadHead>
  readonly #hash: Uint8Array
  readonly #parts: SharedParts
  #mirrored: Mirrored | undefined
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(origin: string, hash: Uint8Array, copy: LogCopy, parts: SharedParts, mirrored?: Mirrored) {
    this.origin = origin
    this.copy = copy
    this.#hash = hash
    this.#parts = parts
    this.#mirrored = mirrored
    this.reader = new LogReader(copy.store, () => ({ checkpoint: this.#checkpoint(), tree: copy.tree }))
  }

  /** Opens. Rejects with `corrupt` when the copy is not of the history that was cosigned. */
  static async open(origin: string, hash: Uint8Array, copy: LogCopy, parts: SharedParts): Promise<MirroredLog> {
    const bytes = await readMirrored(parts.store, hash)
    const mirrored = bytes && parseMirrored(bytes, parts.cosigners)
    if (mirrored !== undefined && copy.size >= mirrored.size) assertRoot(mirrored, await copy.rootAt(mirrored.size))
    return new MirroredLog(origin, hash, copy, parts, mirrored)
  }

  /** The size of the mirror checkpoint, undefined before the first. */
  get mirroredSize(): number | undefined {
    return this.#mirrored?.size
  }

  /** The mirror checkpoint, undefined before the first. */
  get mirrored(): Uint8Array | undefined {
    return this.#mirrored?.bytes
  }

  /** False while the copy lacks entries that were cosigned: it was lost or put back, and has to be uploaded again. */
  get isWhole(): boolean {
    return this.copy.size >= (this.#mirrored?.size ?? 0)
  }

  #checkpoint(): Uint8Array {
    if (this.#mirrored === undefined) throw new TlogError('not_found', 'this log has no mirror checkpoint yet')
    return this.#mirrored.bytes
  }

  /** Judges the header of an upload: the checkpoint that it goes to, or the answer to it. */
  async begin({ start, end }: AddEntriesHeader): Promise<Pending | AddEntriesAnswer> {
    const latest = await this.#parts.pending.latestOf(this.origin)
    // spec: If the mirror has never received a pending checkpoint signed by the log, [...] "422 Unprocessable Entity"
    if (latest === undefined) return { kind: 'refused', reason: 'no checkpoint of this log was added yet' }
    // spec: If `upload_end` is neither a known pending checkpoint value nor the mirror checkpoint's tree size, [...] "409
    // Conflict". Every pending checkpoint is kept, and so the ticket has nothing to say.
    const kept = await this.#parts.pending.kept(this.origin, end)
    // spec: If `upload_end` is less than the mirror checkpoint's tree size, [...] "409 Conflict"
    if (kept === undefined || end < (this.#mirrored?.size ?? 0)) return this.#conflict(parsePending(latest).size)
    // spec: If `upload_start` is greater than the mirror's next entry, [...] "409 Conflict"
    if (start > this.copy.size) return this.#conflict(end)
    // spec: Let `excess_entries = min(upload_end, next_entry) - upload_start` [...] If `excess_entries` is too large, [...]
    // "409 Conflict"
    if (Math.min(end, this.copy.size) - start > MAX_EXCESS) return this.#conflict(end)
    return parsePending(kept)
  }

  /** How to go on with an upload to `size`. An upload cannot start after its end, so the next entry is never said to lie there. */
  info(size: number): MirrorInfo {
    return { size, next: Math.min(this.copy.size, size), ticket: new Uint8Array(0) }
  }

  #conflict(size: number): AddEntriesAnswer {
    return { kind: 'conflict', info: this.info(size) }
  }

  /**
   * Cosigns the checkpoint at which an upload ends, all of whose entries are durable, and makes it the mirror checkpoint.
   * Rejects with `poisoned`, `corrupt` or `refused` (the clock).
   */
  finish(pending: Pending): Promise<AddEntriesAnswer> {
    const turn = this.#turn.then(() => this.#finish(pending))
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #finish(pending: Pending): Promise<AddEntriesAnswer> {
    const { cosigners, queue, observe } = this.#parts
    const before = this.#mirrored
    // spec: the mirror MUST NOT rewind the checkpoint [...] If `upload_end` was too small, [...] "409 Conflict"
    if (before !== undefined && pending.size < before.size) {
      const latest = await this.#parts.pending.latestOf(this.origin)
      return this.#conflict(latest === undefined ? before.size : parsePending(latest).size)
    }
    const time = cosigners.nextTime(before?.time ?? 0)
    const isRepeat = before !== undefined && before.text === pending.text && before.time + REPEAT_SECONDS > time
    if (isRepeat && before.own.length > 0) return { kind: 'cosigned', signatures: before.own }
    // Each package was proven alone; this is the tree that they made together.
    assertRoot(pending, await this.copy.rootAt(pending.size))
    const signatures = await cosigners.sign(pending.text, time)
    const bytes = formatNote({ text: pending.text, signatures: [...pending.signatures, ...signatures] })
    // spec: The mirror MUST persist the new checkpoint before responding.
    await queue.commit([mirroredRow(this.#hash, bytes)])
    this.#mirrored = { ...pending, bytes, own: signatures, time }
    observe({ kind: 'mirrored', origin: this.origin, size: pending.size, checkpoint: bytes })
    return { kind: 'cosigned', signatures }
  }
}

const parsePending = (bytes: Uint8Array): Pending => {
  const { text, signatures } = parseNote(bytes)
  const { size, root } = parseCheckpoint(text)
  return { text, signatures, size, root }
}

const parseMirrored = (bytes: Uint8Array, cosigners: Cosigners): Mirrored => {
  const pending = parsePending(bytes)
  const own = pending.signatures.filter((signature) => cosigners.isOwn(signature))
  const signatures = pending.signatures.filter((signature) => !cosigners.isOwn(signature))
  return { ...pending, signatures, bytes, own, time: cosigners.timeOf(own) }
}

const assertRoot = ({ size, root }: Pick<Pending, 'size' | 'root'>, found: Hash): void => {
  if (!equalHash(root, found))
    throw new TlogError('corrupt', `the copy has another root of size ${size} than was signed`)
}

/** True for the answer of `begin`, false for a checkpoint. */
export const isAnswer = (begun: Pending | AddEntriesAnswer): begun is AddEntriesAnswer => 'kind' in begun
