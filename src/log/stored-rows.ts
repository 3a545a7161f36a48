/** The rows of a log as fsck asks for them: the checkpoint within a stored head, and the index of leaf hashes unchecked. */
import { equalBytes, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import type { LogStore } from '../storage/storage.ts'
import { leafKey, readPosition } from './leaf-index.ts'

/** The checkpoint in the bytes of `formatHead`, unverified. Throws `malformed` when they have no time line. */
export const checkpointIn = (head: Uint8Array): Uint8Array => {
  const lineEnd = head.indexOf(0x0a)
  if (lineEnd < 0) throw new TlogError('malformed', 'head has no time line')
  return head.slice(lineEnd + 1)
}

/** The index of leaf hashes in a store: what its rows say, right or wrong. */
export const storedKeys = (store: LogStore) => ({
  /** The size up to which the index says it is complete; 0 for logs that never had one. */
  indexedSize: (): Promise<number> => readPosition(store),
  /** The index in the row of each leaf hash, 32 bytes each in one array; undefined where there is no readable row. */
  firstIndexOf: async (leafHashes: Uint8Array): Promise<readonly (number | undefined)[]> => {
    const keys: Uint8Array[] = []
    for (let at = 0; at < leafHashes.length; at += HASH_SIZE) keys.push(leafKey(leafHashes.subarray(at)))
    const values = await store.lookup(keys)
    return values.map((value) => (value?.length === 8 ? readUint64(value) : undefined))
  },
  /** True when two leaf hashes have one row. */
  isSameKey: (a: Uint8Array, b: Uint8Array): boolean => equalBytes(leafKey(a), leafKey(b)),
})
