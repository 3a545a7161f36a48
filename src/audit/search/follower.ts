/** The follower: takes events in as they are appended, reads those that it has missed, and writes what is complete. */
import { TlogError } from '../../primitives/error.ts'
import type { AppendedEvent } from '../recorder.ts'
import { SEGMENT_SIZE } from './bitmap.ts'
import type { IndexView } from './match.ts'
import { type ReadParts, readIndexables } from './read-events.ts'
import type { SearchStore } from './search-store.ts'
import { type Indexable, Segment, type Summary } from './segment.ts'

/** Where the index stands. */
export interface SearchPosition {
  /** Entries below this index are in the index. */
  readonly indexed: number
  /** Those below this one do not have to be read again after a restart. */
  readonly written: number
  /** The size of the published tree. */
  readonly size: number
  /** How many entries the index is behind. */
  readonly lag: number
}

/** Told how far a rebuild is, in entries. */
export type OnProgress = (progress: { readonly done: number; readonly total: number }) => void

/** Events that are read at a time. */
const READ_BATCH = 256

/** Events that are kept while those before them are read; more of them are read later as well. */
const MAX_HELD = 65_536

/** Complete segments that may wait to be written before reading goes on. */
const MAX_COMPLETE = 2

/** The index of a log as it grows. */
export class Follower {
  readonly #store: SearchStore
  readonly #parts: ReadParts
  readonly #summaries: Summary[]
  readonly #stale: number
  #growing: Segment
  /** Complete, and not written yet. */
  #complete: Segment[] = []
  /** Entries below it are in the index. */
  #indexed: number
  /** Events that were appended while those before them are read; undefined while nothing is read. */
  #held: AppendedEvent[] | undefined
  #reading: Promise<void> | undefined
  #writing: Promise<void> | undefined
  #maintenance: Promise<void> = Promise.resolve()
  #failure: unknown
  #hasHeard = false
  #isClosed = false

  private constructor(store: SearchStore, parts: ReadParts, summaries: Summary[], stale: number) {
    this.#store = store
    this.#parts = parts
    this.#summaries = summaries
    this.#stale = stale
    this.#growing = new Segment(summaries.length)
    this.#indexed = this.#growing.start
  }

  /** Opens, and begins to read what the index lacks; nobody waits for that here. Rejects with `io`. */
  static async open(store: SearchStore, parts: ReadParts): Promise<Follower> {
    const { summaries, stale } = await store.open(parts.reader.published.size)
    const follower = new Follower(store, parts, summaries, stale)
    // Whoever searches reads on, and is told what is in the way.
    follower.#reach(parts.reader.published.size).catch(() => {})
    return follower
  }

