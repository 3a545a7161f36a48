/** Gossip: of two heads that cannot both be true one round makes evidence, which verifies with nothing but a key. */
import { describe, expect, it } from 'vitest'
import { TileTree } from '../../src/client/tile-tree.ts'
import { Exchange } from '../../src/gossip/exchange.ts'
import { httpPeer } from '../../src/gossip/peers.ts'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'
import { type MemoryWitness, memoryWitness } from '../support/memory-witness.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()
const branch = log.fork(3)

/** Reaches the app of a witness in memory under a URL, or fails as a dead host does. */
const network = (nodes: Readonly<Record<string, MemoryWitness | undefined>>): typeof globalThis.fetch =>
  (async (input: string | URL | Request, init?: RequestInit) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const node = nodes[url.host]
    if (node === undefined) throw new TypeError('connection refused')
    return node.app.request(url.pathname, init)
  }) as typeof globalThis.fetch

const exchangeOf = (node: MemoryWitness, urls: readonly string[], fetch: typeof globalThis.fetch): Exchange =>
  new Exchange({
    gossip: node.gossip,
    evidence: node.evidence,
    peers: urls.map((url) => httpPeer({ url, fetch })),
    origins: () => [log.origin],
    served: () => undefined,
    intervalMs: 3_600_000,
    random: () => 0,
    observe: () => {},
  })

const convicted = ({ evidence }: MemoryWitness): readonly string[] =>
  evidence.list().map(({ bytes }) => {
    const { accused } = parseEvidence(bytes)
    verifyEvidence(parseEvidence(bytes))
    return `${accused.name} ${accused.algorithm}`
  })

