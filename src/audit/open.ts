/** Opening the audit service over a log: its recorder and its reader, wired to the table of subjects. */
import { looksLikeLeaf } from '../event/leaf.ts'
import type { Log } from '../log/open.ts'
import { RefusedError } from '../log/refusal.ts'
import { equalBytes } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/clock.ts'
import { encodeHex } from '../primitives/hex.ts'
import type { KeyValueStore, Storage } from '../storage/storage.ts'
import { EventReader } from './event-reader.ts'
import { type OwnEvent, ownEvent } from './own-events.ts'
import type { Sealer } from './payload.ts'
import { type AppendedEvent, Recorder } from './recorder.ts'
import { AUDIT_STORE, TABLE_ROW } from './records.ts'
import { Subjects } from './subjects.ts'

/** What it is made of. */
export interface AuditOptions {
  readonly log: Log
  /** The storage of the log. */
  readonly storage: Storage
  /** Where subjects and their keys are kept: outside that storage. */
  readonly keys: KeyValueStore
  readonly sealer: Sealer
  /** HMAC-SHA-256. */
  readonly mac: (key: Uint8Array, message: Uint8Array) => Uint8Array
  /** Random bytes from a cryptographic source. */
  readonly random: (size: number) => Uint8Array
  /** Wall clock. */
  readonly clock: Clock
  /** Told of what was appended, in the order of the indices, before anybody is answered. Default: nobody. */
  readonly appended?: ((events: readonly AppendedEvent[]) => void) | undefined
}

/** An open audit service. */
export interface Audit {
  readonly recorder: Recorder
  /** Puts an entry of the log itself into it. Rejects as the recorder does. */
  readonly recordOwn: (event: Omit<OwnEvent, 'id' | 'time'>) => Promise<void>
  readonly events: EventReader
  readonly subjects: Subjects
}

/** True for a log that has events, whose payloads belong to a table of subjects. Rejects with `corrupt`. */
export const hasSubjects = async (storage: Storage): Promise<boolean> =>
  (await storage.keyValue(AUDIT_STORE).get(TABLE_ROW)) !== undefined

/** Looks at every entry, once in the life of a log: before its first event. */
const assertNoEvents = async ({ reader }: Log): Promise<void> => {
  const { size } = reader.published
  for (let at = 0; at < size; ) {
    const entries = await reader.entries(at, size)
    const found = entries.findIndex(looksLikeLeaf)
    if (found >= 0) throw new RefusedError('events_lost', `entry ${at + found} is an event, and nothing is beside it`)
    at += entries.length
  }
}

/** Opens. Rejects with RefusedError `events_lost`, `keys_of_another` for a table of another log, with `corrupt` and `io`. */
export const openAudit = async (options: AuditOptions): Promise<Audit> => {
  const { log, storage, keys, sealer, mac, random, clock, appended } = options
  const store = storage.keyValue(AUDIT_STORE)
  const bound = await store.get(TABLE_ROW)
  if (bound === undefined) await assertNoEvents(log)
  const subjects = await Subjects.open({ store: keys, random, mac })
  if (bound === undefined) await store.write([{ key: TABLE_ROW, value: subjects.id }])
  else if (!equalBytes(bound, subjects.id))
    throw new RefusedError('keys_of_another', 'the table of subjects is not the one that the payloads belong to')
  const recorder = new Recorder({
    log: log.sequencer,
    store,
    origin: log.origin,
    subjects,
    sealer,
    random,
    clock,
    appended,
  })
  const recordOwn: Audit['recordOwn'] = async (event) => {
    await recorder.record([ownEvent({ ...event, id: `${event.action}:${encodeHex(random(12))}`, time: clock() })])
  }
  return { recorder, recordOwn, events: new EventReader({ reader: log.reader, store, subjects, sealer }), subjects }
}
