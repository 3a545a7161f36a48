/** The message of sign-subtree, by which a witness is asked to cosign a part of a tree it knows (c2sp.org/tlog-witness). */
import { isSubtree } from '../../merkle/subtree.ts'
import { parseNote } from '../../note/note.ts'
import { decodeBase64 } from '../../primitives/base64.ts'
import { formatDecimal } from '../../primitives/decimal.ts'
import { TlogError } from '../../primitives/error.ts'
import { asHash, formatHash, type Hash } from '../../primitives/hash.ts'
import { parseCheckpoint } from '../checkpoint.ts'
import { formatProofLines, joinRequest, parseNumbers, parseProofLines, splitRequest } from './lines.ts'

/** A subtree, the proof that it is part of the checkpoint's tree, and that checkpoint with a cosignature of the witness. */
export interface SignSubtree {
  /** Index of the first leaf. */
  readonly start: number
  /** Index after the last leaf. */
  readonly end: number
  /** Root of the subtree. */
  readonly hash: Hash
  /** The subtree consistency proof, draft-ietf-plants-merkle-tree-certs section 4.4. */
  readonly proof: readonly Hash[]
  /** The reference checkpoint, byte for byte; its form is checked, nothing else. */
  readonly checkpoint: Uint8Array
}

/** Parses a request body strictly. Throws `malformed`, or `too_large`. */
export const parseSignSubtree = (body: Uint8Array): SignSubtree => {
  const { lines, checkpoint } = splitRequest(body)
  const [start = 0, end = 0] = parseNumbers(lines[0], 'subtree', 2)
  const { size } = parseCheckpoint(parseNote(checkpoint).text)
  // spec: The half-open interval `[start, end)` MUST be a valid subtree per [draft-ietf-plants-merkle-tree-certs-03],
  // Section 4.1, and end MUST be less than or equal to the checkpoint size.
  if (start === end || !isSubtree({ start, end }) || end > size)
    throw new TlogError('malformed', `[${start}, ${end}) is not a subtree of a tree of ${size} leaves`)
  return { start, end, hash: asHash(decodeBase64(lines[1] ?? '')), proof: parseProofLines(lines.slice(2)), checkpoint }
}

/** The body of a request. Throws RangeError for a size that is none and a proof that is too long. */
export const formatSignSubtree = ({ start, end, hash, proof, checkpoint }: SignSubtree): Uint8Array => {
  const range = `subtree ${formatDecimal(start)} ${formatDecimal(end)}`
  return joinRequest({ lines: [range, formatHash(asHash(hash)), ...formatProofLines(proof)], checkpoint })
}
