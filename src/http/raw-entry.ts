/** Entries that are appended raw: any bytes, but none that an auditor would take for an event. */
import { looksLikeLeaf } from '../event/leaf.ts'
import { TlogError } from '../primitives/error.ts'

/** Throws `malformed` for an entry that no producer may append. */
export const assertRawEntry = (entry: Uint8Array): void => {
  if (entry.length === 0) throw new TlogError('malformed', 'an entry has at least one byte')
  // spec: Entries that are appended raw MUST NOT begin with the bytes of the tag
  if (looksLikeLeaf(entry))
    throw new TlogError('malformed', 'entries that begin with d9 d9 f7 are audit events: send those to /v1/events')
}
