/** The events that the log makes itself, as a source of its own (spec/entry.md). */

import type { Particulars } from '../event/leaf.ts'
import { encodeUtf8 } from '../primitives/bytes.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import type { Recordable } from './make-entry.ts'

/** The source of the log's own entries; no other may have this name. */
export const OWN_SOURCE = 'treehead'

/** What an entry of the log itself says. */
export interface OwnEvent {
  readonly action: string
  /** Unique among the log's own. */
  readonly id: string
  /** In milliseconds since the Unix epoch. */
  readonly time: number
  readonly target: { readonly type: string; readonly id: string }
  readonly particulars?: Particulars
  /** Who had it done, where it was somebody. */
  readonly actor?: { readonly type: string; readonly id: string; readonly name?: string }
  readonly after?: Readonly<Record<string, string | number | boolean>>
  readonly reason?: string
  readonly raw?: Uint8Array
}

/** The event of it. */
export const ownEvent = ({
  action,
  id,
  time,
  target,
  particulars,
  actor,
  after,
  reason,
  raw,
}: OwnEvent): Recordable => ({
  source: OWN_SOURCE,
  event: {
    id,
    time: new Date(time).toISOString(),
    action,
    outcome: 'success',
    actor: actor ?? { type: 'system', id: OWN_SOURCE },
    target,
    ...(after !== undefined && { after }),
    ...(reason !== undefined && { reason }),
  },
  ...(raw !== undefined && { raw }),
  ...(particulars !== undefined && { particulars }),
})

/** The entry that says which numbers a source left out: from `from` to `to`, both of them missing. */
export const gapEvent = (source: string, from: number, to: number, time: number): Recordable =>
  ownEvent({
    action: 'source.gap',
    id: `gap:${encodeHex(sha256(encodeUtf8(source))).slice(0, 40)}:${from}`,
    time,
    target: { type: 'source', id: source },
    particulars: { source, from, to },
  })