describe('gossip', () => {
  it('[GOSSIP-1] two witnesses that were shown two trees of one size both hold evidence after one round, and cosign no more', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey], name: 'a.example', seed: 10 })
    const b = await memoryWitness({ vkeys: [log.vkey], name: 'b.example', seed: 20 })
    await a.post('/add-checkpoint', log.request(0, 7))
    await b.post('/add-checkpoint', branch.request(0, 7))
    const fetch = network({ a, b })
    await exchangeOf(a, ['http://b'], fetch).round()
    expect(convicted(a)).toEqual([`${log.origin} 1`])
    await exchangeOf(b, ['http://a'], fetch).round()
    expect(convicted(b)).toEqual([`${log.origin} 1`])
    expect((await a.post('/add-checkpoint', log.request(7, 8))).status).toBe(422)
    expect((await b.post('/add-checkpoint', branch.request(7, 8))).status).toBe(422)
  })

  it('[GOSSIP-2] an operator may acknowledge the evidence: the log is cosigned again, and the evidence stays', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    await a.post('/add-checkpoint', log.request(0, 7))
    await a.post('/add-checkpoint', branch.request(7, 7))
    const id = a.evidence.list()[0]?.id ?? ''
    expect((await a.post('/add-checkpoint', log.request(7, 8))).status).toBe(422)
    a.acknowledge(id)
    expect((await a.post('/add-checkpoint', log.request(7, 8))).status).toBe(200)
    expect(a.evidence.pending()).toEqual([])
    expect((await a.app.request(`/evidence/${id}`)).status).toBe(200)
    expect((await a.app.request('/evidence')).status).toBe(200)
  })

  it.each([
    ['the same size', 7, 7],
    ['a larger size, with a proof that shows the other root', 7, 9],
    ['a size that was cosigned before', 5, 5],
  ])('[GOSSIP-3] a request alone is enough, when it is for %s', async (_, oldSize, size) => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    await a.post('/add-checkpoint', log.request(0, 5))
    await a.post('/add-checkpoint', log.request(5, 7))
    const answer = await a.post('/add-checkpoint', branch.request(oldSize, size))
    expect([409, 422]).toContain(answer.status)
    expect(convicted(a)).toEqual([`${log.origin} 1`])
  })

  it('[GOSSIP-4] heads of different sizes are compared with the tree that the log serves', async () => {
    const real = await memoryLog({ origin: log.origin, seed: 1 })
    await real.append(numbered(0, 300, 'real'))
    const { reader } = real.log
    const tree = await TileTree.open(reader.published, (tile) => reader.resource(tile))
    const fake = signedLog(log.origin, 1, (index) => (index < 100 ? `real ${index}` : `fake ${index}`))
    const a = await memoryWitness({ vkeys: [real.vkey] })
    for (const size of [50, 100]) await a.gossip.hear(fake.checkpoint(size), 'peer')
    await a.gossip.compare(log.origin, { bytes: real.checkpoint(), tree })
    expect(convicted(a)).toEqual([])
    expect(a.gossip.heads(log.origin).agreed?.size).toBe(100)
    await a.gossip.hear(fake.checkpoint(101), 'peer')
    expect(a.gossip.heads(log.origin).unproven.map(({ size }) => size)).toEqual([101])
    await a.gossip.compare(log.origin, { bytes: real.checkpoint(), tree })
    expect(convicted(a)).toEqual([`${log.origin} 1`])
  })

  it('[GOSSIP-4] a log that serves one history today and another tomorrow is noticed, also when it goes back and grows again', async () => {
    const honest = await memoryLog({ origin: log.origin, seed: 1 })
    const other = await memoryLog({ origin: log.origin, seed: 1 })
    const a = await memoryWitness({ vkeys: [honest.vkey] })
    const round = async (served: typeof honest): Promise<void> => {
      const { reader } = served.log
      const tree = await TileTree.open(reader.published, (tile) => reader.resource(tile))
      await a.gossip.hear(served.checkpoint(), 'the log')
      await a.gossip.compare(log.origin, { bytes: served.checkpoint(), tree })
    }
    await honest.append(numbered(0, 7, 'real'))
    await round(honest)
    await honest.append(numbered(7, 9, 'real'))
    await round(honest)
    await other.append(numbered(0, 6, 'rewritten'))
    await round(other)
    // Nothing is proven by trees of sizes 9 and 6 without a tree that has both.
    expect(convicted(a)).toEqual([])
    expect(a.gossip.heads(log.origin).agreed?.size).toBe(9)
    await other.append(numbered(6, 12, 'rewritten'))
    await round(other)
    expect(convicted(a)).toEqual([`${log.origin} 1`])
  })

  it('[GOSSIP-4] an old copy that was rewritten is noticed before it has grown to the size of what it replaced', async () => {
    const honest = await memoryLog({ origin: log.origin, seed: 1 })
    const other = await memoryLog({ origin: log.origin, seed: 1 })
    const a = await memoryWitness({ vkeys: [honest.vkey] })
    const round = async (served: typeof honest): Promise<void> => {
      const { reader } = served.log
      const tree = await TileTree.open(reader.published, (tile) => reader.resource(tile))
      await a.gossip.hear(served.checkpoint(), 'the log')
      await a.gossip.compare(log.origin, { bytes: served.checkpoint(), tree })
    }
    for (const size of [3, 5, 9]) {
      await honest.append(numbered(0, size, 'real'))
      await round(honest)
    }
    await other.append([...numbered(0, 2, 'real'), ...numbered(2, 6, 'rewritten')])
    await round(other)
    expect(convicted(a)).toEqual([`${log.origin} 1`])
  })

  it('[GOSSIP-4] a head of a history that was served for a while waits until the true one has its size', async () => {
    const honest = await memoryLog({ origin: log.origin, seed: 1 })
    const other = await memoryLog({ origin: log.origin, seed: 1 })
    const a = await memoryWitness({ vkeys: [honest.vkey] })
    await honest.append(numbered(0, 7, 'real'))
    await other.append(numbered(0, 5, 'rewritten'))
    for (const served of [honest, other, honest]) {
      const { reader } = served.log
      const tree = await TileTree.open(reader.published, (tile) => reader.resource(tile))
      await a.gossip.hear(served.checkpoint(), 'the log')
      await a.gossip.compare(log.origin, { bytes: served.checkpoint(), tree })
    }
    expect(convicted(a)).toEqual([`${log.origin} 1`])
  })

  it('[GOSSIP-5] a witness that cosigned two histories is accused as well, and only its own keys', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey], name: 'a.example', seed: 10 })
    const left = await memoryWitness({ vkeys: [log.vkey], name: 'two-faced.example', seed: 30 })
    const right = await memoryWitness({ vkeys: [log.vkey], name: 'two-faced.example', seed: 30 })
    const judge = await memoryWitness({
      vkeys: [log.vkey],
      name: 'j.example',
      seed: 50,
      witnesses: [...a.vkeys, ...left.vkeys],
    })
    for (const [node, tree] of [
      [left, log],
      [right, branch],
      [a, log],
    ] as const) {
      await node.post('/add-checkpoint', tree.request(0, 7))
      await judge.gossip.hear((await node.witness.latestOf(log.origin)) ?? new Uint8Array(0), 'peer')
    }
    expect(convicted(judge).toSorted()).toEqual([`${log.origin} 1`, 'two-faced.example 4', 'two-faced.example 6'])
  })

  it('[GOSSIP-6] a witness that went back to a smaller tree is accused of a rollback', async () => {
    const before = await memoryWitness({ vkeys: [log.vkey], name: 'w.example', seed: 30 })
    const after = await memoryWitness({ vkeys: [log.vkey], name: 'w.example', seed: 30 })
    const judge = await memoryWitness({ vkeys: [log.vkey], name: 'j.example', seed: 50, witnesses: before.vkeys })
    await before.post('/add-checkpoint', log.request(0, 9))
    after.setTime(1_700_000_060_000)
    await after.post('/add-checkpoint', log.request(0, 7))
    for (const node of [after, before])
      await judge.gossip.hear((await node.witness.latestOf(log.origin)) ?? new Uint8Array(0), 'peer')
    expect(judge.evidence.list().map(({ evidence }) => evidence.kind)).toEqual(['rollback', 'rollback'])
    // The log is none the worse for it.
    expect(judge.evidence.against(log.origin)).toBeUndefined()
  })

  it('[GOSSIP-6] a witness that hears of its own rollback cosigns that log no more, and others go on', async () => {
    const other = signedLog('log.example/other', 2)
    const vkeys = [log.vkey, other.vkey]
    const before = await memoryWitness({ vkeys, name: 'w.example', seed: 30 })
    const restored = await memoryWitness({ vkeys, name: 'w.example', seed: 30 })
    await before.post('/add-checkpoint', log.request(0, 9))
    restored.setTime(1_700_000_060_000)
    await restored.post('/add-checkpoint', log.request(0, 7))
    const own = await restored.witness.latestOf(log.origin)
    await restored.gossip.hearOwn(own ?? new Uint8Array(0))
    await restored.gossip.hear((await before.witness.latestOf(log.origin)) ?? new Uint8Array(0), 'peer')
    expect((await restored.post('/add-checkpoint', log.request(7, 8))).status).toBe(422)
    expect((await restored.post('/add-checkpoint', other.request(0, 1))).status).toBe(200)
    for (const { id } of restored.evidence.list()) restored.acknowledge(id)
    expect((await restored.post('/add-checkpoint', log.request(7, 8))).status).toBe(200)
  })

  it('[GOSSIP-7] evidence reaches every node of a chain of peers, and one that was down gets it later', async () => {
    const made = []
    for (let i = 0; i < 4; i++)
      made.push(await memoryWitness({ vkeys: [log.vkey], name: `n${i}.example`, seed: 10 + 2 * i }))
    const [a, b, c, d] = made
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four')
    const nodes: Record<string, MemoryWitness | undefined> = { a, b, c }
    const fetch = network(nodes)
    const chain = [
      exchangeOf(a, ['http://b'], fetch),
      exchangeOf(b, ['http://a', 'http://c'], fetch),
      exchangeOf(c, ['http://b', 'http://d'], fetch),
    ]
    await a.post('/add-checkpoint', log.request(0, 7))
    await a.post('/add-checkpoint', branch.request(7, 7))
    for (const one of chain) await one.round()
    expect([b, c, d].map((node) => node.evidence.list().length)).toEqual([1, 1, 0])
    for (const kept of c.evidence.list()) chain[2]?.accuse(kept)
    nodes['d'] = d
    await chain[2]?.round()
    await expect.poll(() => d.evidence.list().length).toBe(1)
  })

  it('[GOSSIP-8] garbage, heads of unknown logs, unsigned heads and false evidence change nothing, and get a 4xx', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    await a.post('/add-checkpoint', log.request(0, 7))
    const posts: readonly [string, Uint8Array, number][] = [
      ['/gossip/checkpoint', new Uint8Array(100), 400],
      ['/gossip/checkpoint', signedLog('log.example/other', 2).checkpoint(3), 404],
      ['/gossip/checkpoint', signedLog(log.origin, 9).checkpoint(3), 403],
      ['/gossip/checkpoint', new Uint8Array(2 ** 20 + 1), 413],
      ['/evidence', new Uint8Array(2.1 * 2 ** 20), 413],
      ['/evidence', new TextEncoder().encode('treehead/evidence@v1\n'), 400],
    ]
    for (const [path, body, status] of posts) expect((await a.post(path, body)).status).toBe(status)
    expect(a.evidence.list()).toEqual([])
    expect((await a.post('/add-checkpoint', log.request(7, 8))).status).toBe(200)
  })

  it('[GOSSIP-9] a key that signs a thousand forks fills no disk: four pieces are kept', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    for (let size = 4; size < 40; size++) {
      await a.gossip.hear(log.checkpoint(size), 'x')
      await a.gossip.hear(branch.checkpoint(size), 'y')
    }
    expect(a.evidence.list()).toHaveLength(4)
    expect(a.gossip.heads(log.origin).unproven.length).toBeLessThanOrEqual(32)
  })
})
