/** The recorder: takes events of many sources, chains those of each, and appends them with their payloads, each once. */
import type { Appender, PublishedCheckpoint } from '../log/log.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'
import type { Change, KeyValueStore } from '../storage/storage.ts'
import { MAX_PAYLOAD, type MadeEntry, makeEntry, type Recordable, subjectsOf } from './make-entry.ts'
import { gapEvent, OWN_SOURCE } from './own-events.ts'
import { type Sealer, sealPayload } from './payload.ts'
import { type EventId, type EventPlace, placeEvents } from './place-events.ts'
import {
  AUDIT_STORE,
  formatIdRecord,
  formatSourceState,
  NEW_SOURCE,
  parseSourceState,
  payloadRow,
  type SourceState,
  sourceRow,
} from './records.ts'
import type { Subjects } from './subjects.ts'

/** What became of an event. */
export type Recorded =
  | {
      readonly kind: 'recorded'
      readonly index: number
      /** True when it was there already, so that its first index is answered. */
      readonly isDuplicate: boolean
      /** When the log received it, in milliseconds since the Unix epoch; undefined for what was there before. */
      readonly received: number | undefined
      readonly leafHash: Hash | undefined
    }
  /** The source has another event with this id, at this index where it was there before. */
  | { readonly kind: 'conflict'; readonly index: number | undefined }
  /** It is larger than an event may be. Those that came with it are not held back by it. */
  | { readonly kind: 'too large'; readonly message: string }

/** The answer to some events. */
export interface RecordedAll {
  /** One for each event, in the order given. */
  readonly items: readonly Recorded[]
  /** Covers all that were recorded. */
  readonly checkpoint: PublishedCheckpoint
}

/** An event that is in the log now. */
export interface AppendedEvent extends Recordable {
  readonly index: number
  readonly received: number
}

/** What a recorder works with. */
export interface RecorderParts {
  readonly log: Appender & { readonly published: PublishedCheckpoint }
  /** The store `AUDIT_STORE` of the log's storage. */
  readonly store: KeyValueStore
  readonly origin: string
  readonly subjects: Subjects
  readonly sealer: Sealer
  /** Random bytes from a cryptographic source. */
  readonly random: (size: number) => Uint8Array
  /** Wall clock. */
  readonly clock: Clock
  /** Told of what was appended, in the order of the indices, before anybody is answered. Default: nobody. */
  readonly appended?: ((events: readonly AppendedEvent[]) => void) | undefined
}

interface Waiting {
  readonly items: readonly Recordable[]
  readonly resolve: (recorded: RecordedAll) => void
  readonly reject: (error: unknown) => void
}

/** An event on its way, its own or that of a producer. */
interface Draft {
  readonly item: Recordable
  readonly id: EventId
  /** Which of the items it is; undefined for one that the log makes. */
  readonly position: number | undefined
}

interface Made extends Draft {
  readonly entry: MadeEntry
  /** Its payload, sealed. */
  readonly payload: Uint8Array
  readonly received: number
}

/** Everything of one commit. */
interface Step {
  readonly made: readonly Made[]
  /** Where the chains of the sources stand after it. */
  readonly states: ReadonlyMap<string, SourceState>
}

/** Events of one step, so that a step takes about as long as a commit. */
const MAX_STEP = 1_024

/** Events that may wait. */
const MAX_WAITING = 65_536

/** The one writer of audit entries. Steps follow each other, since each goes on where the chains of the last one ended. */
export class Recorder {
  readonly #parts: RecorderParts
  #waiting: Waiting[] = []
  #count = 0
  #running: Promise<void> | undefined

  constructor(parts: RecorderParts) {
    this.#parts = parts
  }

  /** How many events wait. */
  get waiting(): number {
    return this.#count
  }

