/** One event becomes one entry: its leaf without anything personal, and the openings of its commitments. */
import type { AuditEvent, Party } from '../event/event.ts'
import { type ByGroup, commitGroup, type Group, groups, groupValues, type Opening, SALT_SIZE } from '../event/groups.ts'
import { formatLeaf, type Handles, type Particulars, SIZE_STEP } from '../event/leaf.ts'
import { hashLeaf } from '../merkle/hash.ts'
import { TlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'
import type { SourceState } from './records.ts'
import type { Subject, SubjectName } from './subjects.ts'

/** An event on its way into the log. */
export interface Recordable {
  /** Who sent it, as the operator named it. */
  readonly source: string
  readonly event: AuditEvent
  /** The bytes that it was made from, where it came in another format. */
  readonly raw?: Uint8Array | undefined
  /** Of an event that the log itself makes. */
  readonly particulars?: Particulars | undefined
}

/** An entry that is ready to be appended. */
export interface MadeEntry {
  readonly leaf: Uint8Array
  readonly leafHash: Hash
  readonly openings: ByGroup<Opening>
  readonly actor: Subject
  readonly target: Subject
}

/** The subjects of an event, in the order in which `makeEntry` wants them: actor, target, and whoever is involved. */
export const subjectsOf = ({ actor, target, with: involved = [], tenant }: AuditEvent): readonly SubjectName[] => {
  const nameOf = (party: Party): SubjectName => ({ tenant, type: kindOf(party), id: party['id'] as string | undefined })
  return [actor, target, ...involved].map(nameOf)
}

/** An admin is a user: what is erased is a person, in whatever part they acted. */
const kindOf = ({ type }: Party): string => (type === 'admin' ? 'user' : type)

/** Where the entry stands. */
export interface EntryPlace {
  readonly origin: string
  /** In milliseconds since the Unix epoch. */
  readonly received: number
  /** The source's chain before it. */
  readonly state: SourceState
  /** As `subjectsOf` names them. */
  readonly subjects: readonly Subject[]
  /** Random bytes from a cryptographic source. */
  readonly random: (size: number) => Uint8Array
}

/** Most bytes that the values of an event's groups may have together. */
export const MAX_PAYLOAD = 2 ** 20

/** Makes the entry. Throws `too_large` for a payload over `MAX_PAYLOAD`. */
export const makeEntry = ({ source, event, raw, particulars }: Recordable, place: EntryPlace): MadeEntry => {
  const { origin, received, state, subjects, random } = place
  const [actor, target, ...involved] = subjects
  if (actor === undefined || target === undefined) throw new RangeError('an event has an actor and a target')
  const values = groupValues(event, raw)
  const openings: Partial<Record<Group, Opening>> = {}
  const commitments: Partial<Record<Group, Hash>> = {}
  let payloadSize = 0
  for (const group of groups) {
    const value = values[group]
    if (value === undefined) continue
    const opening = { salt: random(SALT_SIZE), value }
    openings[group] = opening
    commitments[group] = commitGroup(group, opening)
    payloadSize += value.length
  }
  if (payloadSize > MAX_PAYLOAD)
    throw new TlogError('too_large', `an event has at most ${MAX_PAYLOAD} bytes of payload, got ${payloadSize}`)
  const handles: Handles = {
    actor: actor.handle,
    target: target.handle,
    ...(involved.length > 0 && { with: involved.map(({ handle }) => handle) }),
  }
  const leaf = formatLeaf({
    origin,
    received,
    action: event.action,
    outcome: event.outcome,
    source,
    number: state.entries + 1,
    ...(state.last !== undefined && { previous: state.last }),
    handles,
    commitments,
    payloadSize: Math.ceil(payloadSize / SIZE_STEP) * SIZE_STEP,
    ...(particulars !== undefined && { particulars }),
  })
  return { leaf, leafHash: hashLeaf(leaf), openings, actor, target }
}
