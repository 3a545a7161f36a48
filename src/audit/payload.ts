/** Payloads at rest: the openings of an entry's commitments, sealed under the keys of those whom they are about (spec/audit.md). */
import { type ByGroup, type Group, groups, type Opening, SALT_SIZE, subjectOf } from '../event/groups.ts'
import { concatBytes, readUint64, writeUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'

/** Authenticated encryption with 32-byte keys (AES-256-GCM). */
export interface Sealer {
  /** Seals with a nonce of its own; `context` has to be the same to open it. */
  seal(key: Uint8Array, plain: Uint8Array, context: Uint8Array): Uint8Array
  /** Opens, or answers undefined when the key, the context or a byte is wrong. */
  open(key: Uint8Array, sealed: Uint8Array, context: Uint8Array): Uint8Array | undefined
  /** One key from two; whoever lacks one of them has nothing. */
  join(a: Uint8Array, b: Uint8Array): Uint8Array
}

/** The keys of the two whom an entry is about; undefined where one was erased. */
export interface PayloadKeys {
  readonly actor: Uint8Array | undefined
  readonly target: Uint8Array | undefined
}

const boxes = ['actor', 'target', 'both'] as const
type Box = (typeof boxes)[number]

const VERSION = 1

/**
 * The row of a payload: a box for what is about the actor, one for the target and one for both, each empty where there is
 * nothing. `leafHash` binds it to its entry.
 */
export const sealPayload = (
  openings: ByGroup<Opening>,
  keys: { readonly actor: Uint8Array; readonly target: Uint8Array },
  leafHash: Uint8Array,
  sealer: Sealer,
): Uint8Array => {
  const sealed = boxes.map((box) => {
    const plain = packOpenings(openings, box)
    return plain.length === 0 ? plain : sealer.seal(keyOf(keys, box, sealer) ?? keys.actor, plain, leafHash)
  })
  return concatBytes(Uint8Array.of(VERSION), ...sealed.flatMap((box) => [lengthOf(box), box]))
}

/**
 * The openings that can still be opened: those of a subject whose key was erased are absent. Throws `corrupt` for a row that
 * was not sealed for this entry with these keys.
 */
export const openPayload = (
  row: Uint8Array,
  keys: PayloadKeys,
  leafHash: Uint8Array,
  sealer: Sealer,
): ByGroup<Opening> => {
  if (row[0] !== VERSION) throw corrupt('is of another version')
  const found: Partial<Record<Group, Opening>> = {}
  let at = 1
  for (const box of boxes) {
    const length = at + 8 <= row.length ? readUint64(row, at) : row.length
    const sealed = row.subarray(at + 8, at + 8 + length)
    if (sealed.length !== length) throw corrupt('is cut off')
    at += 8 + length
    const key = keyOf(keys, box, sealer)
    if (length === 0 || key === undefined) continue
    const plain = sealer.open(key, sealed, leafHash)
    if (plain === undefined) throw corrupt('does not open')
    unpackOpenings(plain, found)
  }
  if (at !== row.length) throw corrupt('has bytes behind it')
  return found
}

const corrupt = (what: string): TlogError => new TlogError('corrupt', `the payload ${what}`)

const keyOf = ({ actor, target }: PayloadKeys, box: Box, sealer: Sealer): Uint8Array | undefined => {
  if (box === 'actor') return actor
  if (box === 'target') return target
  return actor === undefined || target === undefined ? undefined : sealer.join(actor, target)
}

const lengthOf = ({ length }: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(8)
  writeUint64(bytes, length)
  return bytes
}

/** For each group: its place in the list, its salt, the length of its value in eight bytes, and the value. */
const packOpenings = (openings: ByGroup<Opening>, box: Box): Uint8Array =>
  concatBytes(
    ...groups.flatMap((group, place) => {
      const opening = openings[group]
      if (opening === undefined || subjectOf[group] !== box) return []
      return [Uint8Array.of(place), opening.salt, lengthOf(opening.value), opening.value]
    }),
  )

const unpackOpenings = (plain: Uint8Array, into: Partial<Record<Group, Opening>>): void => {
  for (let at = 0; at < plain.length; ) {
    const group = groups[plain[at] ?? groups.length]
    const valueAt = at + 1 + SALT_SIZE + 8
    if (group === undefined || valueAt > plain.length) throw corrupt('has no such group')
    const end = valueAt + readUint64(plain, at + 1 + SALT_SIZE)
    if (end > plain.length) throw corrupt('has a group that is cut off')
    into[group] = { salt: plain.slice(at + 1, at + 1 + SALT_SIZE), value: plain.slice(valueAt, end) }
    at = end
  }
}
