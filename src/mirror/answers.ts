/** What a mirror answers to add-entries, in its own words; http turns each into the status of the specification. */
import type { NoteSignature } from '../note/note.ts'
import type { MirrorInfo } from '../tlog/protocol/mirror-info.ts'

/** The answer to add-entries. */
export type AddEntriesAnswer =
  /** 200: all is kept, and the mirror's signatures say so. */
  | { readonly kind: 'cosigned'; readonly signatures: readonly NoteSignature[] }
  /** 202: what came is kept, and more is to come. */
  | { readonly kind: 'accepted'; readonly info: MirrorInfo }
  /** 400: nothing came that could be kept. */
  | { readonly kind: 'malformed'; readonly reason: string }
  /** 404 */
  | { readonly kind: 'unknown log' }
  /** 409: the upload does not fit where the mirror is. */
  | { readonly kind: 'conflict'; readonly info: MirrorInfo }
  /** 422: no checkpoint, a package that is not of its tree, or a log that is known to have signed two histories. */
  | { readonly kind: 'refused'; readonly reason: string }
