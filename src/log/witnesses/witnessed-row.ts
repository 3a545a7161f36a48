/** The row that keeps the newest witnessed checkpoint over restarts. */
import { encodeUtf8 } from '../../primitives/bytes.ts'
import type { Change, KeyValueStore } from '../../storage/storage.ts'

const KEY = encodeUtf8('checkpoint')

/** The row of a checkpoint with its cosignatures. */
export const witnessedRow = (checkpoint: Uint8Array): Change => ({ key: KEY, value: checkpoint })

/** The checkpoint that was kept, undefined when none was. Rejects with `corrupt`. */
export const readWitnessed = (store: KeyValueStore): Promise<Uint8Array | undefined> => store.get(KEY)
