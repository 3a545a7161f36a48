/** A mirror in memory behind a real socket, and uploads made of a real log. */
import { gzipSync } from 'node:zlib'
import { mirrorApp } from '../../src/http/mirror-app.ts'
import { serve } from '../../src/http/serve.node.ts'
import { createService } from '../../src/http/service.ts'
import { planSubtreeConsistency } from '../../src/merkle/subtree.ts'
import type { MirrorEvent } from '../../src/mirror/events.ts'
import { Mirror, type MirrorLimits } from '../../src/mirror/mirror.ts'
import { COSIGNATURE_V1, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, parseVerifierKey, signerKey } from '../../src/note/key.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { KeyValueStore, LogStore } from '../../src/storage/storage.ts'
import { formatAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import { formatHeader, formatPackage, planPackages } from '../../src/tlog/protocol/add-entries.ts'
import { type MirrorInfo, parseMirrorInfo } from '../../src/tlog/protocol/mirror-info.ts'
import { CommitQueue, type HighWaterMark } from '../../src/witness/commit-queue.ts'
import type { WitnessEvent } from '../../src/witness/events.ts'
import { logList } from '../../src/witness/log-list.ts'
import { originHash } from '../../src/witness/records.ts'
import type { MemoryLog } from '../support/memory-log.ts'

/** What outlives a mirror: its stores, in memory. */
export interface MirrorStores {
  readonly state: KeyValueStore
  readonly mark: HighWaterMark
  readonly copies: Map<string, LogStore>
}

/** New stores. */
export const newStores = async (): Promise<MirrorStores> => ({
  state: (await openStorage('memory:')).keyValue('mirror'),
  mark: memoryMark(),
  copies: new Map(),
})

const memoryMark = (): HighWaterMark => {
  let last: Awaited<ReturnType<HighWaterMark['last']>>
  return {
    last: async () => last,
    record: async (previous, value) => {
      last = { sequence: (previous?.sequence ?? 0) + 1, value }
      return last
    },
  }
}

/** What to start. */
export interface TestMirrorOptions {
  readonly logs: readonly string[]
  readonly stores?: MirrorStores
  readonly limits?: Partial<MirrorLimits>
  /** Evidence against a log, by origin. */
  readonly against?: ReadonlyMap<string, string>
  /** Milliseconds since the epoch; stands still unless it is given. */
  readonly clock?: () => number
  readonly openCopy?: (hash: string, stores: MirrorStores) => Promise<LogStore>
}

/** A running mirror. */
export interface TestMirror extends AsyncDisposable {
  readonly mirror: Mirror
  readonly stores: MirrorStores
  readonly url: string
  /** Ed25519, then ML-DSA-44. */
  readonly vkeys: readonly string[]
  readonly events: readonly (MirrorEvent | WitnessEvent)[]
}

/** The keys of the test mirror. */
export const mirrorKeys = [COSIGNATURE_V1, SUBTREE_V1].map((algorithm) =>
  signerKey('mirror.example/m', algorithm, new Uint8Array(32).fill(40 + algorithm)),
)

/** Starts a mirror of these logs. */
export const startMirror = async (options: TestMirrorOptions): Promise<TestMirror> => {
  const stores = options.stores ?? (await newStores())
  const events: (MirrorEvent | WitnessEvent)[] = []
  const mirror = new Mirror({
    store: stores.state,
    queue: await CommitQueue.open(stores.state, stores.mark),
    openCopy: (hash) => (options.openCopy ?? openMemoryCopy)(hash, stores),
    keys: mirrorKeys,
    logs: () => logList(options.logs.map((vkey) => ({ key: parseVerifierKey(vkey) }))),
    accusations: { against: (origin) => options.against?.get(origin), accuse: async () => {} },
    clock: options.clock ?? (() => 1_700_000_000_000),
    now: () => performance.now(),
    observe: (event) => events.push(event),
    ...(options.limits && { limits: options.limits }),
  })
  const app = createService({ parts: [mirrorApp(mirror)], report: () => {} })
  const server = await serve(app, { host: '127.0.0.1', port: 0 })
  return {
    mirror,
    stores,
    url: server.url,
    vkeys: mirrorKeys.map(formatVerifierKey),
    events,
    [Symbol.asyncDispose]: () => server.stop(0),
  }
}

const openMemoryCopy = async (hash: string, { copies }: MirrorStores): Promise<LogStore> => {
  const store = copies.get(hash) ?? (await openStorage('memory:')).log
  copies.set(hash, store)
  return store
}

/** The hash of an origin as it stands in paths. */
export const hashOf = (origin: string): string => encodeHex(originHash(origin))

/** An upload, whole or the first packages of it. */
export interface TestUpload {
  readonly start: number
  readonly end: number
  readonly packages?: number
  readonly origin?: string
  readonly ticket?: Uint8Array
}

/** The pieces of an upload's body: the header, then each package. */
export const piecesOf = async (log: MemoryLog, upload: TestUpload): Promise<readonly Uint8Array[]> => {
  const { start, end, origin = log.origin, ticket = new Uint8Array(0), packages = Number.POSITIVE_INFINITY } = upload
  const { tree } = log.log.reader.published
  const pieces = [formatHeader({ origin, start, end, ticket })]
  for (const range of planPackages({ start, end })) {
    if (pieces.length > packages) break
    const plan = planSubtreeConsistency({ start: range.subtreeStart, end: range.end, size: end })
    const proof = await Promise.all(plan.map((one) => tree.rangeRoot(one)))
    pieces.push(formatPackage({ entries: await log.store.entries(range.start, range.end), proof }))
  }
  return pieces
}

/** A whole body. */
export const bodyOf = async (log: MemoryLog, upload: TestUpload): Promise<Uint8Array> =>
  concatBytes(...(await piecesOf(log, upload)))

/** What was answered. */
export interface TestReply {
  readonly status: number
  readonly type: string | null
  readonly headers: Headers
  readonly text: string
  /** Of a 202 or 409. */
  readonly info: () => MirrorInfo
}

const post = async (url: string, body: Uint8Array, headers: Record<string, string>): Promise<TestReply> => {
  const response = await fetch(url, { method: 'POST', body: Uint8Array.from(body), headers })
  const text = await response.text()
  const type = response.headers.get('content-type')
  const info = (): MirrorInfo => parseMirrorInfo(Buffer.from(text))
  return { status: response.status, type, headers: response.headers, text, info }
}

/** `POST /add-entries`. */
export const addEntries = (
  { url }: { readonly url: string },
  body: Uint8Array,
  { gzip = false, headers = {} }: { readonly gzip?: boolean; readonly headers?: Record<string, string> } = {},
): Promise<TestReply> =>
  post(`${url}/add-entries`, gzip ? gzipSync(body) : body, {
    'content-type': 'application/octet-stream',
    ...(gzip && { 'content-encoding': 'gzip' }),
    ...headers,
  })

/** `POST /add-checkpoint` with the log's newest checkpoint. */
export const addCheckpoint = async (
  { url }: { readonly url: string },
  log: MemoryLog,
  oldSize: number,
): Promise<TestReply> => {
  const proof = oldSize === 0 ? [] : await log.log.reader.published.tree.consistencyProof(oldSize)
  return post(`${url}/add-checkpoint`, formatAddCheckpoint({ oldSize, proof, checkpoint: log.checkpoint() }), {})
}
