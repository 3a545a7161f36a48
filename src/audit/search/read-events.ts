/** Events of the log as the index takes them: whatever is left of each. */
import type { AuditEvent } from '../../event/event.ts'
import { type Group, joinGroups } from '../../event/groups.ts'
import { looksLikeLeaf, parseLeaf } from '../../event/leaf.ts'
import type { LogReader } from '../../log/reader.ts'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { isTlogError } from '../../primitives/error.ts'
import type { EventReader, StoredEvent } from '../event-reader.ts'
import type { Indexable } from './segment.ts'

/** What reading needs. */
export interface ReadParts {
  readonly events: Pick<EventReader, 'readMany'>
  readonly reader: Pick<LogReader, 'published' | 'entries'>
}

/**
 * The events at these indices, in order, those of other kinds left out. An event whose payload is damaged is read as one
 * whose payload is gone: to raise the alarm is not the business of an index. Rejects with `corrupt` for entries that are
 * not those of the tree, and `io`.
 */
export const readIndexables = async (
  indices: readonly number[],
  { events, reader }: ReadParts,
): Promise<readonly Indexable[]> => {
  try {
    return (await events.readMany(indices)).map(indexableOf)
  } catch (error) {
    if (!isTlogError(error, 'corrupt')) throw error
    const [index = 0] = indices
    if (indices.length > 1) {
      const half = indices.length >>> 1
      const parts = { events, reader }
      return [
        ...(await readIndexables(indices.slice(0, half), parts)),
        ...(await readIndexables(indices.slice(half), parts)),
      ]
    }
    const [entry] = await reader.entries(index, index + 1)
    if (entry === undefined || !looksLikeLeaf(entry)) return []
    return [leftOf(index, parseLeaf(entry))]
  }
}

const leftOf = (index: number, { received, source, action, outcome }: StoredEvent['leaf']): Indexable => ({
  index,
  received,
  source,
  event: { action, outcome },
})

/** Groups that have terms. */
const indexed: readonly Group[] = ['actor', 'target', 'with', 'source', 'text', 'meta']

const indexableOf = ({ index, leaf, openings }: StoredEvent): Indexable => {
  const values: Partial<Record<Group, unknown>> = {}
  for (const group of indexed) {
    const opening = openings[group]
    if (opening !== undefined) values[group] = JSON.parse(decodeUtf8(opening.value))
  }
  const left = leftOf(index, leaf)
  // The groups were made from an event that keeps every rule, and open the commitments to them.
  return { ...left, event: { ...(joinGroups(values) as Partial<AuditEvent>), ...left.event } }
}
