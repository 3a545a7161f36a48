/** The start-up gate: a log is opened only when its database, its key, its ledger and the clock agree. */
import { type TileCache, type TileSource, TileTree } from '../client/tile-tree.ts'
import type { Frontier } from '../merkle/frontier.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { coveringNodes } from '../merkle/node.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { LogStore, Version } from '../storage/storage.ts'
import { fullTileRoot, hashesAt, hashInTile, placeOfNode, TILE_WIDTH, tileLevels } from '../tlog/tile.ts'
import { parseHead } from './head.ts'
import type { TreeState } from './integrate.ts'
import type { HeadLedger, LedgerRecord } from './ledger.ts'
import type { SignedHead } from './log.ts'
import { type LogKey, nextTime, verifiersOf } from './publish.ts'
import { RefusedError } from './refusal.ts'

/** What the gate looks at. */
export interface GateParts {
  readonly store: LogStore
  readonly ledger: HeadLedger
  readonly key: LogKey
  readonly clock: Clock
  readonly source: TileSource
  readonly cache: TileCache
}

/** What a log goes on from. */
export interface Recovered {
  readonly version: Version
  readonly head: SignedHead
  readonly state: TreeState
  readonly tree: TileTree
  readonly record: LedgerRecord | undefined
}

/**
 * How many of the newest entries are hashed again at each start. LevelDB replays its newest records from a log file in
 * which a flipped bit silently drops some, and that file holds less than this. `fsck` looks at all of them.
 */
const RECENT_BUNDLES = 256

/** Opens the gate, or throws RefusedError with the reason why not. */
export const passGate = async (parts: GateParts): Promise<Recovered> => {
  const { version, head } = await loadHead(parts)
  const { state, tree } = await loadTree(parts, head)
  await checkRecent(parts.store, tree)
  const record = await checkLedger(parts, tree)
  nextTime(head.time, parts.clock())
  return { version, head, state, tree, record }
}

const loadHead = async ({ store, key }: GateParts): Promise<{ version: Version; head: SignedHead }> => {
  const stored = await refuse('head_damaged', () => store.head())
  if (stored === undefined) throw new RefusedError('head_missing', 'the database has no head')
  const head = await refuse('head_damaged', async () => {
    try {
      return parseHead(stored.head, verifiersOf(key))
    } catch (cause) {
      const foreign = isTlogError(cause, 'wrong_origin') || isTlogError(cause, 'untrusted')
      if (foreign)
        throw new RefusedError('wrong_key', `the newest head is not signed by ${key.verifier.name}`, { cause })
      throw cause
    }
  })
  return { version: stored.version, head }
}

/** Rebuilds the right edge, which is never stored, from the last entries and tiles, and compares its root with the head's. */
const loadTree = async (
  { store, source, cache }: GateParts,
  head: SignedHead,
): Promise<{ state: TreeState; tree: TileTree }> =>
  refuse('tree_damaged', async () => {
    const levels = Array.from({ length: tileLevels(head.size) }, (_, level) => level)
    const edge = await Promise.all(levels.map((level) => loadEdgeTile(store, source, level, head.size)))
    const tree = TileTree.fromEdge(head, edge, source, cache)
    return { state: { frontier: frontierOf(head.size, edge), edge }, tree }
  })

const loadEdgeTile = async (store: LogStore, source: TileSource, level: number, size: number): Promise<Uint8Array> => {
  const end = hashesAt(level, size)
  const start = end - (end % TILE_WIDTH)
  const hashes = new Uint8Array((end - start) * HASH_SIZE)
  if (level === 0) {
    treeHasher().hashLeaves(await store.entries(start, end), hashes)
    return hashes
  }
  for (let index = start; index < end; index++) {
    const below = await source({ level: level - 1, index, width: TILE_WIDTH })
    hashes.set(fullTileRoot(below), (index - start) * HASH_SIZE)
  }
  return hashes
}

const frontierOf = (size: number, edge: readonly Uint8Array[]): Frontier => {
  const nodes: (Hash | undefined)[] = []
  for (const node of coveringNodes({ start: 0, end: size })) {
    const place = placeOfNode(node)
    nodes[node.level] = hashInTile(edge[place.level] ?? new Uint8Array(0), place)
  }
  return { size, nodes: Array.from(nodes) }
}

const checkRecent = async (store: LogStore, tree: TileTree): Promise<void> =>
  refuse('tree_damaged', async () => {
    const full = Math.floor(tree.size / TILE_WIDTH)
    for (let index = Math.max(0, full - RECENT_BUNDLES); index < full; index++) {
      const hashes = await tree.tile({ level: 0, index, width: TILE_WIDTH })
      const entries = await store.entries(index * TILE_WIDTH, (index + 1) * TILE_WIDTH)
      const computed = new Uint8Array(hashes.length)
      treeHasher().hashLeaves(entries, computed)
      for (let i = 0; i < TILE_WIDTH; i++) {
        const at = i * HASH_SIZE
        if (!equalHash(hashes.subarray(at, at + HASH_SIZE), computed.subarray(at, at + HASH_SIZE))) {
          throw new TlogError('corrupt', `entry ${index * TILE_WIDTH + i} does not match its leaf hash`)
        }
      }
    }
  })

const checkLedger = async ({ ledger, key }: GateParts, tree: TileTree): Promise<LedgerRecord | undefined> => {
  const record = await refuse('ledger_damaged', () => ledger.last())
  if (record === undefined) {
    if (tree.size > 0)
      throw new RefusedError('ledger_missing', `the ledger is empty, the database has ${tree.size} entries`)
    return undefined
  }
  const known = await refuse('ledger_damaged', async () => parseHead(record.head, verifiersOf(key)))
  if (known.size > tree.size) {
    throw new RefusedError(
      'behind_ledger',
      `the database ends at size ${tree.size}, a head of size ${known.size} was released`,
    )
  }
  const root = await refuse('tree_damaged', () => tree.rootAt(known.size))
  if (!equalHash(root, known.root)) throw new RefusedError('fork_of_ledger', `the roots of size ${known.size} differ`)
  return record
}

const refuse = async <T>(
  reason: 'head_damaged' | 'tree_damaged' | 'ledger_damaged',
  attempt: () => Promise<T>,
): Promise<T> => {
  try {
    return await attempt()
  } catch (cause) {
    if (cause instanceof RefusedError) throw cause
    throw new RefusedError(reason, cause instanceof Error ? cause.message : String(cause), { cause })
  }
}