  /** Where it stands. */
  get position(): SearchPosition {
    const { size } = this.#parts.reader.published
    const written = this.#summaries.length * SEGMENT_SIZE
    return { indexed: this.#indexed, written, size, lag: Math.max(0, size - this.#indexed) }
  }

  /** Takes what was appended, in the order of indices. What it is not told of between two calls are entries of other kinds. */
  append(events: readonly AppendedEvent[]): void {
    const [first] = events
    if (first === undefined || this.#isClosed) return
    // Before the first call events may have been appended that nobody told of.
    const isMissing = !this.#hasHeard && first.index > this.#indexed
    this.#hasHeard = true
    if (isMissing) this.#startReading()
    if (this.#held === undefined) for (const event of events) this.#take(event)
    else if (this.#held.length + events.length > MAX_HELD) this.#held.length = 0
    else for (const event of events) this.#held.push(event)
  }

  /** The index once it has all entries below the size that the tree has now. Rejects with `corrupt` and `io`. */
  async view(): Promise<IndexView> {
    const { size } = this.#parts.reader.published
    while (this.#indexed < size) await this.#reach(size)
    const memory = new Map([...this.#complete, this.#growing].map((segment) => [segment.number, segment]))
    return { size: this.#indexed, memory, summaries: this.#summaries, store: this.#store }
  }

  /** Makes every segment anew from the log; what is searched meanwhile is found. Rejects with `corrupt`, `io`, `poisoned`. */
  rebuild(onProgress: OnProgress = () => {}): Promise<void> {
    return this.#maintain(async () => {
      const total = this.#indexed
      const written = this.#summaries.length
      for (let segment = 0; segment < written && !this.#isClosed; segment++) {
        await this.#rewrite(segment)
        onProgress({ done: (segment + 1) * SEGMENT_SIZE, total })
      }
      await this.#readGrowing()
      onProgress({ done: total, total })
    })
  }

  /** Makes the segments of these entries anew, after something of them was erased. Rejects as `rebuild` does. */
  refresh(indices: readonly number[]): Promise<void> {
    return this.#maintain(async () => {
      const segments = new Set(indices.map((index) => Math.floor(index / SEGMENT_SIZE)))
      for (const segment of segments) {
        // It may have been completed meanwhile.
        while (segment >= this.#summaries.length && segment < this.#growing.number) await this.drain()
        await (segment < this.#summaries.length ? this.#rewrite(segment) : this.#readGrowing())
      }
    })
  }

  /** Resolves once everything complete is written. Rejects with what stopped the writing. */
  async drain(): Promise<void> {
    await this.#reading
    await this.#writing
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Stops reading, and waits for what is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled([this.#reading, this.#maintenance])
    await this.#writing
  }

  async #reach(size: number): Promise<void> {
    if (this.#indexed < size && this.#held === undefined) {
      // Who has published is about to tell: reading the same events takes longer.
      await new Promise((resolve) => setImmediate(resolve))
    }
    while (this.#indexed < size) {
      if (this.#isClosed) throw new TlogError('io', 'the search index is closed')
      this.#startReading()
      await this.#reading
    }
  }

  /** From now on events that are appended are held. Whoever does not wait for it is not told that it failed. */
  #startReading(): void {
    if (this.#held !== undefined) return
    this.#held = []
    this.#reading = this.#read(this.#held)
    this.#reading.catch(() => {})
  }

  /** Reads up to the first event that is held, or all that is published. */
  async #read(held: readonly AppendedEvent[]): Promise<void> {
    try {
      for (;;) {
        const target = held[0]?.index ?? this.#parts.reader.published.size
        const end = Math.min(this.#indexed + READ_BATCH, target)
        const events = end > this.#indexed ? await readIndexables(range(this.#indexed, end), this.#parts) : []
        for (const event of events) this.#take(event)
        this.#reachIndex(end)
        // At least once, so that nothing is over before it has begun.
        await (this.#complete.length > MAX_COMPLETE ? this.#writing : undefined)
        if (this.#isClosed || this.#indexed >= (held[0]?.index ?? this.#parts.reader.published.size)) break
      }
      this.#held = undefined
      this.#reading = undefined
      // Closed, it may have read less than what is before them.
      if (!this.#isClosed) for (const event of held) this.#take(event)
    } catch (error) {
      // What was held is lost, so whoever appends next must not believe that there was nothing in between.
      this.#held = undefined
      this.#reading = undefined
      this.#hasHeard = false
      throw error
    }
  }

  #take(event: Indexable): void {
    if (event.index < this.#indexed) return
    this.#reachIndex(event.index)
    this.#growing.add(event)
    this.#reachIndex(event.index + 1)
  }

  /** Everything below `index` is in the index. */
  #reachIndex(index: number): void {
    this.#indexed = Math.max(this.#indexed, index)
    while (this.#indexed >= this.#growing.start + SEGMENT_SIZE) {
      this.#complete.push(this.#growing)
      this.#growing = new Segment(this.#growing.number + 1)
    }
    if (this.#complete.length > 0 && this.#failure === undefined) this.#writing ??= this.#write()
  }

  async #write(): Promise<void> {
    try {
      for (let segment = this.#complete[0]; segment !== undefined; segment = this.#complete[0]) {
        const { number, summary } = segment
        const state = { written: number + 1, stale: this.#stale }
        await this.#store.write(segment, { state, replace: number < this.#stale })
        this.#summaries.push(summary)
        this.#complete = this.#complete.slice(1)
      }
    } catch (error) {
      // The store takes nothing any more. What is in memory is searched on; after a restart it is read from the log.
      this.#failure = error
    } finally {
      this.#writing = undefined
    }
  }

  /** One at a time, and when nothing is read or written, so that none overwrites what another has found erased. */
  #maintain(work: () => Promise<void>): Promise<void> {
    const done = this.#maintenance.then(async () => {
      await this.#reach(this.#parts.reader.published.size)
      await this.drain()
      await work()
    })
    this.#maintenance = done.catch(() => {})
    return done
  }

  async #rewrite(number: number): Promise<void> {
    const segment = new Segment(number)
    const end = segment.start + SEGMENT_SIZE
    for (let at = segment.start; at < end; at += READ_BATCH)
      for (const event of await readIndexables(range(at, at + READ_BATCH), this.#parts)) segment.add(event)
    await this.#store.write(segment, { replace: true })
    this.#summaries[number] = segment.summary
  }

  /** Makes the segment that grows anew. */
  async #readGrowing(): Promise<void> {
    while (this.#reading !== undefined) await this.#reading
    this.#growing = new Segment(this.#growing.number)
    this.#indexed = this.#growing.start
    this.#startReading()
    await this.#reach(this.#parts.reader.published.size)
  }
}

const range = (start: number, end: number): readonly number[] =>
  Array.from({ length: end - start }, (_, i) => start + i)
