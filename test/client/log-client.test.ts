/** LogClient against honest logs: what it answers, what it remembers, and what it makes of two histories. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CheckpointStore,
  formatNote,
  hashLeaf,
  InconsistentError,
  LogClient,
  type LogClientOptions,
  Producer,
  parseNote,
  parsePolicy,
  type ResourceCache,
  verifyConsistency,
  verifyInclusion,
  verifyInconsistency,
  verifyProofFile,
} from '../../src/client/index.ts'
import { COSIGNATURE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'
import { type Server, startServer } from '../support/server.ts'

const code = (value: string) => (error: unknown) => isTlogError(error, value as never)
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

const memoryStore = (): CheckpointStore & { readonly saved: Map<string, Uint8Array> } => {
  const saved = new Map<string, Uint8Array>()
  return { saved, load: async (log) => saved.get(log), save: async (bytes, log) => void saved.set(log, bytes) }
}

const clientOf = (made: MemoryLog, options: Partial<LogClientOptions> = {}): LogClient =>
  new LogClient({ url: LOG_URL, vkey: made.vkey, fetch: logFetch(made), maxAttempts: 1, ...options })

describe('a log in memory', () => {
  it('reads every entry and proof of sizes around a tile', async () => {
    const made = await memoryLog()
    const client = clientOf(made)
    for (const size of [0, 1, 255, 256, 257, 600]) {
      await made.append(numbered((await client.checkpoint()).checkpoint.size, size))
      const { checkpoint } = await client.checkpoint()
      expect(checkpoint.size).toBe(size)
      const seen: string[] = []
      for await (const { index, data } of client.entries(0)) {
        expect(index).toBe(seen.length)
        seen.push(text(data))
      }
      expect(seen).toEqual(numbered(0, size).map(text))
      for (const index of [0, Math.floor(size / 2), size - 1].filter((i) => i >= 0 && i < size)) {
        const claim = await client.inclusionProof(index)
        expect(claim).toMatchObject({
          index,
          size,
          root: checkpoint.root,
          leafHash: hashLeaf(numbered(index, index + 1)[0]!),
        })
        verifyInclusion(claim)
        verifyConsistency(await client.consistencyProof(index + 1))
        expect(text(await client.entry(index))).toBe(`entry ${index}`)
      }
    }
  })

  it('reads a range across bundles', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 1_000))
    const seen: number[] = []
    for await (const { index } of clientOf(made, { concurrency: 1 }).entries(250, 770)) seen.push(index)
    expect(seen).toEqual(Array.from({ length: 520 }, (_, i) => 250 + i))
  })

  it.each([
    ['an index beyond the tree', (client: LogClient) => client.entry(5)],
    ['a proof beyond the tree', (client: LogClient) => client.inclusionProof(5)],
    ['a size beyond the tree', (client: LogClient) => client.inclusionProof(1, 6)],
    ['an index beyond the size', (client: LogClient) => client.inclusionProof(4, 3)],
    ['a consistency proof beyond the tree', (client: LogClient) => client.consistencyProof(1, 6)],
    ['a consistency proof from nothing', (client: LogClient) => client.consistencyProof(0)],
  ])('refuses %s with out_of_range', async (_title, ask) => {
    const made = await memoryLog()
    await made.append(numbered(0, 5))
    await expect(ask(clientOf(made))).rejects.toSatisfy(code('out_of_range'))
  })

  it('takes only indices for indices', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 5))
    for (const index of [-1, 0.5, Number.NaN, 2 ** 53]) {
      await expect(clientOf(made).entry(index)).rejects.toThrow(RangeError)
    }
  })

  it('asks for a newer checkpoint only when it needs one', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 10))
    const paths: string[] = []
    const fetch: typeof globalThis.fetch = (input, init) => {
      paths.push(new URL(String(input)).pathname)
      return logFetch(made)(input, init)
    }
    const client = clientOf(made, { fetch })
    await client.checkpoint()
    await client.entry(3)
    await client.proofFile(4)
    expect(paths.filter((path) => path === '/checkpoint')).toHaveLength(1)
    await made.append(numbered(10, 20))
    expect(text(await client.entry(15))).toBe('entry 15')
    expect(paths.filter((path) => path === '/checkpoint')).toHaveLength(2)
  })

  it('fetches nothing but the checkpoint while the log stands still', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    let requests = 0
    const client = clientOf(made, {
      fetch: (input, init) => {
        requests++
        return logFetch(made)(input, init)
      },
    })
    await client.checkpoint()
    const before = requests
    await client.checkpoint()
    expect(requests - before).toBe(1)
  })

  it('makes proof files that verify offline, and finds them by leaf hash', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const client = clientOf(made)
    const entry = numbered(299, 300)[0]!
    expect(verifyProofFile(await client.proofFile(299), { entry, vkey: made.vkey })).toMatchObject({
      index: 299,
      size: 300,
    })
    const found = await client.findProof(hashLeaf(entry))
    expect(found).toMatchObject({ index: 299, size: 300, origin: made.origin })
    expect(verifyProofFile(found.file, { entry, vkey: made.vkey }).index).toBe(299)
    await expect(client.findProof(hashLeaf(numbered(300, 301)[0]!))).rejects.toSatisfy(code('not_found'))
  })

  it('follows from an index, and ends when told', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const stop = new AbortController()
    const seen: number[] = []
    for await (const { index } of clientOf(made).follow({ from: 290, signal: stop.signal, intervalMs: 1 })) {
      seen.push(index)
      if (index === 299) await made.append(numbered(300, 900))
      if (index === 899) stop.abort()
    }
    expect(seen).toEqual(Array.from({ length: 610 }, (_, i) => 290 + i))
  })

  it('follows from where the log is when no index is given, also beyond its end', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 5))
    const first = clientOf(made).follow({ intervalMs: 1 })
    const waiting = first.next()
    const beyond = clientOf(made).follow({ from: 7, intervalMs: 1 }).next()
    await new Promise((done) => setTimeout(done, 20))
    await made.append(numbered(5, 8))
    expect((await waiting).value).toMatchObject({ index: 5 })
    expect((await beyond).value).toMatchObject({ index: 7 })
  })

  it('stops asking when aborted', async () => {
    const never: typeof fetch = (_input, init) =>
      new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)))
    const made = await memoryLog()
    const stop = new AbortController()
    const waiting = clientOf(made, { fetch: never }).checkpoint({ signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})

describe('trust', () => {
  it('[CLIENT-1] wants one pinned log', async () => {
    const [a, b] = [await memoryLog({ origin: 'a.example' }), await memoryLog({ origin: 'b.example' })]
    expect(() => new LogClient({ url: LOG_URL, vkey: [a.vkey, b.vkey] })).toThrow(TypeError)
    expect(() => new LogClient({ url: LOG_URL })).toThrow(TypeError)
  })

  it('[CLIENT-1] refuses another log at the same address, whatever it signs with', async () => {
    const mine = await memoryLog({ origin: 'a.example' })
    const store = memoryStore()
    await clientOf(mine, { store }).checkpoint()
    const sameKey = await memoryLog({ origin: 'b.example' })
    const otherKey = await memoryLog({ origin: 'a.example', seed: 2 })
    await expect(clientOf(mine, { store, fetch: logFetch(sameKey) }).checkpoint()).rejects.toSatisfy(
      code('wrong_origin'),
    )
    await expect(clientOf(mine, { store, fetch: logFetch(otherKey) }).checkpoint()).rejects.toSatisfy(code('untrusted'))
  })

  it('[CLIENT-6] remembers under the pinned origin, and refuses a memory that is not of it', async () => {
    const [a, b] = [await memoryLog({ origin: 'a.example' }), await memoryLog({ origin: 'b.example' })]
    const store = memoryStore()
    await clientOf(a, { store }).checkpoint()
    await clientOf(b, { store }).checkpoint()
    expect(store.saved.size).toBe(2)
    const [ofA] = [...store.saved.values()]
    const confused: CheckpointStore = { load: async () => ofA, save: async () => {} }
    await expect(clientOf(b, { store: confused }).checkpoint()).rejects.toSatisfy(code('wrong_origin'))
  })

  it('[CLIENT-6] saves a checkpoint only after it was verified', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const store = memoryStore()
    const noTiles: typeof fetch = async (input, init) =>
      String(input).includes('/tile/') ? new Response(new Uint8Array(44 * 32)) : logFetch(made)(input, init)
    await expect(clientOf(made, { store, fetch: noTiles }).checkpoint()).rejects.toSatisfy(isTlogError)
    expect(store.saved.size).toBe(0)
    await clientOf(made, { store }).checkpoint()
    expect([...store.saved.values()]).toEqual([made.checkpoint()])
  })

  it('holds a log to what was remembered before the policy became stricter', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const store = memoryStore()
    await clientOf(made, { store }).checkpoint()
    const witness = signerKey('witness.example', COSIGNATURE_V1, new Uint8Array(32).fill(7))
    const policy = parsePolicy(`log ${made.vkey}\nwitness w ${formatVerifierKey(witness)}\nquorum w\n`)
    const cosigned = (bytes: Uint8Array): Uint8Array => {
      const { text: body, signatures } = parseNote(bytes)
      const signer = signerOf(witness, { time: 1_767_225_600 })
      const line = { name: signer.name, keyId: signer.keyId, signature: signer.sign(body) }
      return formatNote({ text: body, signatures: [...signatures, line] })
    }
    const serving = (of: MemoryLog, checkpoint: Uint8Array): LogClient =>
      clientOf(made, {
        ...{ store, policy, vkey: undefined },
        fetch: async (input, init) =>
          String(input).endsWith('/checkpoint') ? new Response(Uint8Array.from(checkpoint)) : logFetch(of)(input, init),
      })
    const forked = await memoryLog()
    await forked.append(numbered(1, 400))
    const fork = await serving(forked, cosigned(forked.checkpoint()))
      .checkpoint()
      .catch((caught: unknown) => caught)
    if (!(fork instanceof InconsistentError)) throw fork
    // The log's own signatures convict it, whoever cosigned.
    expect(() => verifyInconsistency(fork, { policy })).not.toThrow()
    // Of the remembered head no witness is known, so it does not stand in for an older one that is cosigned.
    const older = await memoryLog()
    await older.append(numbered(0, 200))
    await expect(serving(made, cosigned(older.checkpoint())).checkpoint()).rejects.toSatisfy(code('untrusted'))
    const head = await serving(made, cosigned(made.checkpoint())).checkpoint()
    expect(head.cosigners).toHaveLength(1)
  })

  it('[CLIENT-6] does not believe a checkpoint that it could not save', async () => {
    const made = await memoryLog()
    const store: CheckpointStore = { load: async () => undefined, save: () => Promise.reject(new Error('disk full')) }
    await expect(clientOf(made, { store }).checkpoint()).rejects.toThrow('disk full')
  })
})

describe('[CLIENT-3] two histories under one key', () => {
  const fork = async (shared: number, sizes: readonly [number, number]) => {
    const logs = [await memoryLog(), await memoryLog()] as const
    for (const [i, made] of logs.entries()) {
      await made.append(numbered(0, shared))
      await made.append(numbered(shared, sizes[i]!, `branch ${i}`))
    }
    return logs
  }

  it.each([
    ['the second is larger', 300, [310, 700]],
    ['the second is smaller', 300, [700, 310]],
    ['the sizes are equal', 300, [310, 310]],
    ['they part at the first entry', 0, [1, 2]],
    ['they part under full tiles', 5, [600, 1_100]],
    ['they part under full tiles, the second smaller', 5, [1_100, 600]],
  ] as const)('are evidence, when %s', async (_title, shared, sizes) => {
    const [first, second] = await fork(shared, sizes)
    const store = memoryStore()
    await clientOf(first, { store }).checkpoint()
    const client = clientOf(second, { store })
    // What a client asks of the larger tree comes from the first log's server.
    const both = clientOf(second, {
      store,
      fetch: (input, init) =>
        logFetch(String(input).endsWith('/checkpoint') || sizes[1] > sizes[0] ? second : first)(input, init),
    })
    const error = await both.checkpoint().catch((caught: unknown) => caught)
    if (!(error instanceof InconsistentError)) throw error
    expect([error.older, error.newer]).toEqual(
      sizes[0] <= sizes[1] ? [first.checkpoint(), second.checkpoint()] : [second.checkpoint(), first.checkpoint()],
    )
    expect(() => verifyInconsistency(error, { vkey: first.vkey })).not.toThrow()
    expect([...store.saved.values()]).toEqual([first.checkpoint()])
    await expect(client.entry(0)).rejects.toSatisfy(isTlogError)
  })

  it('leave no trace: the client goes on with the first', async () => {
    const [first, second] = await fork(5, [600, 900])
    let served = first
    const client = clientOf(first, { fetch: (input, init) => logFetch(served)(input, init) })
    await client.checkpoint()
    served = second
    await expect(client.checkpoint()).rejects.toThrow(InconsistentError)
    await first.append(numbered(600, 1_100, 'branch 0'))
    served = first
    expect((await client.checkpoint()).checkpoint.size).toBe(1_100)
    expect(text(await client.entry(700))).toBe('branch 0 700')
  })

  it('are refused without evidence when the log hides the tiles', async () => {
    const [first, second] = await fork(300, [700, 310])
    const store = memoryStore()
    await clientOf(first, { store }).checkpoint()
    await expect(clientOf(second, { store }).checkpoint()).rejects.toSatisfy(code('bad_proof'))
  })

  it('no evidence comes from two checkpoints of one history', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const older = made.checkpoint()
    const { root } = made.log.reader.published
    await made.append(numbered(300, 400))
    const proof = await made.log.reader.consistencyProof(300, 400)
    const evidence = { older, newer: made.checkpoint(), proof, rootInNewer: root }
    expect(() => verifyInconsistency(evidence, { vkey: made.vkey })).toThrow(/contradict/)
    const wrong = { ...evidence, rootInNewer: hashLeaf(new Uint8Array(1)) }
    expect(() => verifyInconsistency(wrong, { vkey: made.vkey })).toThrow()
  })

  it('an old checkpoint of the same history does not take the client back', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const old = made.checkpoint()
    await made.append(numbered(300, 700))
    const client = clientOf(made)
    await client.checkpoint()
    const replayed = clientOf(made, {
      store: { load: async () => made.checkpoint(), save: async () => {} },
      fetch: async (input, init) =>
        String(input).endsWith('/checkpoint') ? new Response(Uint8Array.from(old)) : logFetch(made)(input, init),
    })
    expect((await replayed.checkpoint()).checkpoint.size).toBe(700)
    expect(text(await replayed.entry(650))).toBe('entry 650')
  })
})

describe('[CLIENT-2] a cache between runs', () => {
  const memoryCache = (): ResourceCache & { readonly kept: Map<string, Uint8Array> } => {
    const kept = new Map<string, Uint8Array>()
    return { kept, get: async (path) => kept.get(path), set: (path, bytes) => void kept.set(path, bytes) }
  }
  const readAll = async (client: LogClient): Promise<number> => {
    let count = 0
    for await (const _ of client.entries(0)) count++
    return count
  }

  it('saves full tiles and bundles, and spares their fetching', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 600))
    const cache = memoryCache()
    await readAll(clientOf(made, { cache }))
    expect([...cache.kept.keys()].sort()).toEqual(['tile/0/000', 'tile/0/001', 'tile/entries/000', 'tile/entries/001'])
    const paths: string[] = []
    const fetch: typeof globalThis.fetch = (input, init) => {
      paths.push(new URL(String(input)).pathname)
      return logFetch(made)(input, init)
    }
    expect(await readAll(clientOf(made, { cache, fetch }))).toBe(600)
    expect(paths.sort()).toEqual(['/checkpoint', '/tile/0/002.p/88', '/tile/1/000.p/2', '/tile/entries/002.p/88'])
  })

  it('is not trusted: damage is fetched anew, and forgery is refused', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 600))
    const cache = memoryCache()
    await readAll(clientOf(made, { cache }))
    for (const [path, bytes] of cache.kept) {
      const flipped = bytes.slice()
      flipped[flipped.length - 1]! ^= 1
      cache.kept.set(path, flipped)
    }
    expect(await readAll(clientOf(made, { cache }))).toBe(600)
    const other = await memoryLog()
    await other.append(numbered(0, 600, 'forged'))
    const forged = memoryCache()
    await readAll(clientOf(other, { cache: forged }))
    await expect(readAll(clientOf(made, { cache: forged }))).rejects.toSatisfy(code('bad_proof'))
  })

  it('saves nothing that was not verified', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 600))
    const cache = memoryCache()
    const lie: typeof fetch = async (input, init) => {
      const answer = await logFetch(made)(input, init)
      if (!/tile\/(0|entries)\/00[01]$/.test(String(input))) return answer
      const bytes = new Uint8Array(await answer.arrayBuffer())
      bytes[bytes.length - 1]! ^= 1
      return new Response(bytes)
    }
    await expect(readAll(clientOf(made, { cache, fetch: lie }))).rejects.toSatisfy(code('bad_proof'))
    expect(cache.kept.size).toBe(0)
  })
})

describe('a real server', () => {
  let folder: string
  let server: Server
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-client-'))
    server = await startServer({ dataDir: join(folder, 'data') })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('takes entries from a producer and shows them to a client', async () => {
    const producer = new Producer({ url: server.url, token: server.token, trust: { vkey: server.vkey } })
    const client = new LogClient({ url: `${server.url}/`, vkey: server.vkey, store: memoryStore() })
    expect(await producer.add(numbered(0, 1)[0]!)).toBe(0)
    expect(await producer.addBatch(numbered(0, 700))).toEqual(Array.from({ length: 700 }, (_, i) => i))
    const receipt = await producer.addWithReceipt(numbered(650, 651)[0]!)
    expect(receipt).toMatchObject({ index: 650, origin: server.origin })
    const seen: string[] = []
    for await (const { data } of client.entries(0)) seen.push(text(data))
    expect(seen).toEqual(numbered(0, 700).map(text))
    expect((await client.findProof(receipt.leafHash)).index).toBe(650)
    await expect(client.entry(700)).rejects.toSatisfy(code('out_of_range'))
  })

  it('turns a wrong token away', async () => {
    const producer = new Producer({ url: server.url, token: 'wrong' })
    await expect(producer.add(numbered(0, 1)[0]!)).rejects.toSatisfy(code('unauthorized'))
  })
})
