/** Security event tokens (RFC 8417), pushed as RFC 8935 says: SCIM (RFC 9967), CAEP and RISC. Signatures are verified elsewhere. */
import type { JsonObject } from '../../event/strict-json.ts'
import { decodeBase64 } from '../../primitives/base64.ts'
import { TlogError } from '../../primitives/error.ts'
import { timeOfMillis } from './fit.ts'
import { at, type Loose, objectOf, textAt } from './foreign-json.ts'
import { type ActorDraft, itemOf, type Mapped } from './item.ts'
import { eventMeaning, subjectOf } from './set-events.ts'
import type { SourceFormat } from './source.ts'

/** One token in the compact serialization. `raw` is the token, which its issuer signed. */
export const set: SourceFormat = {
  name: 'set',
  parse: ({ body }) => {
    const raw = trimmed(body)
    const item = itemOf(claimsOf(raw), mapClaims)
    return [item.kind === 'ignored' ? item : { ...item, raw }]
  },
  answer: (items) => {
    const refused = items.find((item) => item.kind === 'quarantine')
    if (refused?.kind !== 'quarantine') return { status: 202 }
    // spec: the response body is a JSON object with "err" and "description" (RFC 8935 section 2.3).
    const body = JSON.stringify({ err: 'invalid_request', description: refused.reason })
    return { status: 400, type: 'application/json', body }
  },
}

const trimmed = (body: Uint8Array): Uint8Array => {
  let end = body.length
  while (end > 0 && (body[end - 1] ?? 0) <= 0x20) end--
  return body.subarray(0, end)
}

/** The bytes of the claims. */
const claimsOf = (token: Uint8Array): Uint8Array => {
  const [, claims] = /^[\w-]+\.([\w-]+)\.[\w-]*$/.exec(new TextDecoder().decode(token)) ?? []
  if (claims === undefined) throw new TlogError('malformed', 'want a JWT of three parts in base64url')
  const padding = '='.repeat((4 - (claims.length % 4)) % 4)
  return decodeBase64(claims.replaceAll('-', '+').replaceAll('_', '/') + padding)
}

const mapClaims = (claims: JsonObject): Mapped => {
  const events = Object.entries(objectOf(claims['events']) ?? {})
  const meanings = events.map(([uri, event]) => ({
    event,
    meaning: eventMeaning(uri, event, subjectIn(claims, event)),
  }))
  // spec: all events of a token are about one thing that happened (RFC 8417 section 2.2): the first that has a name here.
  const known = meanings.find(({ meaning }) => !meaning.action?.startsWith('custom.')) ?? meanings[0]
  if (known === undefined) return { code: 'missing', reason: 'want an event in the claim events' }
  const { event, meaning } = known
  if (meaning.action === undefined) return 'ignored'
  const jti = textAt(claims, 'jti')
  return {
    id: jti,
    time: timeIn(claims, event),
    action: meaning.action,
    outcome: 'success',
    actor: actorOf(claims, event, subjectIn(claims, event)),
    target: subjectOf(subjectIn(claims, event), meaning.kind),
    with: meaning.involved ?? [],
    after: meaning.after,
    reason: reasonIn(at(event, 'reason_admin')) ?? reasonIn(at(event, 'reason_user')) ?? textAt(event, 'reason'),
    msg: events.map(([uri]) => uri).join(' '),
    corr: textAt(claims, 'txn'),
    src_id: jti,
  }
}

/** Of the token, or as older profiles have it of the event. */
const subjectIn = (claims: JsonObject, event: Loose): Loose =>
  claims['sub_id'] ??
  at(event, 'subject') ??
  (textAt(claims, 'sub') === undefined ? undefined : { format: 'opaque', id: textAt(claims, 'sub') ?? '' })

/** When it happened, or else when the token was made; seconds, but some issuers write milliseconds. */
const timeIn = (claims: JsonObject, event: Loose): Loose => {
  const value = claims['toe'] ?? at(event, 'event_timestamp') ?? claims['iat']
  const number = typeof value === 'number' ? value : Number.NaN
  return timeOfMillis(number < 100_000_000_000 ? number * 1_000 : number)
}

/** The issuer says so; who made it do so is known of CAEP. */
const actorOf = (claims: JsonObject, event: Loose, subject: Loose): ActorDraft => {
  if (textAt(event, 'initiating_entity') !== 'user') return { type: 'service', id: claims['iss'] }
  const { id, name, email } = subjectOf(subject, undefined)
  return { type: 'user', id, name, email }
}

/** A text, or texts by language. */
const reasonIn = (reason: Loose): string | undefined =>
  textAt(reason, 'en') ??
  Object.values(objectOf(reason) ?? {}).find((one) => typeof one === 'string') ??
  (typeof reason === 'string' ? reason : undefined)
