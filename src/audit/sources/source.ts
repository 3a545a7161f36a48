/** Sources: other systems' formats, and what of a delivery becomes an event (spec/sources.md). */
import type { AuditEvent } from '../../event/event.ts'

/** One item of a delivery, with the bytes that it came as. */
export type SourceItem =
  | { readonly kind: 'event'; readonly event: AuditEvent; readonly raw: Uint8Array }
  /** Could not be made into an event: kept in quarantine, with the reason. */
  | { readonly kind: 'quarantine'; readonly code: string; readonly reason: string; readonly raw: Uint8Array }
  /** Nothing that an audit log keeps, for example the stage RequestReceived of Kubernetes. */
  | { readonly kind: 'ignored' }

/** What came in one request. */
export interface Delivery {
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** As sent, but for its content coding, which the caller undoes. */
  readonly body: Uint8Array
}

/** What is answered to the sender. */
export interface SourceAnswer {
  readonly status: number
  /** The content type of the body. */
  readonly type?: string
  readonly body?: string
}

/** A format. Both functions are pure: one delivery always makes the same events, so that a repetition is known as one. */
export interface SourceFormat {
  /** In lower case; the last part of the path `/v1/ingest/<name>`. */
  readonly name: string
  /** Takes a delivery apart, its items in order. Throws `malformed` when the body as a whole is not in the format. */
  readonly parse: (delivery: Delivery) => readonly SourceItem[]
  /** What the sender understands once everything was kept. */
  readonly answer: (items: readonly SourceItem[]) => SourceAnswer
}

/** For senders that look at the status only: 200 and how many there were of each kind. */
export const countingAnswer = (items: readonly SourceItem[]): SourceAnswer => {
  const count = (kind: SourceItem['kind']): number => items.filter((item) => item.kind === kind).length
  const counts = { events: count('event'), quarantined: count('quarantine'), ignored: count('ignored') }
  return { status: 200, type: 'application/json', body: JSON.stringify(counts) }
}
