/** Entry bundles: up to 256 entries, each after its length (c2sp.org/tlog-tiles, "Log entries"). */
import { joinFrames, MAX_FRAME, splitFrames } from '../primitives/framing.ts'

/** The largest entry that can be published, in bytes: a bundle's length prefix has 16 bits. */
export const MAX_ENTRY_SIZE = MAX_FRAME

/**
 * Joins entries into a bundle or a part of one. Throws RangeError for an entry over 65,535 bytes.
 * spec: Entry bundles are sequences of big-endian uint16 length-prefixed log entries.
 */
export const formatEntryBundle = (entries: readonly Uint8Array[]): Uint8Array => joinFrames(entries)

/**
 * The entries of a bundle, as views of its bytes. Throws `malformed` when the bytes end within an entry and `too_large`
 * when there are more than `limit` entries.
 */
export const parseEntryBundle = (bundle: Uint8Array, limit?: number): readonly Uint8Array[] =>
  splitFrames(bundle, limit)
