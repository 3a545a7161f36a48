/** The rows of a witness: every checkpoint that it cosigned, which is the latest of each log, and how many commits there were. */
import { concatBytes, encodeUint64, encodeUtf8, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import type { Change, KeyValueStore } from '../storage/storage.ts'

/** The hash by which a log is named in paths and rows. spec: The origin hash is the SHA-256 hash of the log's origin. */
export const originHash = (origin: string): Uint8Array => sha256(encodeUtf8(origin))

const latestKey = (hash: Uint8Array): Uint8Array => concatBytes(encodeUtf8('l'), hash)

const headKey = (hash: Uint8Array, size: number): Uint8Array => concatBytes(encodeUtf8('h'), hash, encodeUint64(size))

const COMMITS = encodeUtf8('commits')

/** The rows of a checkpoint that is now the latest of its log. */
export const latestRows = (hash: Uint8Array, size: number, checkpoint: Uint8Array): readonly Change[] => [
  { key: headKey(hash, size), value: checkpoint },
  { key: latestKey(hash), value: encodeUint64(size) },
]

/** The row that counts commits. */
export const commitsRow = (count: number): Change => ({ key: COMMITS, value: encodeUint64(count) })

/** How many commits were made; 0 for a new store. Rejects with `corrupt`. */
export const readCommits = async (store: KeyValueStore): Promise<number> => {
  const value = await store.get(COMMITS)
  return value === undefined ? 0 : readUint64(value)
}

/** The checkpoint that was cosigned last, undefined when none was. Rejects with `corrupt`. */
export const readLatest = async (store: KeyValueStore, hash: Uint8Array): Promise<Uint8Array | undefined> => {
  const value = await store.get(latestKey(hash))
  if (value === undefined) return undefined
  const size = readUint64(value)
  const checkpoint = await readHead(store, hash, size)
  if (checkpoint === undefined) throw new TlogError('corrupt', `the checkpoint of size ${size} is missing`)
  return checkpoint
}

/** The checkpoint of exactly that size, undefined when none was cosigned. Rejects with `corrupt`. */
export const readHead = (store: KeyValueStore, hash: Uint8Array, size: number): Promise<Uint8Array | undefined> =>
  store.get(headKey(hash, size))
