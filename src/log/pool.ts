/** The pool: what waits for the next commit, bounded in entries and bytes. */
import { TlogError } from '../primitives/error.ts'
import { MAX_ENTRY_SIZE } from '../tlog/entry-bundle.ts'
import type { Appended, Entry, RowsBeside } from './log.ts'

/** Bounds. A submission is never split between commits. */
export interface PoolLimits {
  /** Entries that may wait, over all producers. */
  readonly maxPoolEntries: number
  /** Bytes that may wait. */
  readonly maxPoolBytes: number
  /** Entries after which a commit takes no further submission. */
  readonly maxCommitEntries: number
  /** Bytes after which a commit takes no further submission. */
  readonly maxCommitBytes: number
}

/** 65,536 entries or 64 MiB waiting; commits of about 4,096 entries or 8 MiB. */
export const defaultPoolLimits: PoolLimits = {
  maxPoolEntries: 65_536,
  maxPoolBytes: 64 * 2 ** 20,
  maxCommitEntries: 4_096,
  maxCommitBytes: 8 * 2 ** 20,
}

/** One call of append, waiting. */
export interface Submission {
  readonly entries: readonly Entry[]
  /** 32 bytes for each entry, where they were hashed before their turn. */
  leafHashes?: Uint8Array
  /** What is committed with them. */
  readonly beside?: RowsBeside | undefined
  readonly resolve: (appended: Appended) => void
  readonly reject: (error: unknown) => void
}

/** Submissions in order of arrival. */
export class Pool {
  readonly #limits: PoolLimits
  #waiting: Submission[] = []
  #entries = 0
  #bytes = 0

  constructor(limits: PoolLimits) {
    this.#limits = limits
  }

  /** How many entries wait. */
  get entries(): number {
    return this.#entries
  }

  /**
   * Takes a submission in. Throws `too_large` for an entry that no bundle can hold or a submission that would not even fit
   * an empty pool, and `pushback` when it does not fit now.
   */
  add(submission: Submission): void {
    const bytes = sizeOf(submission)
    const { maxPoolEntries, maxPoolBytes } = this.#limits
    if (submission.entries.length > maxPoolEntries || bytes > maxPoolBytes) {
      throw new TlogError('too_large', `at most ${maxPoolEntries} entries and ${maxPoolBytes} bytes are taken at once`)
    }
    if (this.#entries + submission.entries.length > maxPoolEntries || this.#bytes + bytes > maxPoolBytes) {
      throw new TlogError('pushback', `${this.#entries} entries wait already`)
    }
    this.#entries += submission.entries.length
    this.#bytes += bytes
    this.#waiting.push(submission)
  }

  /** Removes and returns what the next commit takes, oldest first; empty when nothing waits. */
  take(): readonly Submission[] {
    let entries = 0
    let bytes = 0
    let count = 0
    for (const submission of this.#waiting) {
      if (count > 0 && (entries >= this.#limits.maxCommitEntries || bytes >= this.#limits.maxCommitBytes)) break
      entries += submission.entries.length
      bytes += sizeOf(submission)
      count++
    }
    const taken = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    this.#entries -= entries
    this.#bytes -= bytes
    return taken
  }

  /** Removes and returns everything. */
  takeAll(): readonly Submission[] {
    const taken = this.#waiting
    this.#waiting = []
    this.#entries = 0
    this.#bytes = 0
    return taken
  }
}

const sizeOf = ({ entries }: Submission): number => {
  let bytes = 0
  for (const entry of entries) {
    if (entry.length > MAX_ENTRY_SIZE)
      throw new TlogError('too_large', `an entry has at most ${MAX_ENTRY_SIZE} bytes, got ${entry.length}`)
    bytes += entry.length
  }
  return bytes
}
