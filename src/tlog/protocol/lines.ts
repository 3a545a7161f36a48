/** What the requests of witnesses and mirrors have in common: lines, an empty line, and a checkpoint after it. */
import { parseNote } from '../../note/note.ts'
import { decodeBase64 } from '../../primitives/base64.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../../primitives/bytes.ts'
import { parseDecimal } from '../../primitives/decimal.ts'
import { TlogError } from '../../primitives/error.ts'
import { asHash, formatHash, type Hash } from '../../primitives/hash.ts'
import { parseCheckpoint } from '../checkpoint.ts'

/** spec: The client MUST NOT send more than 63 consistency proof lines. */
export const MAX_PROOF_LINES = 63

/** Longer request bodies are refused: room for every proof line and some 30 of the longest signatures. */
export const MAX_REQUEST_BYTES = 128 * 1024

/** A body taken apart: its lines and the signed checkpoint, whose form is checked and whose signatures are not. */
export interface RequestLines {
  readonly lines: readonly string[]
  readonly checkpoint: Uint8Array
}

/** Splits a body. Throws `malformed`, or `too_large` above `MAX_REQUEST_BYTES`. */
export const splitRequest = (body: Uint8Array): RequestLines => {
  if (body.length > MAX_REQUEST_BYTES)
    throw new TlogError('too_large', `a request has at most ${MAX_REQUEST_BYTES} bytes, got ${body.length}`)
  const end = emptyLine(body)
  const lines = decodeUtf8(body.subarray(0, end)).split('\n')
  const checkpoint = body.slice(end + 2)
  parseCheckpoint(parseNote(checkpoint).text)
  return { lines, checkpoint }
}

/** The bytes of a body. */
export const joinRequest = ({ lines, checkpoint }: RequestLines): Uint8Array =>
  concatBytes(encodeUtf8(`${lines.join('\n')}\n\n`), checkpoint)

/** The numbers after the first word of a line, one space before each. Throws `malformed` for another word or count. */
export const parseNumbers = (line: string | undefined, word: string, count: number): readonly number[] => {
  const [first, ...numbers] = (line ?? '').split(' ')
  if (first !== word || numbers.length !== count)
    throw new TlogError(
      'malformed',
      `want a line of "${word}" and ${count} decimal ${count === 1 ? 'number' : 'numbers'}`,
    )
  return numbers.map(parseDecimal)
}

/** The hashes of proof lines. Throws `malformed` for a bad line and for more than `MAX_PROOF_LINES`. */
export const parseProofLines = (lines: readonly string[]): readonly Hash[] => {
  if (lines.length > MAX_PROOF_LINES)
    throw new TlogError('malformed', `a proof has at most ${MAX_PROOF_LINES} lines, got ${lines.length}`)
  return lines.map((line) => asHash(decodeBase64(line)))
}

/** One base64 line for each hash. Throws RangeError for more than `MAX_PROOF_LINES`. */
export const formatProofLines = (proof: readonly Hash[]): readonly string[] => {
  if (proof.length > MAX_PROOF_LINES)
    throw new RangeError(`a proof has at most ${MAX_PROOF_LINES} hashes, got ${proof.length}`)
  return proof.map((hash) => formatHash(asHash(hash)))
}

const emptyLine = (body: Uint8Array): number => {
  for (let at = body.indexOf(0x0a); at >= 0; at = body.indexOf(0x0a, at + 1)) if (body[at + 1] === 0x0a) return at
  throw new TlogError('malformed', 'the request has no empty line before its checkpoint')
}
