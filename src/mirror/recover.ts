/** Recovery: a log's entries, read and verified from a copy, go into a new store under the head that the log itself signed. */
import type { LogEntry } from '../client/log-client.ts'
import type { TreeHead } from '../client/tile-tree.ts'
import { EMPTY_STATE, integrate, type TreeState } from '../log/integrate.ts'
import { rebuildTree, tilesOf } from '../log/rebuild.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { decodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { asHash, equalHash, formatHash, HASH_SIZE } from '../primitives/hash.ts'
import type { KeyValueStore, LogStore } from '../storage/storage.ts'

/** What is recovered, and whither. */
export interface Recovery {
  /** Of the head, verified. */
  readonly tree: TreeHead
  /** The bytes of the head as the store keeps it (`formatHead`): the log's own signed checkpoint. */
  readonly head: Uint8Array
  /** Yields verified entries in order. */
  readonly entries: (start: number, end: number) => AsyncIterable<LogEntry>
  readonly store: LogStore
  /** Remembers how far it came, beside the store. */
  readonly progress: KeyValueStore
  /** Called after each step with the number of entries that are there. */
  readonly onProgress?: ((size: number) => void) | undefined
}

/** Entries and bytes for each commit: 256 is the width of a bundle, and a step ends where a bundle does. */
const STEP_BUNDLES = 16
const STEP_BYTES = 8 * 2 ** 20

const PROGRESS = encodeUtf8('progress')

interface Reached extends TreeHead {
  readonly state: TreeState
}

/**
 * Fills the store. An interrupted recovery goes on where it was. Rejects with `conflict` when the store holds more than the
 * head says, with `corrupt` when what an earlier attempt left is damaged, and as the entries and the store do.
 */
export const recoverLog = async (recovery: Recovery): Promise<void> => {
  const { tree, entries } = recovery
  let reached = await reachedSoFar(recovery)
  if (reached.size > tree.size)
    throw new TlogError('conflict', `${reached.size} entries were recovered before, and now the copy has ${tree.size}`)
  let step: Uint8Array[] = []
  let bytes = 0
  for await (const { data } of entries(reached.size, tree.size)) {
    step.push(data)
    bytes += data.length
    const size = reached.size + step.length
    const isFull = size % 256 === 0 && (step.length >= STEP_BUNDLES * 256 || bytes >= STEP_BYTES)
    if (!isFull || size === tree.size) continue
    reached = await keep(recovery, reached, step)
    step = []
    bytes = 0
  }
  await keep(recovery, reached, step)
}

/** Commits a step. The head is that of the whole tree from the first step on: it is the only one that the log has signed. */
const keep = async (recovery: Recovery, reached: Reached, entries: readonly Uint8Array[]): Promise<Reached> => {
  const { store, head, tree, progress, onProgress } = recovery
  const leafHashes = new Uint8Array(entries.length * HASH_SIZE)
  treeHasher().hashLeaves(entries, leafHashes)
  const { state, root, fullTiles } = integrate(reached.state, leafHashes, treeHasher())
  const { size } = state.frontier
  // Each entry was verified when it was read; this is what they make together.
  if (size === tree.size && !equalHash(root, tree.root))
    throw new TlogError('corrupt', `the entries do not hash to the root of size ${size}`)
  const previous = (await store.head())?.version
  await store.commit({ previous, head, firstIndex: reached.size, entries, fullTiles, index: [] })
  await progress.write([{ key: PROGRESS, value: encodeUtf8(`${size} ${formatHash(root)}`) }])
  onProgress?.(size)
  return { size, root, state }
}

const reachedSoFar = async ({ store, progress }: Recovery): Promise<Reached> => {
  const row = await progress.get(PROGRESS)
  if (row === undefined) return { size: 0, root: EMPTY_ROOT, state: EMPTY_STATE }
  const [size = '', root = ''] = decodeUtf8(row).split(' ')
  const head: TreeHead = { size: parseDecimal(size), root: asHash(decodeBase64(root)) }
  try {
    return { ...head, ...(await rebuildTree(store, head, tilesOf(store))) }
  } catch (cause) {
    if (!isTlogError(cause)) throw cause
    const message = `what an earlier attempt left is damaged; remove it and begin again: ${cause.message}`
    throw new TlogError('corrupt', message, { cause })
  }
}
