/** For every format: a good item by its id, items that carry a text of somebody else's, and how items lie in a body. */
import type { Delivery } from '../../../src/audit/sources/source.ts'
import { delivery } from './deliveries.ts'

/** What tests of all formats need to know of one. */
export interface Sample {
  /** The JSON of an item that becomes an event; `text` stands in it where an outsider writes, as JSON. */
  readonly item: (id: string, text?: string) => string
  /** A delivery of items. */
  readonly body: (items: readonly Uint8Array[]) => Delivery
  /** The bytes that are kept of an item, where they are not its own. */
  readonly raw?: (item: Uint8Array) => Uint8Array
  /** One item is a delivery. */
  readonly isAlone?: true
  /** Items are no JSON. */
  readonly isText?: true
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** A token in the compact serialization; its signature is anybody's. */
export const tokenOf = (claims: Uint8Array | string): string => {
  const parts = ['{"typ":"secevent+jwt","alg":"ES256"}', claims, 'signature']
  return parts.map((part) => Buffer.from(part).toString('base64url')).join('.')
}

const listed =
  (before: string, after: string, headers: Readonly<Record<string, string>> = {}) =>
  (items: readonly Uint8Array[]): Delivery => {
    const parts = items.flatMap((item, i) => (i === 0 ? [item] : [bytesOf(','), item]))
    return delivery(Buffer.concat([bytesOf(before), ...parts, bytesOf(after)]), headers)
  }

/** By the name of the format. */
export const samples: Readonly<Record<string, Sample>> = {
  cloudtrail: {
    item: (id, text = '"aws-cli/2"') =>
      `{"eventID":"${id}","eventTime":"2026-11-20T21:47:00Z","eventSource":"iam.amazonaws.com","eventName":"DeleteUser",` +
      `"userIdentity":{"type":"Root","arn":"arn:aws:iam::1:root"},"userAgent":${text},"requestParameters":{"userName":"bob"}}`,
    body: listed('{"Records":[', ']}'),
  },
  k8s: {
    item: (id, text = '"kubectl"') =>
      `{"auditID":"${id}","stage":"ResponseComplete","requestReceivedTimestamp":"2026-11-20T21:47:00.000001Z","verb":"get",` +
      `"user":{"username":"jdoe"},"userAgent":${text},"requestURI":"/healthz","responseStatus":{"code":200}}`,
    body: listed('{"kind":"EventList","items":[', ']}'),
  },
  keycloak: {
    item: (id, text = '"jdoe"') =>
      `{"id":"${id}","time":1795211280000,"type":"LOGIN","realmId":"acme","userId":"u_1","details":{"username":${text}}}`,
    body: listed('[', ']'),
  },
  okta: {
    item: (id, text = '"curl/8"') =>
      `{"uuid":"${id}","published":"2026-11-20T21:47:00.123Z","eventType":"user.session.start","actor":{"id":"00u1","type":"User"},` +
      `"client":{"userAgent":{"rawUserAgent":${text}}},"outcome":{"result":"SUCCESS"}}`,
    body: listed('{"data":{"events":[', ']}}'),
  },
  auth0: {
    item: (id, text = '"Mozilla/5.0"') =>
      `{"log_id":"${id}","data":{"date":"2026-11-20T21:47:00.123Z","type":"s","user_id":"auth0|1","user_agent":${text}}}`,
    body: listed('[', ']'),
  },
  scim: {
    item: (id, text = '"jdoe"') =>
      `{"id":"${id}","time":"2026-11-20T21:47:00Z","method":"POST","path":"/scim/v2/Users","status":201,"actor":"okta","body":{"userName":${text}}}`,
    body: listed('[', ']'),
  },
  set: {
    item: (id, text = '"HR said so"') =>
      `{"jti":"${id}","iat":1795211220,"iss":"https://idp.example.com","sub_id":{"format":"opaque","id":"u_42"},` +
      `"events":{"https://schemas.openid.net/secevent/risc/event-type/account-disabled":{"reason":${text}}}}`,
    body: ([claims = new Uint8Array()]) => delivery(tokenOf(claims), { 'content-type': 'application/secevent+jwt' }),
    raw: (claims) => Buffer.from(tokenOf(claims)),
    isAlone: true,
  },
  otlp: {
    item: (id, text = '"jdoe became admin"') =>
      `{"timeUnixNano":1795211220123456789,"body":{"stringValue":${text}},"attributes":[{"key":"audit.id","value":{"stringValue":"${id}"}},` +
      `{"key":"audit.action","value":{"stringValue":"user.role.assign"}}]}`,
    body: listed('{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[', ']}]}]}'),
  },
  cloudevents: {
    item: (id, text = '"jdoe was created"') =>
      `{"specversion":"1.0","id":"${id}","source":"/hr","type":"audit.user.create","time":"2026-11-20T21:47:00Z","subject":"user/u_42","data":{"msg":${text}}}`,
    body: listed('[', ']', { 'content-type': 'application/cloudevents-batch+json; charset=UTF-8' }),
  },
  syslog: {
    item: (id, text = 'created user jdoe') =>
      `<110>1 2026-11-20T21:47:00.123Z idp1 keycloak 812 user.create [audit@32473 id="${id}" actor="a" target="u_42"] ${text}`,
    body: ([message = new Uint8Array()]) => delivery(message, { 'content-type': 'text/plain' }),
    isAlone: true,
    isText: true,
  },
}
