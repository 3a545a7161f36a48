/** Proof files: an index, an inclusion proof and a checkpoint in one text to keep (c2sp.org/tlog-proof). */
import { parseNote } from '../note/note.ts'
import { decodeBase64, encodeBase64 } from '../primitives/base64.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, formatHash, type Hash } from '../primitives/hash.ts'
import { parseCheckpoint } from './checkpoint.ts'

/** A proof file taken apart. Nothing in it is verified, and `extra` never can be. */
export interface TlogProof {
  /** Opaque data of the application, at least one byte; not authenticated by anything. */
  readonly extra?: Uint8Array | undefined
  /** Index of the entry, 0 to 2^53−1. */
  readonly index: number
  /** The inclusion proof, from the leaf's sibling up to the root's child; at most `MAX_PROOF_HASHES`. */
  readonly proof: readonly Hash[]
  /** The signed checkpoint, byte for byte. */
  readonly checkpoint: Uint8Array
}

/** Longer files are refused: room for the longest note and three times as much around it. */
export const MAX_PROOF_FILE_BYTES = 4 * 1024 * 1024

/** A proof in the deepest tree of RFC 6962, of 2^63 leaves, has no more hashes. */
export const MAX_PROOF_HASHES = 63

/**
 * Parses a proof file strictly, the form of its checkpoint included. Throws `malformed`, or `too_large` above
 * `MAX_PROOF_FILE_BYTES`, the limits of notes, or `MAX_PROOF_HASHES`.
 */
export const parseProofFile = (bytes: Uint8Array): TlogProof => {
  if (bytes.length > MAX_PROOF_FILE_BYTES) {
    throw new TlogError('too_large', `a proof file has at most ${MAX_PROOF_FILE_BYTES} bytes, got ${bytes.length}`)
  }
  const end = firstEmptyLine(bytes)
  const lines = decodeUtf8(bytes.subarray(0, end)).split('\n')
  // spec: The first line MUST be the string `c2sp.org/tlog-proof@v1`.
  if (lines.shift() !== HEADER) throw new TlogError('malformed', `a proof file starts with ${HEADER}`)
  const extra = lines[0]?.startsWith(EXTRA) ? parseExtra(lines.shift() ?? '') : undefined
  const index = parseIndex(lines.shift())
  assertProofLength(lines.length)
  const proof = lines.map((line) => asHash(decodeBase64(line)))
  // spec: After the inclusion proof lines and an empty line, the checkpoint issued by the log is included verbatim.
  const checkpoint = Uint8Array.from(bytes.subarray(end + 2))
  parseCheckpoint(parseNote(checkpoint).text)
  return { ...(extra && { extra }), index, proof, checkpoint }
}

/**
 * The bytes of a proof file. The checkpoint is taken as it is. Throws RangeError for an index that is not a whole
 * number up to 2^53−1 and for extra data without a byte, and `malformed` or `too_large` for a bad proof.
 */
export const formatProofFile = ({ extra, index, proof, checkpoint }: TlogProof): Uint8Array => {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`an index is from 0 to 2^53-1, got ${index}`)
  // spec: If no extra data is present, this line is omitted.
  if (extra?.length === 0) throw new RangeError('leave extra away when it is empty')
  assertProofLength(proof.length)
  const lines = [HEADER, ...(extra ? [EXTRA + encodeBase64(extra)] : []), `${INDEX}${index}`]
  for (const hash of proof) lines.push(formatHash(asHash(hash)))
  return concatBytes(encodeUtf8(`${lines.join('\n')}\n\n`), checkpoint)
}

const HEADER = 'c2sp.org/tlog-proof@v1'
const EXTRA = 'extra '
const INDEX = 'index '

const firstEmptyLine = (bytes: Uint8Array): number => {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) if (bytes[at + 1] === 0x0a) return at
  throw new TlogError('malformed', 'proof file has no empty line before its checkpoint')
}

const parseExtra = (line: string): Uint8Array => {
  const extra = decodeBase64(line.slice(EXTRA.length))
  if (extra.length === 0) throw new TlogError('malformed', 'a proof file without extra data has no extra line')
  return extra
}

const parseIndex = (line: string | undefined): number => {
  if (line?.startsWith(INDEX)) return parseDecimal(line.slice(INDEX.length))
  throw new TlogError('malformed', 'proof file has no index line where it belongs')
}

const assertProofLength = (count: number): void => {
  if (count <= MAX_PROOF_HASHES) return
  throw new TlogError('too_large', `an inclusion proof has at most ${MAX_PROOF_HASHES} hashes, got ${count}`)
}
