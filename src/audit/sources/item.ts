/** What a format's mapping says of an item becomes an event that keeps every rule, or is refused with the reason. */
import type { Outcome } from '../../event/actions.ts'
import { type AuditEvent, parseEvent } from '../../event/event.ts'
import { isJsonObject, type Json, type JsonObject } from '../../event/strict-json.ts'
import { isTlogError } from '../../primitives/error.ts'
import { fitId, fitKind, fitObject, fitTenant, fitText, fitTime, MAX_STATE } from './fit.ts'
import { type Loose, parseForeignJson } from './foreign-json.ts'
import type { SourceItem } from './source.ts'

/** Who acts, by the types of the vocabulary. */
export type ActorType = 'user' | 'admin' | 'system' | 'service' | 'agent' | 'app' | 'anonymous'

/** A thing as it came; its texts may be anything. */
export interface ThingDraft {
  /** Made to fit: `AWS::S3::Bucket` becomes `aws-s3-bucket`. */
  readonly type: string | undefined
  /** The name stands in where there is none, and `unknown` where there is no name either. */
  readonly id: Loose
  readonly name?: Loose
  readonly email?: Loose
}

/** An actor as it came. One without id and name becomes anonymous. */
export interface ActorDraft extends Omit<ThingDraft, 'type'> {
  readonly type: ActorType
  readonly session?: Loose
  readonly on_behalf_of?: ThingDraft | undefined
}

/** An event as a mapping says it, before its values are made to fit. */
export interface Draft {
  /** The dedupe key of the format; one that is no id of an event is hashed. */
  readonly id: string | undefined
  readonly time: Loose
  readonly action: string
  readonly outcome: Outcome
  readonly actor: ActorDraft
  readonly target: ThingDraft
  /** At most 64 are kept, and no more than fit into `MAX_STATE` characters. */
  readonly with?: readonly ThingDraft[]
  readonly before?: Loose
  readonly after?: Loose
  readonly source?: { readonly ip?: Loose; readonly ua?: Loose; readonly app?: Loose }
  readonly reason?: Loose
  readonly service?: Loose
  readonly msg?: Loose
  readonly tenant?: Loose
  readonly corr?: Loose
  readonly src_id?: Loose
}

/** Why an item is kept apart. */
export interface Refusal {
  readonly code: string
  readonly reason: string
}

/** What a mapping makes of an item. */
export type Mapped = Draft | Refusal | 'ignored'

/** Reads an item's bytes as a JSON object and maps it. Never throws: what cannot be read is quarantined. */
export const itemOf = (raw: Uint8Array, map: (value: JsonObject, raw: Uint8Array) => Mapped): SourceItem => {
  let value: Json
  try {
    value = parseForeignJson(raw)
  } catch (error) {
    if (!isTlogError(error)) throw error
    return { kind: 'quarantine', code: error.code, reason: error.message, raw }
  }
  if (!isJsonObject(value)) return { kind: 'quarantine', code: 'malformed', reason: 'want an object', raw }
  return settle(map(value, raw), raw)
}

/** The item of what a mapping made. */
export const settle = (mapped: Mapped, raw: Uint8Array): SourceItem => {
  if (mapped === 'ignored') return { kind: 'ignored' }
  if ('code' in mapped) return { kind: 'quarantine', ...mapped, raw }
  const parsed = parseEvent(eventOf(mapped))
  if (parsed.kind === 'event') return { kind: 'event', event: parsed.event, raw }
  const [issue] = parsed.issues
  return { kind: 'quarantine', code: issue?.code ?? 'malformed', reason: `${issue?.path}: ${issue?.message}`, raw }
}

const eventOf = (draft: Draft): JsonObject => {
  const { source = {} } = draft
  const event: Record<keyof AuditEvent, Json | undefined> = {
    id: fitId(draft.id),
    time: fitTime(draft.time),
    action: draft.action,
    outcome: draft.outcome,
    actor: actorOf(draft.actor),
    target: thingOf(draft.target),
    with: orNone(fitting((draft.with ?? []).slice(0, 64).map(thingOf))),
    before: fitObject(draft.before),
    after: fitObject(draft.after),
    source: orNone(present({ ip: fitText(source.ip), ua: fitText(source.ua), app: fitText(source.app) })),
    reason: fitText(draft.reason),
    service: fitText(draft.service),
    msg: fitText(draft.msg),
    tenant: fitTenant(draft.tenant),
    corr: fitText(draft.corr),
    src_id: fitText(draft.src_id),
    n: undefined,
  }
  return present(event)
}

/** As many from the first on as have room: an event as a whole has 1 MiB at most, and these could be 64 times 12 KiB. */
const fitting = (things: readonly JsonObject[]): readonly JsonObject[] => {
  let room = MAX_STATE
  return things.filter((thing) => {
    room -= JSON.stringify(thing).length
    return room >= 0
  })
}

/** The members that are there. */
const present = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(Object.entries(members).filter((member): member is [string, Json] => member[1] !== undefined))

const orNone = <T extends object>(value: T): T | undefined => (Object.keys(value).length === 0 ? undefined : value)

const thingOf = ({ type, id, name, email }: ThingDraft): JsonObject =>
  present({
    type: fitKind(type),
    id: fitText(id) ?? fitText(name) ?? 'unknown',
    name: fitText(name),
    email: fitText(email),
  })

const actorOf = ({ type, id, name, email, session, on_behalf_of }: ActorDraft): JsonObject => {
  const known = fitText(id) ?? fitText(name)
  return present({
    type: known === undefined ? 'anonymous' : type,
    id: known,
    name: fitText(name),
    email: fitText(email),
    session: fitText(session),
    on_behalf_of: on_behalf_of && thingOf(on_behalf_of),
  })
}
