/** Opening the audit service over a log: its recorder and its reader, wired to the table of subjects. */
import type { Log } from '../log/open.ts'
import type { Clock } from '../primitives/clock.ts'
import type { KeyValueStore, Storage } from '../storage/storage.ts'
import { EventReader } from './event-reader.ts'
import type { Sealer } from './payload.ts'
import { type AppendedEvent, Recorder } from './recorder.ts'
import { AUDIT_STORE } from './records.ts'
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
  readonly events: EventReader
  readonly subjects: Subjects
}

/** Opens. Rejects with `corrupt` and `io`. */
export const openAudit = async (options: AuditOptions): Promise<Audit> => {
  const { log, storage, keys, sealer, mac, random, clock, appended } = options
  const store = storage.keyValue(AUDIT_STORE)
  const subjects = await Subjects.open({ store: keys, random, mac })
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
  return { recorder, events: new EventReader({ reader: log.reader, store, subjects, sealer }), subjects }
}
