/** Checkpoints: the text a log signs about its tree (c2sp.org/tlog-checkpoint). */
import type { NoteVerifier } from '../note/algorithm.ts'
import { assertNoteText } from '../note/characters.ts'
import { type OpenedNote, parseNote, verifyNote } from '../note/note.ts'
import { decodeBase64 } from '../primitives/base64.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, formatHash, type Hash } from '../primitives/hash.ts'

/** What a log says about its tree. */
export interface Checkpoint {
  /** Which log; one line, not empty. */
  readonly origin: string
  /** How many leaves the tree has, 0 to 2^53−1. */
  readonly size: number
  /** The RFC 6962 root of the tree of that size. */
  readonly root: Hash
  /** Further lines, none of them empty; opaque, and most logs have none. */
  readonly extensions: readonly string[]
}

/** A signed checkpoint with at least one verified signature. */
export interface OpenedCheckpoint extends OpenedNote {
  readonly checkpoint: Checkpoint
  /** The signed note as it came. */
  readonly bytes: Uint8Array
}

/** Parses the text of a checkpoint, which is a note without its signatures. Throws `malformed`. */
export const parseCheckpoint = (text: string): Checkpoint => {
  assertNoteText(text)
  // spec: The note text is a sequence of at least three non-empty lines, separated by newlines (U+000A).
  const lines = text.slice(0, -1).split('\n')
  const [origin, size, root, ...extensions] = lines
  if (origin === undefined || size === undefined || root === undefined) {
    throw new TlogError('malformed', `a checkpoint has at least 3 lines, got ${lines.length}`)
  }
  if (lines.includes('')) throw new TlogError('malformed', 'checkpoint has an empty line')
  return { origin, size: parseDecimal(size), root: asHash(decodeBase64(root)), extensions }
}

/**
 * The text of a checkpoint, ending in a newline. Throws `malformed` for an origin or extension that is empty or has
 * controls, and RangeError for a size that is not a whole number up to 2^53−1.
 */
export const formatCheckpoint = ({ origin, size, root, extensions }: Checkpoint): string => {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`a size is from 0 to 2^53-1, got ${size}`)
  const lines = [origin, String(size), formatHash(asHash(root)), ...extensions]
  if (lines.some((line) => line === '' || line.includes('\n'))) {
    throw new TlogError('malformed', 'origin and extensions are one line each, and not empty')
  }
  const text = `${lines.join('\n')}\n`
  assertNoteText(text)
  return text
}

/** Whose checkpoint is wanted, and which keys are known. */
export interface CheckpointTrust {
  /** The origin, or the origins, of which one must match; any origin when left away. */
  readonly origin?: string | readonly string[] | undefined
  readonly verifiers: readonly NoteVerifier[]
}

/**
 * Parses and verifies a signed checkpoint. Throws `malformed` or `too_large` for a bad form, `wrong_origin` when
 * `origin` is given and differs, `bad_signature` when a known key's signature does not verify, and `untrusted` when
 * no known key signed. Says nothing about consistency with other checkpoints.
 */
export const openCheckpoint = (bytes: Uint8Array, { origin, verifiers }: CheckpointTrust): OpenedCheckpoint => {
  const note = parseNote(bytes)
  const checkpoint = parseCheckpoint(note.text)
  // Asked before the signatures, because another log's checkpoint is rarely signed by a known key either, and the
  // origin is what its reader can understand.
  const wanted = typeof origin === 'string' ? [origin] : origin
  if (wanted !== undefined && !wanted.includes(checkpoint.origin)) {
    const got = JSON.stringify(checkpoint.origin.slice(0, 256))
    throw new TlogError('wrong_origin', `want a checkpoint of ${JSON.stringify(wanted.join(' or '))}, got ${got}`)
  }
  return { ...verifyNote(note, verifiers), checkpoint, bytes: Uint8Array.from(bytes) }
}
