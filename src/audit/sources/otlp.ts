/** OpenTelemetry: log records of OTLP/HTTP in JSON (opentelemetry-proto, logs/v1) that say that they are audit events. */
import { canonicalJson } from '../../event/canonical-json.ts'
import type { Json, JsonObject } from '../../event/strict-json.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { hashId, timeOfNanos } from './fit.ts'
import { at, type Loose, objectOf, parseForeignJson, textAt, textOf } from './foreign-json.ts'
import { itemOf, type Mapped, settle } from './item.ts'
import { actionIn, actorIn, outcomeIn, thingIn, thingsIn } from './native.ts'
import { type Attributes, attributesIn, valueIn } from './otlp-values.ts'
import type { SourceFormat, SourceItem } from './source.ts'
import { bytesAt, elementsOf, membersOf, rootOf, type Span } from './spans.ts'

/** An ExportLogsServiceRequest. Records without an action are ignored: a trail is no place for all logs. */
export const otlp: SourceFormat = {
  name: 'otlp',
  parse: ({ headers, body }) => {
    if (/protobuf/i.test(headers['content-type'] ?? ''))
      throw new TlogError('malformed', 'want JSON: set the protocol http/json')
    const members = membersOf(body, rootOf(body))
    const resources = members.get('resourceLogs')
    if (resources !== undefined) return elementsOf(body, resources).flatMap((span) => itemsOfResource(body, span))
    if (members.size === 0) return []
    throw new TlogError('malformed', 'want {"resourceLogs": […]}')
  },
  answer: (items) => {
    const refused = items.filter((item) => item.kind === 'quarantine')
    // spec: the server MUST respond with HTTP 200 OK [...] If the request is only partially accepted [...] the server MUST
    // initialize the partial_success field. A 64-bit integer is a string in JSON.
    const [first] = refused
    const partial = first && {
      partialSuccess: { rejectedLogRecords: String(refused.length), errorMessage: first.reason },
    }
    return { status: 200, type: 'application/json', body: JSON.stringify(partial ?? {}) }
  },
}

const itemsOfResource = (body: Uint8Array, span: Span): readonly SourceItem[] =>
  confined(body, span, () => {
    const members = membersOf(body, span)
    const resource = members.get('resource')
    const scopes = members.get('scopeLogs')
    const attributes = (): Attributes | undefined =>
      attributesIn(at(resource && parseForeignJson(bytesAt(body, resource)), 'attributes'))
    const parsed = valueOrError(attributes)
    if (scopes === undefined) return []
    return elementsOf(body, scopes).flatMap((scope) =>
      confined(body, scope, () => {
        const records = membersOf(body, scope).get('logRecords')
        if (records === undefined) return []
        return elementsOf(body, records).map((record) => itemOfRecord(bytesAt(body, record), parsed))
      }),
    )
  })

/** What is wrong with one part of the request is wrong with that part only. */
const confined = (body: Uint8Array, span: Span, items: () => readonly SourceItem[]): readonly SourceItem[] => {
  const found = valueOrError(items)
  if (!isTlogError(found)) return found
  return [settle({ code: found.code, reason: found.message }, bytesAt(body, span))]
}

const valueOrError = <T>(value: () => T): T | TlogError => {
  try {
    return value()
  } catch (error) {
    if (isTlogError(error, 'malformed')) return error
    throw error
  }
}

const itemOfRecord = (raw: Uint8Array, resource: Attributes | undefined | TlogError): SourceItem =>
  itemOf(raw, (record): Mapped => {
    if (isTlogError(resource)) return { code: resource.code, reason: `in the resource: ${resource.message}` }
    const attributes = attributesIn(record['attributes'])
    if (attributes === undefined || resource === undefined)
      return { code: 'malformed', reason: 'an attribute is there twice' }
    return mapRecord(record, attributes, resource)
  })

/** `audit.<path>` of the attributes, or the path in a body that is an event of ours. */
const lookup =
  (attributes: Attributes, body: JsonObject | undefined) =>
  (...path: readonly string[]): Loose => {
    for (let parts = path.length; parts > 0; parts--) {
      const found = attributes.get(`audit.${path.slice(0, parts).join('.')}`)
      const value = parts === path.length ? found : at(found, ...path.slice(parts))
      if (value !== undefined) return value
    }
    return at(body, ...path)
  }

const mapRecord = (record: JsonObject, attributes: Attributes, resource: Attributes): Mapped => {
  const body = valueIn(record['body'])
  const find = lookup(attributes, objectOf(body))
  const action = textOf(find('action')) ?? /^audit\.(.+)$/s.exec(textAt(record, 'eventName') ?? '')?.[1]
  if (action === undefined) return 'ignored'
  const id = textOf(find('id')) ?? textOf(attributes.get('event.id'))
  const party = (name: string): Json => {
    const members = ['type', 'id', 'name', 'email', 'session', 'on_behalf_of'].map((key) => [
      key,
      find(name, key) ?? null,
    ])
    return Object.fromEntries(members) as JsonObject
  }
  const service = textOf(resource.get('service.name'))
  const user = textOf(attributes.get('enduser.id')) ?? textOf(attributes.get('user.id'))
  const asActor = actorIn(party('actor')) ?? actorIn(attributes.get('audit.actor')) ?? actorIn(user)
  const trace = textAt(record, 'traceId')
  return {
    id: id ?? hashOf(record, resource),
    time: find('time') ?? timeOfNanos(record['timeUnixNano']) ?? timeOfNanos(record['observedTimeUnixNano']),
    action: actionIn('otlp', action),
    outcome: outcomeIn(find('outcome')),
    actor: asActor ?? { type: 'service', id: service },
    target: thingIn(party('target')) ?? thingIn(attributes.get('audit.target')) ?? { type: 'service', id: service },
    with: thingsIn(find('with')),
    before: find('before'),
    after: find('after'),
    source: {
      ip: find('source', 'ip') ?? attributes.get('client.address') ?? attributes.get('source.address'),
      ua: find('source', 'ua') ?? attributes.get('user_agent.original'),
      app: find('source', 'app'),
    },
    reason: find('reason'),
    service: find('service') ?? service,
    msg: find('msg') ?? (typeof body === 'string' ? body : undefined),
    tenant: find('tenant'),
    corr: find('corr') ?? (trace !== undefined && /[^0]/.test(trace) ? trace : undefined),
    src_id: find('src_id') ?? id,
  }
}

/** Of resource, time and content, without when it was seen: what a collector reads twice is one record. */
const hashOf = (record: JsonObject, resource: Attributes): string => {
  const { timeUnixNano = null, body = null, attributes = null, eventName = null } = record
  return hashId(canonicalJson([[...resource], timeUnixNano, body, attributes, eventName]))
}
