/** The row of a mirror beside those of its pending checkpoints: the mirror checkpoint of each log. */
import { concatBytes, encodeUtf8 } from '../primitives/bytes.ts'
import type { Change, KeyValueStore } from '../storage/storage.ts'

// The rows of pending checkpoints begin with l and h.
const mirroredKey = (hash: Uint8Array): Uint8Array => concatBytes(encodeUtf8('m'), hash)

/** The row of the mirror checkpoint of the log with that origin hash. */
export const mirroredRow = (hash: Uint8Array, checkpoint: Uint8Array): Change => ({
  key: mirroredKey(hash),
  value: checkpoint,
})

/** The mirror checkpoint, undefined before the first. Rejects with `corrupt`. */
export const readMirrored = (store: KeyValueStore, hash: Uint8Array): Promise<Uint8Array | undefined> =>
  store.get(mirroredKey(hash))
