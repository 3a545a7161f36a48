/** What a witness answers, in its own words; http turns each into the status of the specification. */
import type { NoteSignature } from '../note/note.ts'

/** The answer to add-checkpoint. */
export type AddCheckpointAnswer =
  | { readonly kind: 'cosigned'; readonly signatures: readonly NoteSignature[] }
  /** 404 */
  | { readonly kind: 'unknown log' }
  /** 403: the log did not sign this. */
  | { readonly kind: 'forbidden'; readonly reason: string }
  /** 400 */
  | { readonly kind: 'malformed'; readonly reason: string }
  /** 409: the size that was cosigned last. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** 422: the trees are not shown to agree, or the log is known to have signed two histories. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** 429 */
  | { readonly kind: 'too often'; readonly retryAfterSeconds: number }

/** The answer to sign-subtree. */
export type SignSubtreeAnswer =
  | Extract<AddCheckpointAnswer, { kind: 'cosigned' | 'unknown log' | 'forbidden' | 'refused' | 'too often' }>
  /** 404: no key of the witness can sign subtrees. */
  | { readonly kind: 'unsupported' }
