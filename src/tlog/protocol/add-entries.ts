/** The body of add-entries, by which a mirror is handed a log's entries in packages that prove themselves (c2sp.org/tlog-mirror). */
import { isSize } from '../../merkle/bits.ts'
import { planSubtreeConsistency } from '../../merkle/subtree.ts'
import { concatBytes, decodeUtf8, encodeUint64, encodeUtf8, readUint64 } from '../../primitives/bytes.ts'
import { TlogError } from '../../primitives/error.ts'
import { joinFrames, MAX_FRAME } from '../../primitives/framing.ts'
import { asHash, HASH_SIZE, type Hash } from '../../primitives/hash.ts'

/** The media type of a body. */
export const ENTRIES_TYPE = 'application/octet-stream'

/** spec: The interval determines a fixed canonical sequence of entry packages, aligned at multiples of 256. */
export const PACKAGE_WIDTH = 256

/** spec: clients SHOULD limit each `add-entries` request to at most 32 entry packages (8192 entries). */
export const MAX_PACKAGES = 32

/** spec: `num_hashes`, which MUST be at most 63 */
const MAX_HASHES = 63

/** What stands before the packages. */
export interface AddEntriesHeader {
  readonly origin: string
  /** The interval of entries that the packages make up, from `start` up to but not including `end`. */
  readonly start: number
  /** Also the size of the pending checkpoint that the proofs lead to. */
  readonly end: number
  /** What the mirror said, or nothing. */
  readonly ticket: Uint8Array
}

/** The entries of one package, and the subtree whose proof it carries. */
export interface PackageRange {
  /** Index of the first entry. */
  readonly start: number
  /** Index after the last entry; also the end of the subtree. */
  readonly end: number
  /** Where the subtree starts: a multiple of 256, and before `start` where an upload begins in the middle. */
  readonly subtreeStart: number
}

/** One package. */
export interface EntryPackage {
  readonly entries: readonly Uint8Array[]
  /** From the subtree to the checkpoint of the upload's end. */
  readonly proof: readonly Hash[]
}

/** What was read off the front of some bytes, or how many of them it takes at least to read on. */
export type Taken<T> =
  | { readonly kind: 'taken'; readonly value: T; readonly length: number }
  | { readonly kind: 'short'; readonly atLeast: number }

/**
 * The canonical sequence of packages of an upload, made one at a time since it has no bound. Throws RangeError unless
 * `start` and `end` are indices and `start` is at most `end`.
 */
export function* planPackages({ start, end }: Pick<AddEntriesHeader, 'start' | 'end'>): Generator<PackageRange> {
  if (!isSize(start) || !isSize(end) || start > end) throw new RangeError(`no entries from ${start} to ${end}`)
  // spec: start = max(upload_start, rounded_start + i * 256), end = min(upload_end, rounded_start + (i + 1) * 256)
  for (let at = start; at < end; ) {
    const subtreeStart = at - (at % PACKAGE_WIDTH)
    const packageEnd = Math.min(end, subtreeStart + PACKAGE_WIDTH)
    yield { start: at, end: packageEnd, subtreeStart }
    at = packageEnd
  }
}

/** How many hashes the proof of a package has in the tree of `size`. */
export const proofLength = ({ subtreeStart, end }: PackageRange, size: number): number =>
  planSubtreeConsistency({ start: subtreeStart, end, size }).length

/** Reads the header. Throws `malformed` when no bytes that follow could make it right. */
export const takeHeader = (bytes: Uint8Array): Taken<AddEntriesHeader> => {
  const originSize = readUint16(bytes, 0)
  if (originSize === undefined) return short(2)
  const ticketAt = 2 + originSize + 16
  const ticketSize = readUint16(bytes, ticketAt)
  if (ticketSize === undefined) return short(ticketAt + 2)
  const length = ticketAt + 2 + ticketSize
  if (bytes.length < length) return short(length)
  const origin = decodeUtf8(bytes.subarray(2, 2 + originSize))
  const start = readUint64(bytes, 2 + originSize)
  const end = readUint64(bytes, 2 + originSize + 8)
  // spec: `upload_start` MUST be less or equal to `upload_end`.
  if (start > end) throw new TlogError('malformed', `want an upload that starts before it ends, got ${start} to ${end}`)
  return { kind: 'taken', value: { origin, start, end, ticket: bytes.slice(length - ticketSize, length) }, length }
}

/** Reads a package; its entries are views of `bytes`. Throws `malformed` when no bytes that follow could make it right. */
export const takePackage = (bytes: Uint8Array, { start, end }: PackageRange): Taken<EntryPackage> => {
  const entries: Uint8Array[] = []
  let at = 0
  for (let index = start; index < end; index++) {
    const size = readUint16(bytes, at)
    // Every entry that is still to come has two bytes at least.
    if (size === undefined) return short(at + 2 * (end - index) + 1)
    const entryEnd = at + 2 + size
    if (bytes.length < entryEnd) return short(entryEnd + 2 * (end - index - 1) + 1)
    entries.push(bytes.subarray(at + 2, entryEnd))
    at = entryEnd
  }
  const hashes = bytes[at]
  if (hashes === undefined) return short(at + 1)
  if (hashes > MAX_HASHES) throw new TlogError('malformed', `want at most ${MAX_HASHES} hashes, got ${hashes}`)
  const length = at + 1 + hashes * HASH_SIZE
  if (bytes.length < length) return short(length)
  const hashAt = (i: number): Uint8Array => bytes.slice(at + 1 + i * HASH_SIZE, at + 1 + (i + 1) * HASH_SIZE)
  const proof = Array.from({ length: hashes }, (_, i) => asHash(hashAt(i)))
  return { kind: 'taken', value: { entries, proof }, length }
}

/** The bytes of a header. Throws RangeError for an origin or a ticket over 65,535 bytes, and for numbers that are none. */
export const formatHeader = ({ origin, start, end, ticket }: AddEntriesHeader): Uint8Array => {
  if (start > end) throw new RangeError(`an upload starts before it ends, got ${start} to ${end}`)
  return concatBytes(joinFrames([encodeUtf8(origin)]), encodeUint64(start), encodeUint64(end), joinFrames([ticket]))
}

/** The bytes of a package. Throws RangeError for an entry over 65,535 bytes and a proof of over 63 hashes. */
export const formatPackage = ({ entries, proof }: EntryPackage): Uint8Array => {
  if (proof.length > MAX_HASHES) throw new RangeError(`want at most ${MAX_HASHES} hashes, got ${proof.length}`)
  return concatBytes(joinFrames(entries), Uint8Array.of(proof.length), ...proof)
}

/** The most bytes that a header can have. */
export const MAX_HEADER_BYTES = 2 + MAX_FRAME + 16 + 2 + MAX_FRAME

const short = (atLeast: number): { readonly kind: 'short'; readonly atLeast: number } => ({ kind: 'short', atLeast })

const readUint16 = (bytes: Uint8Array, at: number): number | undefined => {
  const [high, low] = bytes.subarray(at, at + 2)
  return high === undefined || low === undefined ? undefined : high * 256 + low
}
