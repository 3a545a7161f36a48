/** A signed head as it is stored: the time of signing on a line of its own, then the checkpoint. */

import type { NoteVerifier } from '../note/algorithm.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { type OpenedCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts'
import type { SignedHead } from './log.ts'

/** The bytes of a head, for the store and for the ledger. */
export const formatHead = ({ time, checkpoint }: SignedHead): Uint8Array =>
  concatBytes(encodeUtf8(`time ${time}\n`), checkpoint)

/**
 * Parses a stored head and checks its signatures: one by any of these keys, which have one name, is enough, and all that
 * are theirs must verify. Throws `malformed`, `wrong_origin`, `bad_signature` or `untrusted`.
 */
export const parseHead = (bytes: Uint8Array, verifiers: readonly NoteVerifier[]): SignedHead => {
  const lineEnd = bytes.indexOf(0x0a)
  const [keyword, digits, ...more] = decodeUtf8(bytes.subarray(0, Math.max(0, lineEnd))).split(' ')
  if (keyword !== 'time' || digits === undefined || more.length > 0)
    throw new TlogError('malformed', 'head has no time line')
  const checkpoint = bytes.slice(lineEnd + 1)
  const origin = verifiers.map(({ name }) => name)
  const opened: OpenedCheckpoint = openCheckpoint(checkpoint, { origin, verifiers })
  return { size: opened.checkpoint.size, root: opened.checkpoint.root, time: parseDecimal(digits), checkpoint }
}
