/** A monitor: looks at a log again and again, verifies all of it, remembers how far it came, and raises alarms (spec/monitor.md). */
import type { InconsistentError } from '../client/inconsistent.ts'
import type { CallOptions, LogResources } from '../client/resources.ts'
import { checkpointReader, type Trust } from '../client/trust.ts'
import { formatVerifierKey } from '../note/key.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, type TlogError } from '../primitives/error.ts'
import { NO_QUORUM } from '../tlog/policy.ts'
import {
  type Alarm,
  type AlarmChange,
  type AlarmRules,
  type AlarmState,
  acknowledge,
  addFinding,
  type Finding,
  noAlarms,
  takeLook,
} from './alarms.ts'
import { httpSource } from './fsck-source.ts'
import type { MonitorState, MonitorStore } from './monitor-state.ts'
import { CHUNK_ENTRIES, DataVerifier, MAX_DAMAGED, type VerifiedData } from './verify-data.ts'
import { HeadWatch, type JudgedHead, type ServedHead } from './watch-head.ts'

/** What a monitor works with. */
export interface MonitorParts {
  readonly resources: LogResources
  /** Keys of one log, or a policy; without time bounds. */
  readonly trust: Trust
  readonly store: MonitorStore
  readonly clock: Clock
  /** After this many seconds without progress, or without a newer quorum, the log is stale. */
  readonly maxAge: number
  /** Told of each alarm that begins or ends, before it is remembered: after a crash in between it comes again. */
  readonly announce: (change: AlarmChange) => Promise<void>
  /** Given the two heads of each fork that was not known, before it is announced. */
  readonly keepEvidence: (fork: InconsistentError) => Promise<void>
  /** Told of each checkpoint that the log has signed and served, before it is judged. For gossip. */
  readonly hear?: ((checkpoint: Uint8Array) => Promise<unknown>) | undefined
  /** Between two looks at what was bad, in milliseconds. Default 300,000. */
  readonly recheckMs?: number | undefined
}

/** How a look went. */
export interface LookReport {
  readonly changes: readonly AlarmChange[]
  /** The alarms that are on. */
  readonly alarms: readonly Alarm[]
  /** True when all of the newest head was looked at, or nothing more can be now. */
  readonly isComplete: boolean
  /** Why the log could not be asked, or not for all, if so. */
  readonly unreachable?: TlogError | undefined
}

/** Where a monitor stands. */
export interface MonitorStatus {
  readonly origin: string
  /** Of the newest head that was accepted, undefined before the first of this run. */
  readonly size?: number | undefined
  /** Every entry before this index was verified, but for the damaged chunks. */
  readonly verified: number
  readonly alarms: AlarmState
  /** When the last look ended, in milliseconds since the Unix epoch. */
  readonly lookedAt?: number | undefined
  /** Why that look could not ask the log, if so. */
  readonly unreachable?: string | undefined
}

/** Chunks that are verified in one look: then the head is looked at again, also while a large log is read for the first time. */
const CHUNKS_EACH_LOOK = 16

const RECHECK_MS = 300_000

/** Follows one log. One call of `look` at a time. */
export class Monitor {
  /** The pinned origin. */
  readonly origin: string
  readonly #parts: MonitorParts
  readonly #rules: AlarmRules
  readonly #logTrust: Trust
  readonly #head: HeadWatch
  readonly #data = new DataVerifier()
  #state: MonitorState
  #served: ServedHead | undefined
  #recheckedAt = Number.NEGATIVE_INFINITY
  #last: { readonly at: number; readonly unreachable: string | undefined } | undefined

  private constructor(parts: MonitorParts, state: MonitorState) {
    const { policy } = parts.trust
    this.origin = state.origin
    this.#parts = parts
    this.#state = state
    this.#rules = { maxAge: parts.maxAge, wantsQuorum: policy !== undefined && policy.quorum !== NO_QUORUM }
    this.#logTrust = logTrustOf(parts.trust)
    const seen = {
      load: () => this.#state.checkpoint,
      // What is remembered goes to the store at the end of the judgement, together with the alarms.
      save: async (checkpoint: Uint8Array) => {
        this.#state = { ...this.#state, checkpoint }
      },
    }
    this.#head = new HeadWatch({ ...parts, seen })
  }

  /**
   * Opens a monitor where it stopped. Rejects as the store does, as `checkpointReader` throws, with TypeError for a trust of
   * more than one origin, and when the remembered checkpoint is not signed by a pinned key.
   */
  static async open(parts: MonitorParts): Promise<Monitor> {
    const [origin, ...others] = checkpointReader(parts.trust).origins
    if (origin === undefined || others.length > 0) throw new TypeError('a monitor follows one log: say which origin')
    const kept = await parts.store.load()
    const fresh: MonitorState = { origin, data: { verified: 0, damaged: [] }, alarms: noAlarms(parts.clock()) }
    return new Monitor(parts, kept ?? fresh)
  }

