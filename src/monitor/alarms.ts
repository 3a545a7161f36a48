/** Alarms, pure: what a look at a log found becomes alarms that are raised and cleared, each once (spec/monitor.md). */

/** What each alarm says; the names are stable. */
export const alarmMeanings = {
  fork: 'the log signed two histories; the evidence is kept',
  rollback: 'the log serves a smaller tree than it has shown before',
  bad_head: 'the log serves no checkpoint that is its own and signed by a pinned key',
  no_quorum: 'the newest checkpoint is not cosigned as the policy asks',
  clock: 'a witness states an earlier time than on an earlier checkpoint',
  bad_data: 'entries or tiles are missing, or are not those that the log signed',
  stale: 'nothing of the log could be verified, or no quorum has cosigned it, for too long',
} as const

/** The name of an alarm. */
export type AlarmKind = keyof typeof alarmMeanings

/** What is wrong now. */
export interface Finding {
  readonly kind: AlarmKind
  /** Tells alarms of one kind apart: which witness, which part of the log, which fork. */
  readonly subject?: string | undefined
  /** For people. */
  readonly detail: string
}

/** A finding that lasts. */
export interface Alarm extends Finding {
  /** When it was raised, in milliseconds since the Unix epoch. */
  readonly since: number
}

/** An alarm that began or ended. */
export interface AlarmChange {
  readonly change: 'raised' | 'cleared'
  readonly alarm: Alarm
}

/** What is remembered between looks. */
export interface AlarmState {
  /** The alarms that are on, oldest first. */
  readonly active: readonly Alarm[]
  /** When the first look was, in milliseconds since the Unix epoch. */
  readonly startedAt: number
  /** When something of the log was verified last, in milliseconds since the Unix epoch. */
  readonly progressAt: number
  /** Since when the newest quorum has stood, in POSIX seconds. */
  readonly witnessedAt?: number | undefined
  /** The latest time that each witness has stated, in POSIX seconds. */
  readonly witnessTimes: Readonly<Record<string, number>>
}

/** Of a log that was never looked at. */
export const noAlarms = (now: number): AlarmState => ({
  active: [],
  startedAt: now,
  progressAt: now,
  witnessTimes: {},
})

/** Whether a head is cosigned as the policy asks, and since when, in POSIX seconds, if anyone stated it. */
export type QuorumFinding =
  | { readonly kind: 'met'; readonly time?: number | undefined }
  | { readonly kind: 'missing'; readonly detail: string }

/** The head of a look. */
export type HeadFinding =
  /** It could not be asked for, which says nothing about it. */
  | { readonly kind: 'none' }
  | { readonly kind: 'bad'; readonly detail: string }
  /** `subject` tells this fork from others. */
  | { readonly kind: 'fork'; readonly subject: string; readonly detail: string }
  | {
      readonly kind: 'head'
      readonly size: number
      /** The largest size that the log has shown before. */
      readonly seen: number
      /** Undefined when nobody has to cosign. */
      readonly quorum?: QuorumFinding | undefined
      /** The times that witnesses state on it, in POSIX seconds; 0 states none. */
      readonly times: readonly { readonly witness: string; readonly time: number }[]
    }

/** What a look at a log found. */
export interface Look {
  /** In milliseconds since the Unix epoch. */
  readonly now: number
  readonly head: HeadFinding
  /** All that is known to be wrong with entries and tiles; undefined when they were not looked at. */
  readonly data?: readonly Omit<Finding, 'kind'>[] | undefined
  /** True when something of the log was verified, or there was nothing more to verify. */
  readonly progress: boolean
}

/** What is asked of a log. */
export interface AlarmRules {
  /** After this many seconds without progress, or without a newer quorum, a log is stale. */
  readonly maxAge: number
  /** True when the policy has a quorum. */
  readonly wantsQuorum: boolean
}

/** More alarms of one kind are not kept: a log with its key in the wrong hands can make any number of forks. */
export const MAX_ALARMS_OF_A_KIND = 64

/** Takes a look into account: what is remembered from now on, and which alarms began and ended. */
export const takeLook = (
  before: AlarmState,
  look: Look,
  rules: AlarmRules,
): { readonly state: AlarmState; readonly changes: readonly AlarmChange[] } => {
  const times = { ...before, ...timesAfter(before, look) }
  const { findings, judged } = judge(before, look)
  const stale = staleness(times, look.now, rules)
  const all = stale === undefined ? findings : [...findings, stale]
  return replaceAlarms(times, { findings: all, judged: new Set([...judged, 'stale']), now: look.now })
}

