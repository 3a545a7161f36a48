/** CloudEvents 1.0 over HTTP, in the structured, the batched and the binary mode. */
import type { JsonObject } from '../../event/strict-json.ts'
import { decodeBase64 } from '../../primitives/base64.ts'
import { encodeUtf8 } from '../../primitives/bytes.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { customAction, hashId } from './fit.ts'
import { at, jsonIn, type Loose, objectOf, parseForeignJson, textAt } from './foreign-json.ts'
import { itemOf, type Mapped, settle } from './item.ts'
import { actionIn, actorIn, outcomeIn, thingIn, thingsIn } from './native.ts'
import { countingAnswer, type Delivery, type SourceFormat, type SourceItem } from './source.ts'
import { bytesAt, elementsOf, rootOf } from './spans.ts'

/** Most events of a batch. */
export const MAX_BATCH = 1_000

/** The mode is told by the content type. */
export const cloudevents: SourceFormat = {
  name: 'cloudevents',
  parse: (delivery) => {
    const { headers, body } = delivery
    const type = (headers['content-type'] ?? '').replace(/;.*$/s, '').trim().toLowerCase()
    if (type === 'application/cloudevents+json') return [itemOf(bytesAt(body, rootOf(body)), mapStructured)]
    if (type === 'application/cloudevents-batch+json') return batch(body)
    if (headers['ce-specversion'] !== undefined) return [binary(delivery, type)]
    throw new TlogError('malformed', 'want application/cloudevents+json, its batch, or headers ce-*')
  },
  answer: countingAnswer,
}

const batch = (body: Uint8Array): readonly SourceItem[] => {
  const spans = elementsOf(body, rootOf(body))
  if (spans.length > MAX_BATCH)
    throw new TlogError('malformed', `want at most ${MAX_BATCH} events, got ${spans.length}`)
  return spans.map((span) => itemOf(bytesAt(body, span), mapStructured))
}

const mapStructured = (event: JsonObject): Mapped => mapEvent(event, event['data'] ?? dataIn(event['data_base64']))

const dataIn = (text: Loose): Loose => {
  if (typeof text !== 'string') return undefined
  try {
    return jsonIn(new TextDecoder().decode(decodeBase64(text)))
  } catch {
    return undefined
  }
}

const binary = ({ headers, body }: Delivery, type: string): SourceItem => {
  const attributes = Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      name.startsWith('ce-') ? [[name.slice(3), unescaped(value)]] : [],
    ),
  )
  const isJson = /^application\/json$|\+json$/.test(type) && body.length > 0
  try {
    const data = isJson ? parseForeignJson(body) : new TextDecoder().decode(body)
    return settle(mapEvent(attributes, data), body)
  } catch (error) {
    if (!isTlogError(error, 'malformed')) throw error
    return settle({ code: error.code, reason: error.message }, body)
  }
}

/** spec: the value is percent-decoded; what was in double quotes is without them (HTTP Protocol Binding, section 3.1.3.2). */
const unescaped = (value: string): string => {
  const bare = /^"(.*)"$/s.exec(value)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? value
  try {
    return decodeURIComponent(bare).toWellFormed()
  } catch {
    return bare.toWellFormed()
  }
}

const mapEvent = (event: JsonObject, data: Loose): Mapped => {
  const version = textAt(event, 'specversion')
  if (version !== '1.0') return { code: 'bad_value', reason: `want specversion 1.0, got ${version?.slice(0, 20)}` }
  const id = textAt(event, 'id')
  const source = textAt(event, 'source')
  const type = textAt(event, 'type')
  if (id === undefined || source === undefined || type === undefined)
    return { code: 'missing', reason: 'want id, source and type' }
  const named = /^audit\.(.+)$/s.exec(type)?.[1]
  const inside = objectOf(data)
  const find = (...path: readonly string[]): Loose => at(inside, ...path)
  return {
    // spec: Producers MUST ensure that source + id is unique for each distinct event.
    id: id.includes('#') ? hashId(encodeUtf8(JSON.stringify([source, id]))) : `${source}#${id}`,
    time: event['time'],
    action: named === undefined ? customAction('cloudevents', type) : actionIn('cloudevents', named),
    outcome: named === undefined ? 'unknown' : outcomeIn(find('outcome')),
    actor: actorIn(find('actor')) ?? { type: 'service', id: source },
    target: thingIn(find('target')) ?? thingIn(event['subject']) ?? { type: 'unknown', id: source },
    with: thingsIn(find('with')),
    before: find('before'),
    after: find('after'),
    source: { ip: find('source', 'ip'), ua: find('source', 'ua'), app: find('source', 'app') },
    reason: find('reason'),
    service: find('service'),
    msg: find('msg') ?? (typeof data === 'string' ? data : undefined),
    tenant: find('tenant'),
    corr: find('corr') ?? /^[\da-f]{2}-([\da-f]{32})-/.exec(textAt(event, 'traceparent') ?? '')?.[1],
    src_id: id,
  }
}
