/** What a log reports of itself; http/metrics turns it into numbers, the command line into log lines. */
import type { RefusalReason } from './refusal.ts'

/** Times are durations in milliseconds. */
export type LogEvent =
  | {
      readonly kind: 'committed'
      readonly size: number
      readonly entries: number
      readonly duplicates: number
      readonly prepareMs: number
      readonly commitMs: number
      readonly ledgerMs: number
    }
  | { readonly kind: 'pushback'; readonly pooled: number }
  | { readonly kind: 'refused'; readonly reason: RefusalReason }
  | { readonly kind: 'poisoned'; readonly error: unknown }
  /** LevelDB's own manifest was damaged; a new one was made, and every entry was checked against the signed head. */
  | { readonly kind: 'repaired'; readonly error: unknown }
  | { readonly kind: 'reindexed'; readonly from: number; readonly to: number }
  /** The filter of leaf hashes could not be filled, so every leaf is looked up in the database. */
  | { readonly kind: 'unfiltered'; readonly error: unknown }

/** Called with each event, synchronously; must not throw. */
export type Observe = (event: LogEvent) => void
