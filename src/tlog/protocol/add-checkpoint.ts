/** The messages of add-checkpoint, by which a log asks a witness or a mirror for a cosignature (c2sp.org/tlog-witness). */
import { decodeUtf8, encodeUtf8 } from '../../primitives/bytes.ts'
import { formatDecimal, parseDecimal } from '../../primitives/decimal.ts'
import { TlogError } from '../../primitives/error.ts'
import type { Hash } from '../../primitives/hash.ts'
import { formatProofLines, joinRequest, parseNumbers, parseProofLines, splitRequest } from './lines.ts'

/** What a log says: the size that the witness cosigned last, a proof from there, and the checkpoint to cosign. */
export interface AddCheckpoint {
  /** 0 when the witness has not cosigned a checkpoint of this log. */
  readonly oldSize: number
  /** The consistency proof from `oldSize` to the size of the checkpoint; empty when `oldSize` is 0. */
  readonly proof: readonly Hash[]
  /** The signed checkpoint, byte for byte; its form is checked, nothing else. */
  readonly checkpoint: Uint8Array
}

/** The media type of the body of a 409: the size that the witness cosigned last. */
export const SIZE_TYPE = 'text/x.tlog.size'

/** Parses a request body strictly. Throws `malformed`, or `too_large`. */
export const parseAddCheckpoint = (body: Uint8Array): AddCheckpoint => {
  const { lines, checkpoint } = splitRequest(body)
  // spec: The old size line MUST consist of the string `old`, a single space (0x20), and the tree size of the previous
  // checkpoint encoded as an ASCII decimal with no leading zeroes
  const [oldSize = 0] = parseNumbers(lines[0], 'old', 1)
  return { oldSize, proof: parseProofLines(lines.slice(1)), checkpoint }
}

/** The body of a request. Throws RangeError for a size that is none and a proof that is too long. */
export const formatAddCheckpoint = ({ oldSize, proof, checkpoint }: AddCheckpoint): Uint8Array =>
  joinRequest({ lines: [`old ${formatDecimal(oldSize)}`, ...formatProofLines(proof)], checkpoint })

/** The size in the body of a 409. Throws `malformed`. */
export const parseCosignedSize = (body: Uint8Array): number => {
  // spec: The response body MUST consist of the tree size of the latest cosigned checkpoint in decimal, followed by a
  // newline (U+000A).
  const text = decodeUtf8(body)
  if (!text.endsWith('\n')) throw new TlogError('malformed', 'want a decimal size and a newline')
  return parseDecimal(text.slice(0, -1))
}

/** The body of a 409. */
export const formatCosignedSize = (size: number): Uint8Array => encodeUtf8(`${formatDecimal(size)}\n`)
