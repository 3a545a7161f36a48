/** The audit leaf: what an event leaves in the tree for ever, without anything personal (spec/entry.md). */
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { concatBytes, encodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { hasParticulars, isAction, isOutcome, type Outcome } from './actions.ts'
import { type ByGroup, isGroup } from './groups.ts'

/** Bytes of a handle. */
export const HANDLE_SIZE = 16

/** Most bytes that a leaf may have: what an entry of a tiled log holds. */
export const MAX_LEAF_SIZE = 65_535

/** Random numbers that stand for who and what: one for each party of one tenant. */
export interface Handles {
  readonly actor?: Uint8Array
  readonly target?: Uint8Array
  readonly with?: readonly Uint8Array[]
}

/** Particulars of an entry that the log made itself. */
export type Particulars = Readonly<Record<string, number | string | Uint8Array>>

/** A leaf. */
export interface AuditLeaf {
  /** Of the log. */
  readonly origin: string
  /** When the log received it, in milliseconds since the Unix epoch. */
  readonly received: number
  readonly action: string
  readonly outcome: Outcome
  /** Who sent it, as the operator named it. */
  readonly source: string
  /** Its number among the entries of the source, from 1. */
  readonly number: number
  /** The leaf hash of the source's entry before it; none for the first. */
  readonly previous?: Hash
  readonly handles: Handles
  readonly commitments: ByGroup<Hash>
  /** Bytes of the values of all groups, rounded up to a multiple of `SIZE_STEP`. */
  readonly payloadSize: number
  readonly particulars?: Particulars
}

/** What every leaf begins with: the tag of self-described CBOR. Entries of other kinds must not. */
export const LEAF_PREFIX = Uint8Array.of(0xd9, 0xd9, 0xf7)

/** True for what begins as a leaf does, whatever follows. */
export const looksLikeLeaf = (entry: Uint8Array): boolean =>
  entry.length >= 3 && equalBytes(entry.subarray(0, 3), LEAF_PREFIX)

/** To the byte, the size of a payload would tell a short name from a long one. */
export const SIZE_STEP = 256

const SOURCE = /^[a-z0-9._:/-]{1,64}$/

/** True for the name of a source. */
export const isSourceName = (text: string): boolean => SOURCE.test(text)

/** The bytes of a leaf. Throws `malformed` for one that no reader would take, and `too_large`. */
export const formatLeaf = (leaf: AuditLeaf): Uint8Array => {
  const { received, action, outcome, source, number, previous, handles, commitments, payloadSize, particulars } = leaf
  const map = {
    v: 1,
    o: leaf.origin,
    t: received,
    a: action,
    r: outcome,
    s: source,
    n: number,
    ...(previous !== undefined && { p: previous }),
    h: handles,
    c: commitments,
    z: payloadSize,
    ...(particulars !== undefined && { d: particulars }),
  }
  checkMap(map)
  const bytes = concatBytes(LEAF_PREFIX, encode(map, rfc8949EncodeOptions))
  if (bytes.length > MAX_LEAF_SIZE)
    throw new TlogError('too_large', `an entry has at most ${MAX_LEAF_SIZE} bytes, got ${bytes.length}`)
  return bytes
}

/** Parses a leaf. Throws `malformed` for everything but the one encoding of a leaf. */
export const parseLeaf = (bytes: Uint8Array): AuditLeaf => {
  if (!looksLikeLeaf(bytes) || bytes.length > MAX_LEAF_SIZE)
    throw malformed('want an audit entry, which begins with the bytes d9 d9 f7')
  const map = decodeMap(bytes.subarray(LEAF_PREFIX.length))
  checkMap(map)
  // spec: One entry has one encoding.
  if (!equalBytes(encode(map, rfc8949EncodeOptions), bytes.subarray(LEAF_PREFIX.length)))
    throw malformed('the entry is not in deterministic encoding')
  const { o, t, a, r, s, n, p, h, c, z, d } = map
  return {
    origin: o,
    received: t,
    action: a,
    outcome: r,
    source: s,
    number: n,
    ...(p !== undefined && { previous: p }),
    handles: h,
    commitments: c,
    payloadSize: z,
    ...(d !== undefined && { particulars: d }),
  }
}

const malformed = (message: string, cause?: unknown): TlogError => new TlogError('malformed', message, { cause })

const decodeMap = (bytes: Uint8Array): unknown => {
  try {
    return decode(bytes, {
      strict: true,
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      allowBigInt: false,
      rejectDuplicateMapKeys: true,
    })
  } catch (cause) {
    throw malformed(`want CBOR: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

/** The map of a leaf, as it is encoded. */
interface LeafMap {
  readonly v: 1
  readonly o: string
  readonly t: number
  readonly a: string
  readonly r: Outcome
  readonly s: string
  readonly n: number
  readonly p?: Hash
  readonly h: Handles
  readonly c: ByGroup<Hash>
  readonly z: number
  readonly d?: Particulars
}

const KEYS: ReadonlySet<string> = new Set(['v', 'o', 't', 'a', 'r', 's', 'n', 'p', 'h', 'c', 'z', 'd'])

function checkMap(map: unknown): asserts map is LeafMap {
  const { v, o, t, a, r, s, n, p, h, c, z, d } = membersOf(map, 'an entry', (key) => KEYS.has(key))
  if (v !== 1) throw malformed(`want version 1, got ${String(v)}`)
  if (typeof o !== 'string' || o === '' || encodeUtf8(o).length > 255) throw malformed('o is no origin')
  if (!isCount(t, 0)) throw malformed('t is no time')
  if (typeof a !== 'string' || !isAction(a)) throw malformed('a is no action')
  if (typeof r !== 'string' || !isOutcome(r)) throw malformed('r is no outcome')
  if (typeof s !== 'string' || !isSourceName(s)) throw malformed('s is no source')
  if (!isCount(n, 1)) throw malformed('n is no number')
  if ((p === undefined) !== (n === 1)) throw malformed('p belongs to every entry of a source but the first')
  if (p !== undefined && !isBytes(p, HASH_SIZE)) throw malformed('p is no hash')
  checkHandles(h)
  for (const hash of Object.values(membersOf(c, 'c', isGroup)))
    if (!isBytes(hash, HASH_SIZE)) throw malformed('c has something that is no hash')
  if (!isCount(z, 0) || z % SIZE_STEP !== 0) throw malformed(`z is no multiple of ${SIZE_STEP}`)
  if (d === undefined) return
  if (!hasParticulars(a)) throw malformed(`d does not belong to ${a}`)
  for (const value of Object.values(membersOf(d, 'd', (key) => /^[a-z][a-z_]{0,31}$/.test(key))))
    if (typeof value !== 'string' && !isCount(value, 0) && !(value instanceof Uint8Array))
      throw malformed('d has something that is neither text, bytes nor unsigned')
}

const checkHandles = (h: unknown): void => {
  const handles = membersOf(h, 'h', (key) => key === 'actor' || key === 'target' || key === 'with')
  for (const key of ['actor', 'target'] as const)
    if (handles[key] !== undefined && !isBytes(handles[key], HANDLE_SIZE)) throw malformed(`h.${key} is no handle`)
  const others: unknown = handles['with']
  if (others === undefined) return
  if (
    !Array.isArray(others) ||
    others.length < 1 ||
    others.length > 64 ||
    !others.every((one) => isBytes(one, HANDLE_SIZE))
  )
    throw malformed('h.with is not 1 to 64 handles')
}

const membersOf = (
  value: unknown,
  what: string,
  isKey: (key: string) => boolean,
): Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw malformed(`${what} is no map`)
  for (const key of Object.keys(value)) if (!isKey(key)) throw malformed(`${what} has the key ${JSON.stringify(key)}`)
  return value as Readonly<Record<string, unknown>>
}

const isCount = (value: unknown, least: number): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= least

const isBytes = (value: unknown, length: number): value is Uint8Array =>
  value instanceof Uint8Array && value.length === length
