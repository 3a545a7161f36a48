/** The field groups of a payload, each under a salted commitment of its own (spec/entry.md). */
import { concatBytes, encodeUtf8 } from '../primitives/bytes.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import { sha256 } from '../primitives/sha256.ts'
import { canonicalJson } from './canonical-json.ts'
import type { AuditEvent } from './event.ts'
import type { JsonObject } from './strict-json.ts'

/** All groups, in the order of the specification. */
export const groups = ['actor', 'target', 'with', 'source', 'before', 'after', 'text', 'meta', 'raw'] as const

/** The name of a group. */
export type Group = (typeof groups)[number]

/** True for the name of a group. */
export const isGroup = (name: string): name is Group => (groups as readonly string[]).includes(name)

/** Whose erasure takes each group away; a group about both goes with either. */
export const subjectOf: Readonly<Record<Group, 'actor' | 'target' | 'both'>> = {
  actor: 'actor',
  target: 'target',
  with: 'target',
  source: 'actor',
  before: 'target',
  after: 'target',
  text: 'both',
  meta: 'both',
  raw: 'both',
}

/** Something for some of the groups. */
export type ByGroup<T> = Readonly<Partial<Record<Group, T>>>

/** Bytes of a salt. */
export const SALT_SIZE = 32

/** What opens a commitment. */
export interface Opening {
  readonly salt: Uint8Array
  /** The canonical JSON of the group, for `raw` the bytes that the source sent. */
  readonly value: Uint8Array
}

/** The values of an event's groups, and of the bytes that it was made from. */
export const groupValues = (event: AuditEvent, raw?: Uint8Array): ByGroup<Uint8Array> => {
  const { id, time, service, tenant, corr, src_id, n, msg, reason } = event
  const json = (value: unknown): Uint8Array => encodeUtf8(canonicalJson(value))
  const { actor, target, source, before, after } = event
  return {
    actor: json(actor),
    target: json(target),
    ...(event.with !== undefined && { with: json(event.with) }),
    ...(source !== undefined && { source: json(source) }),
    ...(before !== undefined && { before: json(before) }),
    ...(after !== undefined && { after: json(after) }),
    ...((msg ?? reason) !== undefined && { text: json({ msg, reason }) }),
    meta: json({ id, time, service, tenant, corr, src_id, n }),
    ...(raw !== undefined && { raw }),
  }
}

/** The keys of the groups whose members are keys of the event itself. */
export const groupKeys: ByGroup<readonly string[]> = {
  text: ['msg', 'reason'],
  meta: ['id', 'time', 'service', 'tenant', 'corr', 'src_id', 'n'],
}

/** The event that group values (JSON, without `raw`) were made from, as far as they are there. */
export const joinGroups = (values: ByGroup<unknown>): JsonObject => {
  const { text, meta, raw: _, ...others } = values
  return { ...(meta as JsonObject), ...others, ...(text as JsonObject) } as JsonObject
}

// spec: c_i = SHA-256("audit-field/v1" || 0x00 || name || 0x00 || salt || value)
const LABEL = encodeUtf8('audit-field/v1\0')
const prefixes = Object.fromEntries(
  groups.map((group) => [group, concatBytes(LABEL, encodeUtf8(`${group}\0`))]),
) as Readonly<Record<Group, Uint8Array>>

/** The commitment of a group. Throws RangeError for a salt that is not 32 bytes long. */
export const commitGroup = (group: Group, { salt, value }: Opening): Hash => {
  if (salt.length !== SALT_SIZE) throw new RangeError(`want a salt of ${SALT_SIZE} bytes, got ${salt.length}`)
  return sha256(concatBytes(prefixes[group], salt, value))
}

/** True when the opening opens the commitment of the group. */
export const opensCommitment = (group: Group, opening: Opening, commitment: Hash): boolean =>
  opening.salt.length === SALT_SIZE && equalHash(commitGroup(group, opening), commitment)
