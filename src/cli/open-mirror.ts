/** Opens a mirror: its folder, the copies, the lists of logs and its evidence, wired to each other. */
import { join } from 'node:path'
import { EvidenceStore } from '../gossip/evidence-store.ts'
import { Gossip, type GossipEvent } from '../gossip/gossip.ts'
import { openCopies } from '../mirror/copies.node.ts'
import type { MirrorEvent } from '../mirror/events.ts'
import { Mirror } from '../mirror/mirror.ts'
import type { VerifierKey } from '../note/key.ts'
import { TlogError } from '../primitives/error.ts'
import type { WitnessEvent } from '../witness/events.ts'
import { openWitnessDir, type WitnessDir } from '../witness/witness-dir.node.ts'
import { type ListConfig, type ListObserver, openLists, type WatchedLists, watchAcknowledged } from './watched-lists.ts'

/** What `treehead mirror` is told. */
export interface MirrorConfig extends ListConfig {
  readonly folder: string
  readonly name?: string | undefined
  readonly mark?: string | undefined
}

/** Who is told what. */
export interface MirrorObservers extends ListObserver {
  readonly mirror: (event: MirrorEvent | WitnessEvent) => void
  readonly gossip: (event: GossipEvent) => void
  readonly evidence: (id: string, origin: string) => void
}

/** A mirror that is open. */
export interface OpenMirror extends AsyncDisposable {
  readonly dir: WitnessDir
  readonly mirror: Mirror
  readonly evidence: EvidenceStore
  /** Compares the heads and the evidence that others hand in. */
  readonly gossip: Gossip
  /** Reads every list again, as at SIGHUP. */
  look(): Promise<void>
}

/** Opens. Rejects with `usage` for a bad key or list, and as `openWitnessDir` does. */
export const openMirror = async (config: MirrorConfig, observers: MirrorObservers): Promise<OpenMirror> => {
  const lists = await openLists(config, observers)
  if (lists.logs().size === 0) throw new TlogError('usage', 'want --log, --log-list or --policy with at least one log')
  const { folder, name, mark } = config
  const dir = await openWitnessDir({ path: folder, kind: 'mirror', name, markPath: mark })
  try {
    return await wire(config, observers, lists, dir)
  } catch (error) {
    await dir[Symbol.asyncDispose]()
    throw error
  }
}

const wire = async (
  { folder }: MirrorConfig,
  observers: MirrorObservers,
  lists: WatchedLists,
  dir: WitnessDir,
): Promise<OpenMirror> => {
  const acknowledged = await watchAcknowledged(folder, observers)
  const witnesses: readonly VerifierKey[] = (lists.policy()?.witnesses ?? []).map(({ key }) => key)
  const evidence = await EvidenceStore.open({
    store: dir.storage.keyValue('evidence'),
    keysOf: (origin) => lists.logs().get(origin)?.keys ?? [],
    witnesses: [...witnesses, ...dir.keys],
    own: dir.keys,
    acknowledged: acknowledged.value,
    observe: ({ id, proven }) => observers.evidence(id, proven.origin),
  })
  const copies = await openCopies(join(folder, 'logs'))
  const mirror = new Mirror({
    store: dir.storage.keyValue('witness'),
    queue: dir.queue,
    openCopy: copies.open,
    keys: dir.keys,
    signMessage: dir.signMessage,
    logs: lists.logs,
    accusations: evidence,
    clock: Date.now,
    now: () => performance.now(),
    observe: observers.mirror,
  })
  const gossip = new Gossip({
    logs: lists.logs,
    witnesses,
    evidence,
    kept: (origin, size) => mirror.pending.kept(origin, size),
    observe: observers.gossip,
  })
  await mirror.openAll()
  const dispose = async (): Promise<void> => {
    acknowledged[Symbol.dispose]()
    lists[Symbol.dispose]()
    await copies[Symbol.asyncDispose]()
    await dir[Symbol.asyncDispose]()
  }
  return { dir, mirror, evidence, gossip, look: lists.look, [Symbol.asyncDispose]: dispose }
}
