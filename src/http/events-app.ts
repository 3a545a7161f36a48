/** The routes of audit events: sending them, and reading one back (spec/audit.md). */
import { type Context, Hono } from 'hono'
import type { EventReader, StoredEvent } from '../audit/event-reader.ts'
import type { Recordable } from '../audit/make-entry.ts'
import type { Recorded, Recorder } from '../audit/recorder.ts'
import { type AuditEvent, type Issue, parseEvent } from '../event/event.ts'
import { EVENT_FILE_TYPE, formatEventFile, type Shown } from '../event/event-file.ts'
import { type Group, joinGroups } from '../event/groups.ts'
import { isJsonObject, type Json, parseStrictJson } from '../event/strict-json.ts'
import type { LogReader } from '../log/reader.ts'
import { encodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8 } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { type Access, type Ask, allows, may, mayRead, requireSource } from './access.ts'
import { type Env, readBody } from './body.ts'
import { type Reach, wantsWitnesses, witnessed } from './prefer.ts'

/** What the routes need. */
export interface EventsAppOptions {
  readonly recorder: Pick<Recorder, 'record'>
  readonly events: Pick<EventReader, 'read'>
  readonly reader: LogReader
  readonly ask: Ask
  /** Puts into the log that somebody read personal fields of so many events. */
  readonly viewed: (access: Access, events: number) => Promise<void>
  /** Waits for a quorum; undefined for a log without witnesses. */
  readonly reach?: Reach | undefined
}

/** Items of one request. */
export const MAX_ITEMS = 1_000

/** Bytes of one request: a payload has 1 MiB at most. */
const MAX_BODY = 4 * 2 ** 20

const NO_STORE = { 'Cache-Control': 'no-store' }

/** The app. */
export const eventsApp = (options: EventsAppOptions): Hono<Env> => {
  const app = new Hono<Env>()
  app.post('/v1/events', (c) => send(c, options))
  app.get('/v1/events/:index', async (c) => c.json(describeEvent(await readOne(c, options)), 200, NO_STORE))
  app.get('/v1/events/:index/file', async (c) => {
    const { event, isPersonal } = await readOne(c, options)
    const proof = await options.reader.proofFile(event.index)
    const file = formatEventFile({ leaf: event.bytes, proof, groups: shownOf(event, isPersonal) })
    return c.body(file as Uint8Array<ArrayBuffer>, 200, { ...NO_STORE, 'Content-Type': EVENT_FILE_TYPE })
  })
  return app
}

/** An event as one who asks may see it. */
export interface SeenEvent {
  readonly event: StoredEvent
  /** False for those who see no personal fields. */
  readonly isPersonal: boolean
}

/** Rejects with `not_found` alike for an event that is not there and one that is not there for who asks. */
const readOne = async (c: Context<Env>, { events, ask, viewed }: EventsAppOptions): Promise<SeenEvent> => {
  const access = ask(c.req.header('authorization'), 'event.read')
  const index = parseDecimal(c.req.param('index') ?? '')
  const event = await events.read(index)
  if (!mayRead(access, tenantOf(event))) throw noEvent(index)
  const isPersonal = allows(access.role, 'personal.read')
  if (isPersonal) await viewed(access, 1)
  return { event, isPersonal }
}

/** An item of a request that was not taken. */
interface Rejected {
  readonly item: number
  readonly id?: string
  readonly code: Issue['code'] | 'id_conflict' | 'forbidden_tenant' | 'too_large'
  readonly path: string
  readonly message: string
  readonly hint?: string
}

const send = async (c: Context<Env>, options: EventsAppOptions): Promise<Response> => {
  const { recorder, reader } = options
  const access = options.ask(c.req.header('authorization'), 'event.send')
  const isAwaited = wantsWitnesses(c, options.reach)
  const body = parseStrictJson(await readBody(c, MAX_BODY))
  const values: readonly Json[] = Array.isArray(body) ? body : [body as Json]
  if (values.length === 0 || values.length > MAX_ITEMS)
    throw new TlogError('malformed', `want 1 to ${MAX_ITEMS} events, got ${values.length}`)
  const isOne = !Array.isArray(body)
  const { items, rejected } = sortOut(values, access, isOne)
  const { items: answers, checkpoint: signed } = await recorder.record(items.map(({ recordable }) => recordable))
  const accepted: { readonly item: number; readonly recorded: Extract<Recorded, { kind: 'recorded' }> }[] = []
  for (const [i, answer] of answers.entries()) {
    const item = items[i]?.item ?? 0
    if (answer.kind === 'recorded') accepted.push({ item, recorded: answer })
    else if (answer.kind === 'conflict') rejected.push(conflictOf(item, answer, { value: values[item], isOne, access }))
    else
      rejected.push({
        item,
        ...idOf(values[item]),
        code: 'too_large',
        path: isOne ? '' : `/${item}`,
        message: answer.message,
      })
  }
  const checkpoint = isAwaited && accepted.length > 0 ? await witnessed(c, signed, options.reach) : signed
  const withProof = c.req.query('proof') !== undefined
  const given = await Promise.all(
    accepted.map(async ({ item, recorded }) => ({
      ...idOf(values[item]),
      ...(await receiptOf(recorded, reader)),
      ...(withProof && { proof: decodeUtf8(await reader.proofFile(recorded.index, checkpoint)) }),
    })),
  )
  const answer = {
    accepted: given,
    rejected: rejected.toSorted((a, b) => a.item - b.item),
    checkpoint: decodeUtf8(checkpoint.checkpoint),
  }
  return c.json(answer, statusOf(answer, isOne), NO_STORE)
}