  /** Where it stands. */
  get status(): MonitorStatus {
    const { data, alarms } = this.#state
    return {
      origin: this.origin,
      size: this.#served?.tree.size,
      verified: data.verified,
      alarms,
      lookedAt: this.#last?.at,
      unreachable: this.#last?.unreachable,
    }
  }

  /** The newest head that was accepted in this run, and its tree. For gossip. */
  get served(): ServedHead | undefined {
    return this.#served
  }

  /**
   * One look: the head, then what is new under it. Rejects when the monitor itself cannot go on: its store, its evidence or
   * its announcements fail, or `signal` is aborted. What is wrong with the log is in the alarms.
   */
  async look({ signal }: CallOptions = {}): Promise<LookReport> {
    const judged = await this.#head.look({ signal })
    if (judged.fork !== undefined && this.#isNew(judged.finding)) await this.#parts.keepEvidence(judged.fork)
    const before = this.#state.data
    const { head, unreachable } = await this.#verify(judged, signal)
    const { data } = this.#state
    const isComplete = head === undefined || data.verified >= head.tree.size || data.damaged.length >= MAX_DAMAGED
    const now = this.#parts.clock()
    const progress = data !== before || (head !== undefined && unreachable === undefined)
    const isJudged = judged.edge !== undefined || (head !== undefined && (unreachable === undefined || data !== before))
    const { state, changes } = takeLook(
      this.#state.alarms,
      { now, head: judged.finding, progress, ...(isJudged && { data: dataFindings(data, judged.edge) }) },
      this.#rules,
    )
    await this.#change(state, changes)
    this.#last = { at: now, unreachable: unreachable?.message }
    return { changes, alarms: state.active, isComplete, unreachable }
  }

  /** Raises an alarm for what was found elsewhere, such as a fork that gossip brought to light. Rejects as `look` does. */
  async report(finding: Finding): Promise<void> {
    const { state, changes } = addFinding(this.#state.alarms, finding, this.#parts.clock())
    await this.#change(state, changes)
  }

  /** Clears the alarms that do not clear by themselves: someone has dealt with them. Rejects as `look` does. */
  async acknowledge(): Promise<void> {
    const { state, changes } = acknowledge(this.#state.alarms)
    await this.#change(state, changes)
  }

  async #verify(
    judged: JudgedHead,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly head?: ServedHead | undefined; readonly unreachable?: TlogError | undefined }> {
    const { served } = judged
    if (served === undefined) return { unreachable: judged.unreachable }
    this.#served = served
    // A head that was accepted is remembered before anything else is asked of the log.
    await this.#parts.store.save(this.#state)
    const now = this.#parts.clock()
    const recheck = now - this.#recheckedAt >= (this.#parts.recheckMs ?? RECHECK_MS)
    const parts = { source: httpSource(this.#parts.resources), trust: this.#logTrust, tree: served.tree }
    const chunks = this.#data.verify(this.#state.data, parts, { maxChunks: CHUNKS_EACH_LOOK, recheck, signal })
    for (;;) {
      let next: IteratorResult<VerifiedData, void>
      try {
        next = await chunks.next()
      } catch (error) {
        if (!isTlogError(error)) throw error
        return { head: served, unreachable: error }
      }
      if (next.done === true) break
      this.#state = { ...this.#state, data: next.value }
      await this.#parts.store.save(this.#state)
    }
    if (recheck) this.#recheckedAt = now
    return { head: served }
  }

  #isNew(finding: JudgedHead['finding']): boolean {
    if (finding.kind !== 'fork') return false
    return !this.#state.alarms.active.some(({ kind, subject }) => kind === 'fork' && subject === finding.subject)
  }

  async #change(alarms: AlarmState, changes: readonly AlarmChange[]): Promise<void> {
    for (const change of changes) await this.#parts.announce(change)
    this.#state = { ...this.#state, alarms }
    await this.#parts.store.save(this.#state)
  }
}

/** The keys of the log alone, for what has nothing to do with witnesses. */
const logTrustOf = ({ vkey, verifiers, policy, origin }: Trust): Trust => {
  if (policy === undefined || vkey !== undefined) return { vkey, verifiers, origin }
  const keys = policy.logs.filter(({ key }) => origin === undefined || key.name === origin)
  return { vkey: keys.map(({ key }) => formatVerifierKey(key)), origin }
}

const dataFindings = ({ damaged }: VerifiedData, edge: string | undefined): readonly Omit<Finding, 'kind'>[] => [
  ...damaged.map(({ chunk, detail }) => ({ subject: `entries from ${chunk * CHUNK_ENTRIES}`, detail })),
  ...(edge === undefined ? [] : [{ subject: 'edge', detail: edge }]),
]
