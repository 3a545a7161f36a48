/** The stages of an entry, as types: what a value may be used for is what has been earned for it. */
import type { TileTree } from '../client/tile-tree.ts'
import type { Hash } from '../primitives/hash.ts'
import type { ChangesByStore } from '../storage/storage.ts'

/** Bytes that a producer wants in the log, at most 65,535 of them. */
export type Entry = Uint8Array

/** A signed head and when it was signed; not yet released to anyone. */
export interface SignedHead {
  readonly size: number
  readonly root: Hash
  /** When it was signed, in milliseconds since the Unix epoch; later than that of every smaller head of the log. */
  readonly time: number
  /** The signed note. */
  readonly checkpoint: Uint8Array
}

declare const published: unique symbol

/**
 * A head that may leave the process: everything under it is synced, its root was computed twice, its signature was
 * checked, and the ledger has it. Only `publish` makes one.
 */
export interface PublishedCheckpoint extends SignedHead {
  readonly [published]: true
  /** The tree of this head. */
  readonly tree: TileTree
}

/** Where entries went: the answer to an append. */
export interface Appended {
  /** The index of each entry, in the order given. */
  readonly indices: readonly number[]
  /** How many of them were already in the log, so that their first index was answered. */
  readonly duplicates: number
  /** A checkpoint that covers them all. */
  readonly checkpoint: PublishedCheckpoint
}

/** What has to be written in the commit of some entries, given the index of each in the order in which they were given. */
export type RowsBeside = (indices: readonly number[]) => ChangesByStore

/** Takes entries and answers where they went. */
export interface Appender {
  /**
   * Resolves once all entries are synced, integrated and under a published checkpoint; they must not change before that.
   * Rejects with `pushback` when the pool is full, `too_large` for an entry over the limit, `poisoned` or `refused` when
   * the log takes no more entries (in all of which nothing was kept), and with `unknown_outcome` when a write failed and
   * the entries may or may not be there: appending the same bytes again is safe. What `beside` answers is in the commit
   * of the entries, unless all of them are there already; it is asked once, at the end, and must not throw.
   */
  append(entries: readonly Entry[], beside?: RowsBeside): Promise<Appended>
}
