/** Which events are new: each has its place by its source and id, for ever (spec/audit.md, EVENT-5). */
import { canonicalJson } from '../event/canonical-json.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import type { Recordable } from './make-entry.ts'
import { idRow, parseIdRecord, TAG_SIZE } from './records.ts'
import type { Subjects } from './subjects.ts'

/** What an event is to the log. */
export type EventPlace =
  | { readonly kind: 'fresh'; readonly id: EventId }
  /** It is in the log. */
  | { readonly kind: 'known'; readonly index: number }
  /** It is the same as an earlier one of those that are placed now. */
  | { readonly kind: 'repeated'; readonly of: number }
  /** Its id is taken by another event, which has this index, or is an earlier one of those that are placed now. */
  | { readonly kind: 'conflict'; readonly index: number | undefined }

/** What an event will be known by. */
export interface EventId {
  /** The key of its row. */
  readonly row: Uint8Array
  /** A keyed digest of all of it. */
  readonly content: Uint8Array
}

/** Places events, in order. Rejects with `corrupt`. */
export const placeEvents = async (
  items: readonly Recordable[],
  store: KeyValueStore,
  subjects: Subjects,
): Promise<readonly EventPlace[]> => {
  const ids = items.map((item) => idOf(item, subjects))
  const rows = await store.getMany(ids.map(({ row }) => row))
  const first = new Map<string, number>()
  return ids.map((id, i): EventPlace => {
    const row = rows[i]
    if (row !== undefined) {
      const { index, content } = parseIdRecord(row)
      return equalBytes(content, id.content) ? { kind: 'known', index } : { kind: 'conflict', index }
    }
    const name = encodeHex(id.row)
    const earlier = first.get(name)
    if (earlier === undefined) {
      first.set(name, i)
      return { kind: 'fresh', id }
    }
    const isSame = equalBytes(ids[earlier]?.content ?? id.row, id.content)
    return isSame ? { kind: 'repeated', of: earlier } : { kind: 'conflict', index: undefined }
  })
}

const idOf = ({ source, event, raw }: Recordable, subjects: Subjects): EventId => {
  const rawDigest = raw === undefined ? '' : encodeHex(sha256(raw))
  return {
    row: idRow(subjects.tag(`id\0${source}\0${event.id}`)),
    content: subjects.tag(`content\0${rawDigest}\0${canonicalJson(event)}`).slice(0, TAG_SIZE),
  }
}
