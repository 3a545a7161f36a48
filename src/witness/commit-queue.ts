/** Group commit: what comes while one write syncs is written with the next, and a mark outside the database counts them. */
import { encodeUint64, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import type { Change, KeyValueStore } from '../storage/storage.ts'
import { commitsRow, readCommits } from './records.ts'

/** A memory outside the database of how many commits it must have, so that an older copy of it is noticed. */
export interface HighWaterMark {
  /** The newest record, undefined before the first. */
  last(): Promise<MarkRecord | undefined>
  /** Compare and swap, durably. Rejects with `conflict` or `io`. */
  record(previous: MarkRecord | undefined, value: Uint8Array): Promise<MarkRecord>
}

/** What the mark holds: the number of commits, 8 bytes big-endian. */
export interface MarkRecord {
  readonly sequence: number
  readonly value: Uint8Array
}

interface Waiting {
  readonly changes: readonly Change[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The one writer of a witness's store. After the first failure it writes no more. */
export class CommitQueue {
  readonly #store: KeyValueStore
  readonly #mark: HighWaterMark
  #record: MarkRecord | undefined
  #commits: number
  #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #failure: unknown

  private constructor(store: KeyValueStore, mark: HighWaterMark, record: MarkRecord | undefined, commits: number) {
    this.#store = store
    this.#mark = mark
    this.#record = record
    this.#commits = commits
  }

  /**
   * Opens. Rejects with `refused` when the database has fewer commits than the mark knows of: it is an older copy,
   * and a witness that goes on from one may cosign a fork.
   */
  static async open(store: KeyValueStore, mark: HighWaterMark): Promise<CommitQueue> {
    const commits = await readCommits(store)
    const record = await mark.last()
    const known = record === undefined ? 0 : readUint64(record.value)
    if (commits < known)
      throw new TlogError(
        'refused',
        `the database has ${commits} commits, and ${known} were made: it is an older copy; put the newest one back, or retire this witness: it may cosign a fork`,
      )
    // Without a mark every older copy would pass.
    if (record === undefined && commits > 0)
      throw new TlogError(
        'refused',
        `the database has ${commits} commits, and the high-water mark knows of none: put the mark back`,
      )
    // Now, and not with the first commit: a crash between that and its mark must not look like a mark that was lost. And
    // one that is behind, as after a crash between the two, would let a copy without the last commit pass.
    const isUpToDate = record !== undefined && known === commits
    const marked = isUpToDate ? record : await mark.record(record, encodeUint64(commits))
    return new CommitQueue(store, mark, marked, commits)
  }

  /** Why nothing is written any more, if so. */
  get failure(): unknown {
    return this.#failure
  }

  /** Resolves when the changes are durable, all of them. Rejects with `poisoned` once a write has failed. */
  commit(changes: readonly Change[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#poisoned())
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing is under way. */
  async drain(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    // A turn of the event loop lets what arrived with the first one join it.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        if (this.#failure !== undefined) throw this.#poisoned()
        await this.#write(group.flatMap(({ changes }) => changes))
        for (const { resolve } of group) resolve()
      } catch (error) {
        this.#failure ??= error
        for (const { reject } of group) reject(this.#poisoned())
      }
    }
    this.#running = undefined
  }

  async #write(changes: readonly Change[]): Promise<void> {
    const commits = this.#commits + 1
    await this.#store.write([...changes, commitsRow(commits)])
    // The database first: a mark ahead of it would look like a restored older copy.
    this.#record = await this.#mark.record(this.#record, encodeUint64(commits))
    this.#commits = commits
  }

  #poisoned(): TlogError {
    return new TlogError('poisoned', 'a write failed; the witness must be restarted', { cause: this.#failure })
  }
}
