/** The start-up gate: a log is opened only when its database, its key, its ledger and the clock agree. */
import type { TileCache, TileSource, TileTree } from '../client/tile-tree.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError } from '../primitives/error.ts'
import { equalHash } from '../primitives/hash.ts'
import type { LogStore, Version } from '../storage/storage.ts'
import { parseHead } from './head.ts'
import type { TreeState } from './integrate.ts'
import type { HeadLedger, LedgerRecord } from './ledger.ts'
import type { SignedHead } from './log.ts'
import { type LogKey, nextTime, verifiersOf } from './publish.ts'
import { checkRecent, type RebuiltTree, rebuildTree } from './rebuild.ts'
import { RefusedError } from './refusal.ts'

/** What the gate looks at. */
export interface GateParts {
  readonly store: LogStore
  readonly ledger: HeadLedger
  readonly key: LogKey
  readonly clock: Clock
  readonly source: TileSource
  readonly cache: TileCache
  /** True to look at every entry, and not only at the newest: for a database that was repaired. */
  readonly thorough?: boolean | undefined
}

/** What a log goes on from. */
export interface Recovered {
  readonly version: Version
  readonly head: SignedHead
  readonly state: TreeState
  readonly tree: TileTree
  readonly record: LedgerRecord | undefined
}

/** Opens the gate, or throws RefusedError with the reason why not. */
export const passGate = async (parts: GateParts): Promise<Recovered> => {
  const { version, head } = await loadHead(parts)
  const { state, tree } = await loadTree(parts, head)
  await refuse('tree_damaged', () => checkRecent(parts.store, tree))
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

/** Rebuilds the right edge, which is never stored, and compares its root with the head's. */
const loadTree = async ({ store, source, cache }: GateParts, head: SignedHead): Promise<RebuiltTree> =>
  refuse('tree_damaged', () => rebuildTree(store, head, source, cache))

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
