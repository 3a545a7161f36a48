/** What a monitor remembers of a log, as the text of its state file. */
import { isSize } from '../merkle/bits.ts'
import { decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { type AlarmState, alarmMeanings } from './alarms.ts'
import type { VerifiedData } from './verify-data.ts'

/** The memory of a monitor. Losing it means trust on first use again, and all entries are verified anew. */
export interface MonitorState {
  readonly origin: string
  /** The signed checkpoint that was accepted last; undefined before the first. */
  readonly checkpoint?: Uint8Array | undefined
  readonly data: VerifiedData
  readonly alarms: AlarmState
}

/** Keeps a state. */
export interface MonitorStore {
  /** Undefined when there is none yet. Rejects when there is one that cannot be read: it is never taken for none. */
  load(): Promise<MonitorState | undefined>
  /** Replaces it whole and durably, or not at all. */
  save(state: MonitorState): Promise<void>
}

/** The version of the form. */
const FORMAT = 1

/** The text of a state. */
export const formatMonitorState = ({ origin, checkpoint, data, alarms }: MonitorState): string => {
  const text = checkpoint && decodeUtf8(checkpoint)
  return `${JSON.stringify({ format: FORMAT, origin, checkpoint: text, data, alarms }, undefined, 2)}\n`
}

/** Reads such a text. Throws `corrupt` for every other one. */
export const parseMonitorState = (text: string): MonitorState => {
  const state = parseJson(text)
  const isOurs =
    isRecord(state) &&
    state['format'] === FORMAT &&
    typeof state['origin'] === 'string' &&
    ['string', 'undefined'].includes(typeof state['checkpoint']) &&
    isData(state['data']) &&
    isAlarms(state['alarms'])
  if (!isOurs) throw new TlogError('corrupt', `want the state of a monitor in format ${FORMAT}`)
  const { origin, checkpoint, data, alarms } = state as unknown as MonitorState & { readonly checkpoint?: string }
  return { origin, data, alarms, ...(checkpoint !== undefined && { checkpoint: encodeUtf8(checkpoint) }) }
}

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isNumber = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)

const isIndex = (value: unknown): boolean => typeof value === 'number' && isSize(value)

const isListOf = (value: unknown, isItem: (item: Readonly<Record<string, unknown>>) => boolean): boolean =>
  Array.isArray(value) && value.every((item) => isRecord(item) && isItem(item))

const isData = (value: unknown): boolean =>
  isRecord(value) &&
  isIndex(value['verified']) &&
  isListOf(value['damaged'], ({ chunk, detail }) => isIndex(chunk) && typeof detail === 'string')

const isAlarms = (value: unknown): boolean =>
  isRecord(value) &&
  isNumber(value['startedAt']) &&
  isNumber(value['progressAt']) &&
  (value['witnessedAt'] === undefined || isIndex(value['witnessedAt'])) &&
  isRecord(value['witnessTimes']) &&
  Object.values(value['witnessTimes']).every(isIndex) &&
  isListOf(value['active'], isAlarm)

const isAlarm = ({ kind, subject, detail, since }: Readonly<Record<string, unknown>>): boolean =>
  typeof kind === 'string' &&
  Object.hasOwn(alarmMeanings, kind) &&
  ['string', 'undefined'].includes(typeof subject) &&
  typeof detail === 'string' &&
  isNumber(since)
