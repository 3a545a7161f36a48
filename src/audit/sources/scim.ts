/** SCIM: requests to a service provider (RFC 7644), as records of a proxy, or mirrored while they are made. */
import type { JsonObject } from '../../event/strict-json.ts'
import { concatBytes, encodeUtf8 } from '../../primitives/bytes.ts'
import { hashId } from './fit.ts'
import { at, jsonIn, type Loose, objectOf, textAt, textOf } from './foreign-json.ts'
import { outcomeOfStatus } from './http-method.ts'
import { type ActorDraft, itemOf, type Mapped, settle } from './item.ts'
import { recordsIn } from './records.ts'
import { scimMeaning } from './scim-request.ts'
import { countingAnswer, type Delivery, type SourceFormat, type SourceItem } from './source.ts'
import { bytesAt } from './spans.ts'

/**
 * Records `{"method", "path", "time", …}`, one, an array or lines of them; or with the header `x-original-method` the
 * request itself, whose answer nobody knows yet.
 */
export const scim: SourceFormat = {
  name: 'scim',
  parse: (delivery) => {
    if (delivery.headers['x-original-method'] !== undefined) return [mirrored(delivery)]
    return recordsIn(delivery.body).map((span) => itemOf(bytesAt(delivery.body, span), mapRecord))
  },
  answer: countingAnswer,
}

/** What is known of a request, wherever it is known from. */
interface Exchange {
  readonly id: string | undefined
  readonly time: Loose
  readonly method: string | undefined
  readonly path: string | undefined
  readonly status: Loose
  readonly actor: Loose
  readonly ip: Loose
  readonly ua: Loose
  readonly body: Loose
  readonly response: Loose
}

const mapRecord = (record: JsonObject, raw: Uint8Array): Mapped => {
  const id = textAt(record, 'id')
  const exchange: Exchange = {
    id,
    time: record['time'],
    method: textAt(record, 'method'),
    path: textAt(record, 'path'),
    status: record['status'],
    actor: record['actor'],
    ip: record['ip'],
    ua: record['ua'],
    body: objectOf(record['body']) ?? jsonIn(record['body']),
    response: objectOf(record['response']) ?? jsonIn(record['response']),
  }
  return mapExchange(exchange, () => hashId(raw))
}

const mirrored = ({ headers, body }: Delivery): SourceItem => {
  const names = ['x-original-method', 'x-original-uri', 'x-original-time', 'x-original-actor', 'x-request-id']
  const [method, path, time, actor, id] = names.map((name) => textOf(headers[name]))
  const exchange = { id, time, method, path, actor, status: undefined, response: undefined }
  const source = { ip: headers['x-original-ip'], ua: headers['user-agent'] }
  const hash = (): string => hashId(concatBytes(encodeUtf8(JSON.stringify([method, path, time])), body))
  if (body.length === 0) return settle(mapExchange({ ...exchange, ...source, body: undefined }, hash), body)
  return itemOf(body, (content) => mapExchange({ ...exchange, ...source, body: content }, hash))
}

const mapExchange = (exchange: Exchange, hash: () => string): Mapped => {
  const { id, time, method, path, status, actor, ip, ua, body, response } = exchange
  if (method === undefined || path === undefined) return { code: 'missing', reason: 'want a method and a path' }
  const meaning = scimMeaning({ method: method.toUpperCase(), path, body, response })
  const outcome = outcomeOfStatus(status)
  return {
    id: id ?? hash(),
    time,
    action: meaning.action,
    outcome,
    actor: actorOf(actor),
    target: meaning.target,
    with: meaning.involved,
    after: outcome === 'failure' || outcome === 'denied' ? undefined : meaning.after,
    source: { ip, ua },
    reason: textAt(response, 'detail') ?? textAt(response, 'scimType'),
    msg: `${method.toUpperCase()} ${path.replace(/[?#].*$/s, '')}`,
    corr: id,
    src_id: id,
  }
}

/** A client by its name, or a party as events have it. */
const actorOf = (actor: Loose): ActorDraft =>
  typeof actor === 'string'
    ? { type: 'service', id: actor }
    : { type: textAt(actor, 'type') === 'user' ? 'user' : 'service', id: at(actor, 'id'), name: at(actor, 'name') }