/** Adds a finding from elsewhere, such as a fork that others have found. */
export const addFinding = (
  state: AlarmState,
  finding: Finding,
  now: number,
): { readonly state: AlarmState; readonly changes: readonly AlarmChange[] } =>
  replaceAlarms(state, { findings: [finding], judged: new Set(), now })

/** Clears the alarms that only a person can clear. */
export const acknowledge = (
  state: AlarmState,
): { readonly state: AlarmState; readonly changes: readonly AlarmChange[] } => ({
  state: { ...state, active: state.active.filter(({ kind }) => kind !== 'fork') },
  changes: state.active.filter(({ kind }) => kind === 'fork').map((alarm) => ({ change: 'cleared', alarm })),
})

const timesAfter = (before: AlarmState, { head, progress, now }: Look): Partial<AlarmState> => {
  const progressAt = progress ? now : before.progressAt
  // An older head says nothing about what came later.
  if (head.kind !== 'head' || head.size < head.seen) return { progressAt }
  const witnessTimes = { ...before.witnessTimes }
  for (const { witness, time } of head.times) witnessTimes[witness] = Math.max(time, witnessTimes[witness] ?? 0)
  const quorumTime = head.quorum?.kind === 'met' ? head.quorum.time : undefined
  const witnessedAt = Math.max(quorumTime ?? 0, before.witnessedAt ?? 0)
  return { progressAt, witnessTimes, ...(witnessedAt > 0 && { witnessedAt }) }
}

/** What is wrong, and which kinds of alarms this look can say anything about: the others stay as they are. */
const judge = (
  before: AlarmState,
  { head, data }: Look,
): { readonly findings: readonly Finding[]; readonly judged: ReadonlySet<AlarmKind> } => {
  const findings: Finding[] = (data ?? []).map((finding) => ({ ...finding, kind: 'bad_data' }))
  const judged = new Set<AlarmKind>(data === undefined ? [] : ['bad_data'])
  if (head.kind !== 'none') judged.add('bad_head')
  if (head.kind === 'bad') findings.push({ kind: 'bad_head', detail: head.detail })
  // A fork is never over: two histories stay signed for ever.
  if (head.kind === 'fork') findings.push({ kind: 'fork', subject: head.subject, detail: head.detail })
  if (head.kind !== 'head') return { findings, judged }
  judged.add('rollback').add('no_quorum')
  if (head.quorum?.kind === 'missing') findings.push({ kind: 'no_quorum', detail: head.quorum.detail })
  if (head.size < head.seen) {
    findings.push({ kind: 'rollback', detail: `the log serves size ${head.size} after it has shown size ${head.seen}` })
    return { findings, judged }
  }
  judged.add('clock')
  for (const { witness, time } of head.times) {
    const last = before.witnessTimes[witness] ?? 0
    if (time === 0 || time >= last) continue
    findings.push({ kind: 'clock', subject: witness, detail: `${witness} states ${time}, and stated ${last} before` })
  }
  return { findings, judged }
}

const staleness = (state: AlarmState, now: number, { maxAge, wantsQuorum }: AlarmRules): Finding | undefined => {
  const idle = Math.floor((now - state.progressAt) / 1_000)
  if (idle > maxAge) return { kind: 'stale', detail: `nothing could be verified for ${idle} seconds` }
  if (!wantsQuorum) return undefined
  const age = Math.floor(now / 1_000 - (state.witnessedAt ?? state.startedAt / 1_000))
  if (age > maxAge) return { kind: 'stale', detail: `no quorum has cosigned for ${age} seconds` }
  return undefined
}

interface Replacement {
  readonly findings: readonly Finding[]
  /** Alarms of these kinds end when they are not among the findings. */
  readonly judged: ReadonlySet<AlarmKind>
  readonly now: number
}

const replaceAlarms = (
  state: AlarmState,
  { findings, judged, now }: Replacement,
): { readonly state: AlarmState; readonly changes: readonly AlarmChange[] } => {
  const changes: AlarmChange[] = []
  const active: Alarm[] = []
  for (const alarm of state.active) {
    const still = findings.find((finding) => isSame(finding, alarm))
    if (still === undefined && judged.has(alarm.kind)) changes.push({ change: 'cleared', alarm })
    else active.push({ ...alarm, ...still })
  }
  for (const finding of findings) {
    if (active.some((alarm) => isSame(alarm, finding))) continue
    if (active.filter(({ kind }) => kind === finding.kind).length >= MAX_ALARMS_OF_A_KIND) continue
    const alarm = { ...finding, since: now }
    active.push(alarm)
    changes.push({ change: 'raised', alarm })
  }
  return { state: { ...state, active }, changes }
}

const isSame = (a: Finding, b: Finding): boolean => a.kind === b.kind && a.subject === b.subject
