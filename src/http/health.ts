/** Readiness: whether the log can take entries now, and if not, for which reasons by name. */
import type { LogEvent } from '../log/events.ts'
import { nextTime } from '../log/publish.ts'
import { RefusedError, refusals } from '../log/refusal.ts'
import type { Sequencer } from '../log/sequencer.ts'
import type { Witnessing } from '../log/witnesses/witnessing.ts'
import type { MirrorPusher } from '../mirror/pusher.ts'
import type { Clock } from '../primitives/clock.ts'

/** Why the log takes no entries now, and what helps; names are stable. */
export const unreadiness = {
  poisoned: 'a write failed, and the server stops; start it again, and look at the disk if it stops again',
  stopping: refusals.stopping,
  clock: refusals.clock,
  disk_full: refusals.disk_full,
  pool_full: 'more arrives than the disk takes; producers are told to come back later',
  quorum_missing: refusals.quorum_missing,
  witness_ahead:
    'a witness says that it has cosigned a larger tree than this log has: if that is true, this database is an older copy; stop the server and compare',
  stalled: 'the disk does not finish a write; entries wait for it, and none is acknowledged before it does',
} as const

/** What is wrong although the log takes entries. */
export const warnings = {
  witness_missing: 'a quorum cosigns the newest head, without the witnesses that are named here',
  unwitnessed: 'no quorum of witnesses cosigns the newest head; entries are taken, and /checkpoint stays where it was',
  unmirrored: 'a mirror does not keep up; entries are taken all the same, and are in one place only until it does',
} as const

/** The name of a reason not to be ready. */
export type UnreadyName = keyof typeof unreadiness

/** One reason not to be ready, or to be looked at. */
export interface Unready {
  readonly name: UnreadyName | keyof typeof warnings
  readonly detail: string
  readonly help: string
}

/** What readiness is judged by. */
export interface HealthParts {
  readonly sequencer: Pick<Sequencer, 'published' | 'pooled' | 'stopped' | 'busySince'>
  /** Why the disk admits no entries, if so. */
  readonly diskRefusal: () => RefusedError | undefined
  /** Undefined for a log without witnesses. */
  readonly witnessing?: Pick<Witnessing, 'links' | 'refusal' | 'hasQuorum'> | undefined
  /** None for a log without mirrors. */
  readonly mirrors?: readonly Pick<MirrorPusher, 'name' | 'state'>[] | undefined
  /** Wall clock. */
  readonly clock: Clock
  /** Monotonic clock in milliseconds, that of performance.now(). */
  readonly now: () => number
  /** Entries the pool may hold. */
  readonly maxPoolEntries: number
  /** After this many milliseconds a commit counts as stalled. */
  readonly stallMs: number
}

/** Judges readiness. */
export interface Health {
  /** The reasons not to be ready; none when ready. */
  reasons(): readonly Unready[]
  /** What an operator should look at although the log is ready. */
  warnings(): readonly Unready[]
  /** To be told of the log's events. */
  observe(event: LogEvent): void
  /** Says from now on that the server is stopping, before the log itself knows. */
  stop(): void
}

/** For how long a producer that was turned away keeps the log from being ready, in milliseconds. */
const PUSHBACK_MEMORY = 1_000

/** Makes the judge. */
export const createHealth = (parts: HealthParts): Health => {
  let stopping = false
  let lastPushback = Number.NEGATIVE_INFINITY
  const reasons = (): readonly Unready[] => {
    const { sequencer, diskRefusal, now, stallMs } = parts
    const { stopped, busySince, pooled } = sequencer
    const found: Unready[] = []
    const add = (name: UnreadyName, detail: string): void => {
      found.push({ name, detail, help: unreadiness[name] })
    }
    if (stopped?.code === 'poisoned') add('poisoned', stopped.message)
    if (stopping || stopped instanceof RefusedError) add('stopping', 'no more entries are taken')
    const clock = clockRefusal(parts)
    if (clock !== undefined) add('clock', clock.message)
    const disk = diskRefusal()
    if (disk !== undefined) add('disk_full', disk.message)
    for (const [name, detail] of witnessReasons(parts)) add(name, detail)
    if (pooled >= parts.maxPoolEntries || (pooled > 0 && now() - lastPushback < PUSHBACK_MEMORY))
      add('pool_full', `${pooled} entries wait`)
    const busyMs = busySince === undefined ? 0 : now() - busySince
    if (busyMs > stallMs) add('stalled', `a commit has been under way for ${Math.round(busyMs)} ms`)
    return found
  }
  return {
    reasons,
    warnings: () => [...witnessWarnings(parts), ...mirrorWarnings(parts)],
    observe: (event) => {
      if (event.kind === 'pushback') lastPushback = parts.now()
    },
    stop: () => {
      stopping = true
    },
  }
}

type Reason = readonly [name: UnreadyName, detail: string]

const witnessReasons = ({ witnessing }: HealthParts): readonly Reason[] => {
  if (witnessing === undefined) return []
  const refusal = witnessing.refusal()
  const ahead = witnessing.links.filter(({ state }) => state === 'ahead')
  return [
    ...ahead.map((link): Reason => ['witness_ahead', describe(link)]),
    ...(refusal === undefined ? [] : [['quorum_missing', refusal.message] satisfies Reason]),
  ]
}

const witnessWarnings = ({ witnessing }: HealthParts): readonly Unready[] => {
  if (witnessing === undefined) return []
  const { hasQuorum, links } = witnessing
  // With a quorum, one that was not asked yet is no news.
  const laggards = links.filter(({ state }) => state !== 'cosigning' && !(hasQuorum && state === 'unknown'))
  if (hasQuorum && laggards.length === 0) return []
  const name = hasQuorum ? 'witness_missing' : 'unwitnessed'
  return [{ name, detail: laggards.map(describe).join('; '), help: warnings[name] }]
}

const mirrorWarnings = ({ mirrors = [] }: HealthParts): readonly Unready[] =>
  mirrors
    .filter(({ state }) => state.error !== undefined)
    .map(({ name, state }) => ({
      name: 'unmirrored',
      detail: `${name} has ${state.size ?? 'nothing'}: ${state.error instanceof Error ? state.error.message : String(state.error)}`,
      help: warnings.unmirrored,
    }))

const describe = ({ names, state, detail }: Witnessing['links'][number]): string =>
  `${names.join(', ')} is ${state}: ${detail}`

const clockRefusal = ({ sequencer, clock }: HealthParts): RefusedError | undefined => {
  try {
    nextTime(sequencer.published.time, clock())
    return undefined
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}
