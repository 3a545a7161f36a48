/** The audit event as producers write it: sixteen keys of JSON, five of them mandatory (spec/audit.md). */
import { nearest } from '../primitives/nearest.ts'
import { actions, isOutcome, isSendableAction, type Outcome, outcomes, recordActions } from './actions.ts'
import { isJsonObject, type Json, type JsonObject } from './strict-json.ts'
import { parseTime } from './time.ts'

/** Somebody or something: an actor, a target, or what else was involved. */
export interface Party extends JsonObject {
  readonly type: string
}

/** An event that keeps every rule. Strings are as the producer wrote them. */
export interface AuditEvent {
  /** With the source it makes the event unique. */
  readonly id: string
  /** When it happened by the source's clock, RFC 3339. */
  readonly time: string
  readonly action: string
  readonly outcome: Outcome
  readonly actor: Party
  readonly target: Party
  readonly with?: readonly Party[]
  readonly before?: JsonObject
  readonly after?: JsonObject
  readonly source?: JsonObject
  readonly reason?: string
  readonly service?: string
  readonly msg?: string
  readonly tenant?: string
  readonly corr?: string
  readonly src_id?: string
  /** The number that the source gave it, where sources number their events. */
  readonly n?: number
}

/** What is wrong with one value of an event. */
export interface Issue {
  readonly code:
    | 'missing'
    | 'unknown_key'
    | 'wrong_type'
    | 'too_long'
    | 'bad_value'
    | 'bad_character'
    | 'unknown_action'
  /** JSON pointer (RFC 6901) within the event. */
  readonly path: string
  /** For people. */
  readonly message: string
  /** The nearest valid value, where there is one. */
  readonly hint?: string
}

/** An event, or everything that is wrong with it. */
export type ParsedEvent =
  | { readonly kind: 'event'; readonly event: AuditEvent }
  | { readonly kind: 'refused'; readonly issues: readonly Issue[] }

/** Longest string anywhere in an event, in UTF-16 units. */
export const MAX_STRING = 4_096

/** Judges a JSON value (from `parseStrictJson`) by every rule; never throws. */
export const parseEvent = (value: Json): ParsedEvent => {
  const issues: Issue[] = []
  if (!isJsonObject(value)) return { kind: 'refused', issues: [issue('wrong_type', '', 'want an object')] }
  checkObject(value, '', eventKeys, issues)
  checkText(value, '', issues)
  if (issues.length > 0) return { kind: 'refused', issues: issues.slice(0, MAX_ISSUES).map(cutPath) }
  return { kind: 'event', event: { outcome: 'success', ...value } as unknown as AuditEvent }
}

/** Faults of one event that are told, and how much of a path: an answer must not be larger than what it is about. */
const MAX_ISSUES = 16
const MAX_PATH = 256

const cutPath = (one: Issue): Issue =>
  one.path.length <= MAX_PATH ? one : { ...one, path: `${one.path.slice(0, MAX_PATH)}…` }

/** Adds what is wrong with a value that is there. */
type Check = (value: Json, path: string, issues: Issue[]) => void

interface Key {
  readonly check: Check
  readonly mandatory?: true
}

const issue = (code: Issue['code'], path: string, message: string, hint?: string): Issue => ({
  code,
  path,
  message,
  ...(hint !== undefined && { hint }),
})

/** A string that matches; `want` says what does. */
const text =
  (pattern: RegExp, want: string): Check =>
  (value, path, issues) => {
    if (typeof value !== 'string') issues.push(issue('wrong_type', path, `want ${want}`))
    else if (!pattern.test(value)) issues.push(issue('bad_value', path, `want ${want}`))
  }

const anyText = text(/^.+$/s, 'a string that is not empty')
const identifier = text(/^[\x21-\x7e]{1,64}$/, '1 to 64 visible ASCII characters')
const kind = text(/^[a-z0-9_-]{1,64}$/, '1 to 64 of a-z, 0-9, _ and -')
const tenant = text(/^[a-z0-9._-]{1,64}$/, '1 to 64 of a-z, 0-9, ., _ and -')

const time: Check = (value, path, issues) => {
  if (typeof value !== 'string') issues.push(issue('wrong_type', path, 'want a time as a string'))
  else if (parseTime(value) === undefined)
    issues.push(issue('bad_value', path, 'want a time of RFC 3339, such as 2026-11-20T21:47:00.123Z'))
}

const action: Check = (value, path, issues) => {
  if (typeof value !== 'string') issues.push(issue('wrong_type', path, 'want an action as a string'))
  else if (!isSendableAction(value)) {
    const hint = nearest(value, [...actions, ...recordActions])
    issues.push(issue('unknown_action', path, 'want an action of the vocabulary, or custom.<name>', hint))
  }
}

const outcome: Check = (value, path, issues) => {
  if (typeof value !== 'string') issues.push(issue('wrong_type', path, 'want an outcome as a string'))
  else if (!isOutcome(value))
    issues.push(issue('bad_value', path, `want ${outcomes.join(', ')}`, nearest(value, outcomes)))
}

