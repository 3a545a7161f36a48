/** Reading events back: the entry from the tree, the payload opened against its commitments. */
import { type ByGroup, type Group, groups, type Opening, opensCommitment } from '../event/groups.ts'
import { type AuditLeaf, looksLikeLeaf, parseLeaf } from '../event/leaf.ts'
import type { LogReader } from '../log/reader.ts'
import { hashLeaf } from '../merkle/hash.ts'
import { TlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import { openPayload, type Sealer } from './payload.ts'
import { payloadRow } from './records.ts'
import type { Subjects } from './subjects.ts'

/** An event as it is kept. */
export interface StoredEvent {
  readonly index: number
  /** The entry, byte for byte. */
  readonly bytes: Uint8Array
  readonly leaf: AuditLeaf
  readonly leafHash: Hash
  /** What opens the commitments; every one of them was checked. */
  readonly openings: ByGroup<Opening>
  /** Groups that have a commitment and nothing to open it. */
  readonly absent: readonly Group[]
}

/** What reading needs. */
export interface EventReaderParts {
  readonly reader: LogReader
  /** The store `AUDIT_STORE` of the log's storage. */
  readonly store: KeyValueStore
  readonly subjects: Pick<Subjects, 'keysOf'>
  readonly sealer: Sealer
}

/** Reads events of the published tree. */
export class EventReader {
  readonly #parts: EventReaderParts

  constructor(parts: EventReaderParts) {
    this.#parts = parts
  }

  /**
   * The event at `index`. Rejects with `not_found` when there is none, or an entry of another kind, and with `corrupt` for
   * a payload that does not open the commitments of its entry.
   */
  async read(index: number): Promise<StoredEvent> {
    const [event] = await this.readMany([index])
    if (event === undefined) throw new TlogError('not_found', `entry ${index} is no event`)
    return event
  }

  /** The events at these indices, in order; entries of other kinds are left out. Rejects as `read` does. */
  async readMany(indices: readonly number[]): Promise<readonly StoredEvent[]> {
    const entries = await Promise.all(indices.map((index) => this.#entry(index)))
    const rows = await this.#parts.store.getMany(indices.map(payloadRow))
    const events: StoredEvent[] = []
    for (const [i, index] of indices.entries()) {
      const bytes = entries[i]
      if (bytes === undefined || !looksLikeLeaf(bytes)) continue
      events.push(await this.#open(index, bytes, rows[i]))
    }
    return events
  }

  async #entry(index: number): Promise<Uint8Array | undefined> {
    const { size } = this.#parts.reader.published
    if (index >= size) throw new TlogError('not_found', `no entry ${index} in a tree of size ${size}`)
    const [entry] = await this.#parts.reader.entries(index, index + 1)
    return entry
  }

  async #open(index: number, bytes: Uint8Array, row: Uint8Array | undefined): Promise<StoredEvent> {
    const { subjects, sealer } = this.#parts
    const leaf = parseLeaf(bytes)
    const leafHash = hashLeaf(bytes)
    const { actor, target } = leaf.handles
    const [actorKey, targetKey] = await subjects.keysOf([actor ?? NOBODY, target ?? NOBODY])
    const openings = row === undefined ? {} : openPayload(row, { actor: actorKey, target: targetKey }, leafHash, sealer)
    for (const group of groups) {
      const commitment = leaf.commitments[group]
      const opening = openings[group]
      if (opening === undefined) continue
      if (commitment === undefined || !opensCommitment(group, opening, commitment))
        throw new TlogError('corrupt', `the payload of entry ${index} does not open its commitment to ${group}`)
    }
    const absent = groups.filter((group) => leaf.commitments[group] !== undefined && openings[group] === undefined)
    return { index, bytes, leaf, leafHash, openings, absent }
  }
}

const NOBODY = new Uint8Array(16)
