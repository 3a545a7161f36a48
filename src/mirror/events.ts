/** What a mirror tells others of. */
import type { AddEntriesAnswer } from './answers.ts'

/** Something that happened. */
export type MirrorEvent =
  /** An upload was answered. */
  | {
      readonly kind: 'uploaded'
      readonly origin: string
      readonly outcome: AddEntriesAnswer['kind']
      /** How many entries came that were not there, all of them kept. */
      readonly entries: number
      readonly milliseconds: number
    }
  /** The mirror checkpoint of a log was replaced. */
  | { readonly kind: 'mirrored'; readonly origin: string; readonly size: number; readonly checkpoint: Uint8Array }
  /** The copy of a log has lost entries that were cosigned, or cannot be read at all. */
  | { readonly kind: 'damaged'; readonly origin: string; readonly reason: string }

/** Told of each event; must not throw. */
export type ObserveMirror = (event: MirrorEvent) => void