const statusOf = (
  { accepted, rejected }: { readonly accepted: readonly unknown[]; readonly rejected: readonly Rejected[] },
  isOne: boolean,
): 200 | 409 | 422 => {
  if (accepted.length > 0) return 200
  return isOne && rejected[0]?.code === 'id_conflict' ? 409 : 422
}

const sortOut = (
  values: readonly Json[],
  access: Access,
  isOne: boolean,
): { readonly items: readonly { readonly item: number; readonly recordable: Recordable }[]; rejected: Rejected[] } => {
  const source = requireSource(access)
  const items: { readonly item: number; readonly recordable: Recordable }[] = []
  const rejected: Rejected[] = []
  for (const [item, value] of values.entries()) {
    const parsed = parseEvent(withTenant(value, access))
    const issues = parsed.kind === 'refused' ? parsed.issues : foreignTenant(parsed.event, access)
    if (parsed.kind === 'event' && issues.length === 0)
      items.push({ item, recordable: { source, event: parsed.event } })
    for (const { path, ...issue } of issues)
      rejected.push({ item, ...idOf(value), ...issue, path: isOne ? path : `/${item}${path}` })
  }
  return { items, rejected }
}

/** An event without a tenant is of the one that the token is bound to. */
const withTenant = (value: Json, { tenant }: Access): Json =>
  tenant !== undefined && isJsonObject(value) && !Object.hasOwn(value, 'tenant') ? { ...value, tenant } : value

const foreignTenant = (event: AuditEvent, access: Access): readonly Pick<Rejected, 'code' | 'message' | 'path'>[] =>
  may(access, 'event.send', event.tenant)
    ? []
    : [{ code: 'forbidden_tenant', path: '/tenant', message: 'the token is bound to another tenant' }]

const conflictOf = (
  item: number,
  { index }: Extract<Recorded, { kind: 'conflict' }>,
  { value, isOne, access }: { readonly value: Json | undefined; readonly isOne: boolean; readonly access: Access },
): Rejected => ({
  item,
  ...idOf(value),
  code: 'id_conflict',
  path: isOne ? '/id' : `/${item}/id`,
  // It may be of another tenant, whose events are nowhere for this one.
  message: `another event has this id${index === undefined || access.tenant !== undefined ? '' : `, at index ${index}`}`,
})

const idOf = (value: Json | undefined): { readonly id?: string } => {
  const id = isJsonObject(value) ? value['id'] : undefined
  return typeof id === 'string' ? { id: id.slice(0, 64) } : {}
}

/** Of an event that was there already, what was answered the first time is read back. */
const receiptOf = async (
  { index, isDuplicate, received, leafHash }: Extract<Recorded, { kind: 'recorded' }>,
  reader: LogReader,
) => {
  const hash = leafHash ?? (await reader.leafHash(index))
  return {
    index,
    ...(received !== undefined && { received: new Date(received).toISOString() }),
    leaf: encodeBase64(hash),
    dup: isDuplicate,
  }
}

/** The answer for what is no event, and for what is none to somebody. */
const noEvent = (index: number): TlogError => new TlogError('not_found', `entry ${index} is no event`)

/** The tenant of an event, undefined for one without. */
export const tenantOf = ({ openings }: StoredEvent): string | undefined => {
  const { meta } = openings
  const values: unknown = meta === undefined ? {} : JSON.parse(decodeUtf8(meta.value))
  const tenant = isJsonObject(values) ? values['tenant'] : undefined
  return typeof tenant === 'string' ? tenant : undefined
}

/** An event as JSON: what was sent, and what the log knows of it. */
export const describeEvent = ({ event, isPersonal }: SeenEvent) => {
  const { index, leaf, leafHash, openings, absent } = event
  const shown = isPersonal ? openings : {}
  const values: Partial<Record<Group, unknown>> = {}
  for (const [group, { value }] of Object.entries(shown))
    if (group !== 'raw') values[group as Group] = JSON.parse(decodeUtf8(value))
  return {
    index,
    received: new Date(leaf.received).toISOString(),
    source: leaf.source,
    number: leaf.number,
    leaf: encodeBase64(leafHash),
    event: { ...joinGroups(values), action: leaf.action, outcome: leaf.outcome },
    ...(shown.raw !== undefined && { raw: encodeBase64(shown.raw.value) }),
    ...(!isPersonal && { withheld: Object.keys(openings) }),
    ...(absent.length > 0 && { absent }),
  }
}

const shownOf = ({ openings }: StoredEvent, isPersonal: boolean): Partial<Record<Group, Shown>> =>
  Object.fromEntries(
    Object.entries(openings).map(([group, opening]): [string, Shown] => [
      group,
      isPersonal ? { kind: 'shown', opening } : { kind: 'withheld' },
    ]),
  )