  /**
   * Resolves once all events are synced with their payloads and under a published checkpoint. Rejects as an Appender does,
   * for all of them alike: after `pushback` nothing was kept, and after `unknown_outcome` sending them again is safe.
   */
  record(items: readonly Recordable[]): Promise<RecordedAll> {
    if (this.#count + items.length > MAX_WAITING)
      return Promise.reject(new TlogError('pushback', `${this.#count} events wait already`))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ items, resolve, reject })
      this.#count += items.length
      // Whoever comes in the same turn of the event loop joins the step.
      this.#running ??= new Promise<void>((done) => setImmediate(done)).then(() => this.#run())
    })
  }

  /** Waits until everything that waits is answered. */
  async drain(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#answer(this.#take())
    this.#running = undefined
  }

  #take(): readonly Waiting[] {
    let taken = 0
    let items = 0
    for (const waiting of this.#waiting) {
      if (taken > 0 && items + waiting.items.length > MAX_STEP) break
      items += waiting.items.length
      taken++
    }
    this.#count -= items
    return this.#waiting.splice(0, taken)
  }

  async #answer(taken: readonly Waiting[]): Promise<void> {
    try {
      const { items: all, checkpoint } = await this.#record(taken.flatMap(({ items }) => items))
      let at = 0
      for (const { items, resolve } of taken) {
        resolve({ items: all.slice(at, at + items.length), checkpoint })
        at += items.length
      }
    } catch (error) {
      for (const { reject } of taken) reject(error)
    }
  }

  async #record(items: readonly Recordable[]): Promise<RecordedAll> {
    const { log, store, subjects, appended } = this.#parts
    const places = await placeEvents(items, store, subjects)
    // After a commit that could not be published its rows are there, and nothing of it may be acknowledged.
    if (places.some((place) => place.kind === 'known' && place.index >= log.published.size))
      throw new TlogError('unknown_outcome', 'an event is in the database, but under no published checkpoint')
    const step = await this.#make(items, places)
    if (step.made.length === 0) return { items: answersOf(places, new Map()), checkpoint: log.published }
    const leaves = step.made.map(({ entry }) => entry.leaf)
    const beside = (indices: readonly number[]) => new Map([[AUDIT_STORE, rowsOf(step, indices)]])
    const { indices, checkpoint } = await log.append(leaves, beside)
    const events = step.made.map(({ item, received }, i) => ({ ...item, received, index: indices[i] ?? 0 }))
    appended?.(events)
    const recorded = new Map<number, Recorded>()
    for (const [i, { position, entry, received }] of step.made.entries())
      if (position !== undefined)
        recorded.set(position, {
          kind: 'recorded',
          index: indices[i] ?? 0,
          isDuplicate: false,
          received,
          leafHash: entry.leafHash,
        })
    return { items: answersOf(places, recorded), checkpoint }
  }

  async #make(items: readonly Recordable[], places: readonly EventPlace[]): Promise<Step> {
    const { store, subjects, sealer, origin, random, clock } = this.#parts
    const fresh = places.flatMap((place, position): Draft[] => {
      const item = items[position]
      return place.kind === 'fresh' && item !== undefined ? [{ item, id: place.id, position }] : []
    })
    const names = [...new Set([...fresh.map(({ item }) => item.source), OWN_SOURCE])]
    const rows = await store.getMany(names.map(sourceRow))
    const states = new Map(names.map((name, i) => [name, rows[i] ? parseSourceState(rows[i]) : NEW_SOURCE]))
    const drafts = await this.#withGaps(fresh, states)
    const wanted = drafts.map(({ item }) => subjectsOf(item.event))
    const found = await subjects.find(wanted.flat())
    const made: Made[] = []
    let at = 0
    for (const [i, draft] of drafts.entries()) {
      const { source, event } = draft.item
      const count = wanted[i]?.length ?? 0
      const state = states.get(source) ?? NEW_SOURCE
      const received = clock()
      const subjectsOfIt = found.slice(at, at + count)
      at += count
      const entry = ifNotTooLarge(() =>
        makeEntry(draft.item, { origin, received, state, subjects: subjectsOfIt, random }),
      )
      if (entry === undefined) continue
      const { openings, leafHash } = entry
      const keys = { actor: entry.actor.key, target: entry.target.key }
      made.push({ ...draft, entry, received, payload: sealPayload(openings, keys, leafHash, sealer) })
      const numbered = Math.max(state.numbered, event.n ?? 0)
      states.set(source, { entries: state.entries + 1, last: entry.leafHash, numbered })
    }
    return { made, states }
  }

  /** Before each event whose source skipped numbers, the entry that says which. */
  async #withGaps(fresh: readonly Draft[], states: ReadonlyMap<string, SourceState>): Promise<readonly Draft[]> {
    const numbered = new Map([...states].map(([name, state]) => [name, state.numbered]))
    const gaps: { readonly before: number; readonly item: Recordable }[] = []
    for (const [i, { item }] of fresh.entries()) {
      const { n } = item.event
      if (n === undefined) continue
      const last = numbered.get(item.source) ?? 0
      if (n > last + 1) gaps.push({ before: i, item: gapEvent(item.source, last + 1, n - 1, this.#parts.clock()) })
      numbered.set(item.source, Math.max(last, n))
    }
    if (gaps.length === 0) return fresh
    const { store, subjects } = this.#parts
    const places = await placeEvents(
      gaps.map(({ item }) => item),
      store,
      subjects,
    )
    const drafts: Draft[] = []
    for (const [i, draft] of fresh.entries()) {
      for (const [k, gap] of gaps.entries()) {
        const place = places[k]
        if (gap.before === i && place?.kind === 'fresh')
          drafts.push({ item: gap.item, id: place.id, position: undefined })
      }
      drafts.push(draft)
    }
    return drafts
  }
}

const rowsOf = ({ made, states }: Step, indices: readonly number[]): readonly Change[] => {
  const changes: Change[] = []
  for (const [i, { payload, id }] of made.entries()) {
    const index = indices[i] ?? 0
    changes.push({ key: payloadRow(index), value: payload })
    changes.push({ key: id.row, value: formatIdRecord({ index, content: id.content }) })
  }
  for (const [name, state] of states)
    if (state.last !== undefined) changes.push({ key: sourceRow(name), value: formatSourceState(state) })
  return changes
}

const answersOf = (places: readonly EventPlace[], recorded: ReadonlyMap<number, Recorded>): readonly Recorded[] =>
  places.map((place, position): Recorded => {
    if (place.kind === 'conflict') return place
    const known = { kind: 'recorded', isDuplicate: true, received: undefined, leafHash: undefined } as const
    if (place.kind === 'known') return { ...known, index: place.index }
    const first = recorded.get(place.kind === 'repeated' ? place.of : position)
    // Whatever was not made was too large: everything else that goes wrong goes wrong for all.
    if (first?.kind !== 'recorded')
      return { kind: 'too large', message: `an event has at most ${MAX_PAYLOAD} bytes of payload` }
    return { ...first, isDuplicate: place.kind === 'repeated' }
  })

const ifNotTooLarge = <T>(make: () => T): T | undefined => {
  try {
    return make()
  } catch (error) {
    if (isTlogError(error, 'too_large')) return undefined
    throw error
  }
}
