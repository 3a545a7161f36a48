/** A real witness over storage in memory, with its evidence, gossip and app, for tests. */
import type { Hono } from 'hono'
import { EvidenceStore, type KeptEvidence } from '../../src/gossip/evidence-store.ts'
import { Gossip } from '../../src/gossip/gossip.ts'
import type { Env } from '../../src/http/body.ts'
import { gossipApp } from '../../src/http/gossip-app.ts'
import { createService } from '../../src/http/service.ts'
import { witnessApp } from '../../src/http/witness-app.ts'
import { COSIGNATURE_V1, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, parseVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { KeyValueStore } from '../../src/storage/storage.ts'
import { CommitQueue, type HighWaterMark, type MarkRecord } from '../../src/witness/commit-queue.ts'
import type { SignMessage } from '../../src/witness/cosigners.ts'
import type { WitnessEvent } from '../../src/witness/events.ts'
import { logList } from '../../src/witness/log-list.ts'
import { Witness } from '../../src/witness/witness.ts'

/** A witness and what lies under it. */
export interface MemoryWitness {
  readonly witness: Witness
  readonly evidence: EvidenceStore
  readonly gossip: Gossip
  readonly app: Hono<Env>
  readonly keys: readonly SignerKey[]
  readonly vkeys: readonly string[]
  readonly store: KeyValueStore
  readonly mark: HighWaterMark
  readonly events: readonly WitnessEvent[]
  readonly found: readonly KeptEvidence[]
  /** Sets the clocks, in milliseconds. */
  setTime(ms: number): void
  acknowledge(id: string): void
  post(path: string, body: Uint8Array): Promise<Response>
}

/** How to make one. */
export interface MemoryWitnessOptions {
  readonly name?: string
  readonly seed?: number
  readonly vkeys: readonly string[]
  readonly queriesPerDay?: number
  /** Verifier keys of other witnesses. */
  readonly witnesses?: readonly string[]
  readonly ed25519Only?: boolean
  readonly store?: KeyValueStore
  readonly mark?: HighWaterMark
  readonly signMessage?: SignMessage
}

/** A mark that forgets at the end of the process. */
export const memoryMark = (): HighWaterMark => {
  let last: MarkRecord | undefined
  return {
    last: async () => last,
    record: async (previous, value) => {
      last = { sequence: (previous?.sequence ?? 0) + 1, value: value.slice() }
      return last
    },
  }
}

/** Makes a witness. */
export const memoryWitness = async (options: MemoryWitnessOptions): Promise<MemoryWitness> => {
  const { name = 'witness.example/w', seed = 40, vkeys, witnesses = [], ed25519Only = false } = options
  const storage = await openStorage('memory:', { create: true })
  const store = options.store ?? storage.keyValue('witness')
  const mark = options.mark ?? memoryMark()
  const ed25519 = signerKey(name, COSIGNATURE_V1, new Uint8Array(32).fill(seed))
  const mldsa44 = signerKey(name, SUBTREE_V1, new Uint8Array(32).fill(seed + 1))
  const keys = ed25519Only ? [ed25519] : [ed25519, mldsa44]
  let time = 1_700_000_000_000
  const acknowledged = new Set<string>()
  const events: WitnessEvent[] = []
  const found: KeptEvidence[] = []
  const { queriesPerDay } = options
  const logs = logList(
    vkeys.map((vkey) => ({ key: parseVerifierKey(vkey), ...(queriesPerDay !== undefined && { queriesPerDay }) })),
  )
  const evidence = await EvidenceStore.open({
    store: storage.keyValue('evidence'),
    keysOf: (origin) => logs.get(origin)?.keys ?? [],
    witnesses: [...keys, ...witnesses.map(parseVerifierKey)],
    own: keys,
    acknowledged: () => acknowledged,
    observe: (kept) => void found.push(kept),
  })
  const witness = new Witness({
    store,
    queue: await CommitQueue.open(store, mark),
    keys,
    signMessage: options.signMessage,
    logs: () => logs,
    accusations: evidence,
    clock: () => time,
    now: () => time,
    observe: (event) => void events.push(event),
  })
  const gossip = new Gossip({
    logs: () => logs,
    witnesses: [...keys, ...witnesses.map(parseVerifierKey)],
    evidence,
    kept: (origin, size) => witness.kept(origin, size),
    observe: () => {},
  })
  const app = createService({
    parts: [witnessApp(witness), gossipApp({ gossip, evidence })],
    report: () => {},
  })
  return {
    witness,
    evidence,
    gossip,
    app,
    keys,
    vkeys: keys.map(formatVerifierKey),
    store,
    mark,
    events,
    found,
    setTime: (ms) => {
      time = ms
    },
    acknowledge: (id) => void acknowledged.add(id),
    post: async (path, body) => app.request(path, { method: 'POST', body: Uint8Array.from(body) }),
  }
}