const number: Check = (value, path, issues) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1)
    issues.push(issue('bad_value', path, 'want a whole number from 1'))
}

const object: Check = (value, path, issues) => {
  if (!isJsonObject(value)) issues.push(issue('wrong_type', path, 'want an object'))
}

const objectOf =
  (keys: ReadonlyMap<string, Key>): Check =>
  (value, path, issues) => {
    if (isJsonObject(value)) checkObject(value, path, keys, issues)
    else issues.push(issue('wrong_type', path, 'want an object'))
  }

const thing: ReadonlyMap<string, Key> = new Map<string, Key>([
  ['type', { check: kind, mandatory: true }],
  ['id', { check: anyText, mandatory: true }],
  ['name', { check: anyText }],
  ['email', { check: anyText }],
])

const actorTypes = ['user', 'admin', 'system', 'service', 'agent', 'app', 'anonymous'] as const

const actorType: Check = (value, path, issues) => {
  if (typeof value !== 'string') issues.push(issue('wrong_type', path, 'want a type as a string'))
  else if (!(actorTypes as readonly string[]).includes(value))
    issues.push(issue('bad_value', path, `want ${actorTypes.join(', ')}`, nearest(value, actorTypes)))
}

const actorKeys: ReadonlyMap<string, Key> = new Map<string, Key>([
  ['type', { check: actorType, mandatory: true }],
  ['id', { check: anyText }],
  ['name', { check: anyText }],
  ['email', { check: anyText }],
  ['session', { check: anyText }],
  ['on_behalf_of', { check: objectOf(thing) }],
])

const actor: Check = (value, path, issues) => {
  objectOf(actorKeys)(value, path, issues)
  if (isJsonObject(value) && value['type'] !== 'anonymous' && value['id'] === undefined)
    issues.push(issue('missing', `${path}/id`, 'want the id of the actor, or an actor of type anonymous'))
}

const things: Check = (value, path, issues) => {
  if (!Array.isArray(value)) issues.push(issue('wrong_type', path, 'want an array'))
  else if (value.length < 1 || value.length > 64) issues.push(issue('bad_value', path, 'want 1 to 64 of them'))
  else for (const [i, one] of (value as readonly Json[]).entries()) objectOf(thing)(one, `${path}/${i}`, issues)
}

const eventKeys: ReadonlyMap<string, Key> = new Map<string, Key>([
  ['id', { check: identifier, mandatory: true }],
  ['time', { check: time, mandatory: true }],
  ['action', { check: action, mandatory: true }],
  ['outcome', { check: outcome }],
  ['actor', { check: actor, mandatory: true }],
  ['target', { check: objectOf(thing), mandatory: true }],
  ['with', { check: things }],
  ['before', { check: object }],
  ['after', { check: object }],
  [
    'source',
    {
      check: objectOf(
        new Map([
          ['ip', { check: anyText }],
          ['ua', { check: anyText }],
          ['app', { check: anyText }],
        ]),
      ),
    },
  ],
  ['reason', { check: anyText }],
  ['service', { check: anyText }],
  ['msg', { check: anyText }],
  ['tenant', { check: tenant }],
  ['corr', { check: anyText }],
  ['src_id', { check: anyText }],
  ['n', { check: number }],
])

const checkObject = (value: JsonObject, path: string, keys: ReadonlyMap<string, Key>, issues: Issue[]): void => {
  for (const [name, { check, mandatory }] of keys) {
    const member = Object.hasOwn(value, name) ? value[name] : undefined
    if (member !== undefined) check(member, `${path}/${name}`, issues)
    else if (mandatory) issues.push(issue('missing', `${path}/${name}`, `want ${name}`))
  }
  for (const name of Object.keys(value)) {
    if (keys.has(name)) continue
    issues.push(issue('unknown_key', `${path}/${pointerOf(name)}`, 'no such key', nearest(name, keys.keys())))
  }
}

// Controls but tab and line feed, and what makes text run the other way: U+202A to U+202E and U+2066 to U+2069.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that are refused
const REFUSED = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

/** Every string and key, however deep. */
const checkText = (value: Json, path: string, issues: Issue[]): void => {
  if (issues.length >= MAX_ISSUES) return
  if (typeof value === 'string') {
    if (value.length > MAX_STRING)
      issues.push(issue('too_long', path, `want at most ${MAX_STRING} characters, got ${value.length}`))
    if (REFUSED.test(value)) issues.push(issue('bad_character', path, 'want no control characters'))
  } else if (Array.isArray(value)) {
    for (const [i, one] of (value as readonly Json[]).entries()) checkText(one, `${path}/${i}`, issues)
  } else if (isJsonObject(value)) {
    for (const name of Object.keys(value)) {
      const at = `${path}/${pointerOf(name)}`
      checkText(name, at, issues)
      checkText(value[name] ?? null, at, issues)
    }
  }
}

/** RFC 6901 section 3. */
const pointerOf = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
