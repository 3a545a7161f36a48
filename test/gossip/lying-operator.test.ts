/** The operator lies, with the log's key and disk: the quorum is not reached, or one round of gossip makes evidence of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TileTree } from '../../src/client/tile-tree.ts'
import { Exchange } from '../../src/gossip/exchange.ts'
import { httpPeer } from '../../src/gossip/peers.ts'
import { formatVerifierKey } from '../../src/note/key.ts'
import { encodeUint64 } from '../../src/primitives/bytes.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { KeyValueStore } from '../../src/storage/storage.ts'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { parseTilePath } from '../../src/tlog/tile.ts'
import { readCommits } from '../../src/witness/records.ts'
import { type Node, startNode } from '../support/cluster.ts'
import { type MemoryLog, memoryLog } from '../support/memory-log.ts'
import { type MemoryWitness, memoryMark, memoryWitness } from '../support/memory-witness.ts'
import { freePort } from '../support/server.ts'
import { type SignedLog, signedLog } from '../support/signed-log.ts'

const origin = 'log.example/lying'

/** One history of the log, as something that signs any of its sizes and as something that serves its tiles. */
interface History {
  readonly signed: SignedLog
  readonly served: MemoryLog
}

/** The history in which entry `i` is `entry(i)`, served up to `size`. */
const history = async (size: number, entry: (i: number) => string = (i) => `true ${i}`): Promise<History> => {
  const served = await memoryLog({ origin, seed: 1 })
  await served.append(Array.from({ length: size }, (_, i) => new TextEncoder().encode(entry(i))))
  return { signed: signedLog(origin, 1, entry), served }
}

/** The same history up to `from`, and another one from there. */
const rewritten = (size: number, from: number, name = 'rewritten'): Promise<History> =>
  history(size, (i) => (i < from ? `true ${i}` : `${name} ${i}`))

const vkey = signedLog(origin, 1).vkey

/** What anybody can check who has nothing but verifier keys: who is accused, and that it is proven. */
const convicted = (pieces: readonly { readonly bytes: Uint8Array }[], vkeys: readonly string[]): readonly string[] => {
  const names = pieces.map(({ bytes }) => {
    const evidence = parseEvidence(bytes)
    verifyEvidence(evidence)
    expect(vkeys).toContain(formatVerifierKey(evidence.accused))
    return `${evidence.kind} ${evidence.accused.name}`
  })
  return [...new Set(names)].toSorted()
}

/** Three witnesses that gossip, and a log of which each head wants two of them. */
class Witnesses {
  readonly nodes: MemoryWitness[] = []
  #vkeys: readonly string[] = []
  readonly #stores: KeyValueStore[] = []

  static async start(): Promise<Witnesses> {
    const made = new Witnesses()
    const first = await Promise.all([0, 1, 2].map((i) => memoryWitness({ vkeys: [vkey], ...identity(i) })))
    made.#vkeys = first.flatMap(({ vkeys }) => vkeys)
    for (const i of [0, 1, 2]) {
      made.#stores.push((await openStorage('memory:', { create: true })).keyValue('witness'))
      made.nodes.push(await made.#open(i, made.#stores[i]))
    }
    return made
  }

  async #open(i: number, store: KeyValueStore | undefined): Promise<MemoryWitness> {
    const mark = memoryMark()
    const commits = store === undefined ? 0 : await readCommits(store)
    // The mark of the same day as the database.
    if (commits > 0) await mark.record(undefined, encodeUint64(commits))
    const witnesses = this.#vkeys.filter((other) => !other.startsWith(`w${i}.`))
    return memoryWitness({ vkeys: [vkey], witnesses, ...identity(i), ...(store && { store }), mark })
  }

  /** Shows a size of a history to some witnesses, as a log does that learns old sizes; answers who cosigned it. */
  async ask({ signed }: History, size: number, to: readonly number[] = [0, 1, 2]): Promise<readonly number[]> {
    const cosigned: number[] = []
    for (const i of to) {
      const node = this.#node(i)
      const first = await node.post('/add-checkpoint', signed.request(0, size))
      const oldSize = first.status === 409 ? Number(await first.text()) : 0
      const answer =
        first.status === 409 && oldSize <= size
          ? await node.post('/add-checkpoint', signed.request(oldSize, size))
          : first
      if (answer.status !== 200) continue
      cosigned.push(i)
      const latest = await node.witness.latestOf(origin)
      if (latest !== undefined) await node.gossip.hear(latest, 'this witness')
    }
    return cosigned
  }

  /** One round of gossip, while the log serves each witness a history. */
  async round(served: (i: number) => History): Promise<void> {
    const fetch = (async (input: string | URL | Request, init?: RequestInit) => {
      const url = new URL(input instanceof Request ? input.url : input)
      return this.#node(Number(url.hostname.slice(1))).app.request(url.pathname, init)
    }) as typeof globalThis.fetch
    for (const [i, node] of this.nodes.entries()) {
      const { reader } = served(i).served.log
      await new Exchange({
        gossip: node.gossip,
        evidence: node.evidence,
        peers: [0, 1, 2].filter((j) => j !== i).map((j) => httpPeer({ url: `http://w${j}`, fetch })),
        origins: () => [origin],
        served: () => async () => ({
          bytes: reader.published.checkpoint,
          tree: await TileTree.open(reader.published, (tile) => reader.resource(tile)),
        }),
        intervalMs: 3_600_000,
        random: () => 0,
        observe: () => {},
      }).round()
    }
  }

  /** Of each witness, who is accused by what it holds. */
  convictions(): readonly (readonly string[])[] {
    return this.nodes.map(({ evidence }) => convicted(evidence.list(), [vkey, ...this.#vkeys]))
  }

  /** What lies in the database of a witness now. */
  async backup(i: number): Promise<KeyValueStore> {
    const copy = (await openStorage('memory:', { create: true })).keyValue('witness')
    const changes = []
    for await (const { key, value } of this.#node(i).store.range(new Uint8Array(0), new Uint8Array(80).fill(255)))
      changes.push({ key, value })
    await copy.write(changes)
    return copy
  }

  /** Starts a witness again from a backup, of its mark as well, so that it cannot know. */
  async restore(i: number, backup: KeyValueStore): Promise<void> {
    const { evidence } = this.#node(i)
    const node = await this.#open(i, backup)
    for (const { bytes } of evidence.list()) await node.evidence.take(bytes)
    node.setTime(1_700_000_600_000)
    this.nodes[i] = node
  }

  #node(i: number): MemoryWitness {
    const node = this.nodes[i]
    if (node === undefined) throw new RangeError(`no witness ${i}`)
    return node
  }
}

const identity = (i: number): { readonly name: string; readonly seed: number } => ({
  name: `w${i}.example`,
  seed: 10 + 2 * i,
})

const logForked = [`fork ${origin}`]

describe('[FAULT-19] an operator who has the key and the disk of the log', () => {
  it('rewrites an entry and signs again: no witness cosigns it, and each has evidence from the request alone', async () => {
    const witnesses = await Witnesses.start()
    expect(await witnesses.ask(await history(9), 9)).toEqual([0, 1, 2])
    const lie = await rewritten(9, 4)
    expect(await witnesses.ask(lie, 9)).toEqual([])
    expect(witnesses.convictions()).toEqual([logForked, logForked, logForked])
  })

  it('rewrites an entry, goes on and shows it to nobody but its readers: the next round finds it', async () => {
    const witnesses = await Witnesses.start()
    const truth = await history(9)
    await witnesses.ask(truth, 9)
    await witnesses.round(() => truth)
    expect(witnesses.convictions()).toEqual([[], [], []])
    const lie = await rewritten(12, 4)
    await witnesses.round(() => lie)
    expect(witnesses.convictions()).toEqual([logForked, logForked, logForked])
    expect(await witnesses.ask(truth, 10)).toEqual([])
  })

  it('forks at size 5 and shows each witness another branch: none has a quorum, and one round finds it', async () => {
    const witnesses = await Witnesses.start()
    const truth = await history(5)
    expect(await witnesses.ask(truth, 5)).toEqual([0, 1, 2])
    const branches = await Promise.all(['a', 'b', 'c'].map((name, i) => rewritten(7 + i, 5, name)))
    for (const [i, branch] of branches.entries()) expect(await witnesses.ask(branch, 7 + i, [i])).toEqual([i])
    const shown = (i: number): History => branches[i] ?? truth
    await witnesses.round(shown)
    await witnesses.round(shown)
    expect(witnesses.convictions()).toEqual([logForked, logForked, logForked])
    for (const [i, branch] of branches.entries()) expect(await witnesses.ask(branch, 12, [i])).toEqual([])
  })

  it('restores an old backup and goes on from it: nobody cosigns, and one round finds it', async () => {
    const witnesses = await Witnesses.start()
    const truth = await history(9)
    for (const size of [3, 6, 9]) expect(await witnesses.ask(truth, size)).toEqual([0, 1, 2])
    await witnesses.round(() => truth)
    // Smaller than what was cosigned, but larger than a head that was: it is found before it has caught up.
    const restored = await rewritten(8, 5)
    expect(await witnesses.ask(restored, 8)).toEqual([])
    await witnesses.round(() => restored)
    expect(witnesses.convictions()).toEqual([logForked, logForked, logForked])
    expect(await witnesses.ask(await rewritten(14, 5), 14)).toEqual([])
  })

  it('serves everybody the truth, and one witness another history: one round finds it', async () => {
    const witnesses = await Witnesses.start()
    const truth = await history(9)
    expect(await witnesses.ask(truth, 9, [0, 1])).toEqual([0, 1])
    expect(await witnesses.ask(await rewritten(6, 2), 6, [2])).toEqual([2])
    await witnesses.round(() => truth)
    expect(witnesses.convictions()).toEqual([logForked, logForked, logForked])
  })

  it('rolls back the folder of one witness, mark included, to have a fork cosigned: it is one of three, and both are accused', async () => {
    const witnesses = await Witnesses.start()
    const truth = await history(9)
    await witnesses.ask(truth, 5)
    const backup = await witnesses.backup(2)
    await witnesses.ask(truth, 9)
    await witnesses.round(() => truth)
    await witnesses.restore(2, backup)
    const lie = await rewritten(9, 6)
    expect(await witnesses.ask(lie, 9)).toEqual([2])
    await witnesses.round(() => truth)
    const both = [`fork ${origin}`, 'fork w2.example']
    expect(witnesses.convictions()).toEqual([both, both, both])
  })

  it('rolls back the folder of one witness without a fork: the witness is accused, and the log is not', async () => {
    const witnesses = await Witnesses.start()
    const truth = await history(9)
    await witnesses.ask(truth, 5)
    const backup = await witnesses.backup(2)
    await witnesses.ask(truth, 9)
    await witnesses.round(() => truth)
    await witnesses.restore(2, backup)
    expect(await witnesses.ask(truth, 7, [2])).toEqual([2])
    await witnesses.round(() => truth)
    const rolledBack = ['rollback w2.example']
    expect(witnesses.convictions()).toEqual([rolledBack, rolledBack, rolledBack])
    // It knows now that it has forgotten something, and cosigns no more.
    expect(await witnesses.ask(await history(10), 10)).toEqual([0, 1])
  })
})

/** Serves a history as a log does. */
const serveTiles = async (
  what: () => MemoryLog,
): Promise<{ readonly url: string; readonly stop: () => Promise<unknown> }> => {
  const server = createServer((request, response) => {
    const path = (request.url ?? '/').slice(1)
    const { log, checkpoint } = what()
    const answer = path === 'checkpoint' ? Promise.resolve(checkpoint()) : resource(log, path)
    answer.then(
      (body) => response.end(body),
      () => response.writeHead(404).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = (): Promise<unknown> => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop }
}

const resource = async ({ reader }: MemoryLog['log'], path: string): Promise<Uint8Array> =>
  reader.resource(parseTilePath(path))

const evidenceOf = async ({ url }: Node): Promise<readonly { readonly bytes: Uint8Array }[]> => {
  const { evidence } = (await (await fetch(`${url}/evidence`)).json()) as { evidence: readonly { id: string }[] }
  return Promise.all(
    evidence.map(async ({ id }) => ({
      bytes: new Uint8Array(await (await fetch(`${url}/evidence/${id}`)).arrayBuffer()),
    })),
  )
}

describe('[FAULT-19] real witnesses, as processes that gossip', { timeout: 120_000 }, () => {
  it('hold evidence soon after two of them were shown histories that part, and cosign neither any more', async () => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-operator-'))
    const [truth, lie] = [await history(9), await rewritten(7, 3)]
    let served = truth.served
    const tiles = await serveTiles(() => served)
    const ports = [await freePort(), await freePort(), await freePort()]
    writeFileSync(join(home, 'policy.txt'), `log ${vkey} ${tiles.url}\nquorum none\n`)
    const nodes: Node[] = []
    try {
      const start = (i: number): Promise<Node> => {
        const peers = ports.filter((_, j) => j !== i).flatMap((port) => ['--peer', `http://127.0.0.1:${port}`])
        const args = ['witness', '--name', `w${i}.example`, '--policy', join(home, 'policy.txt'), '--gossip-ms', '300']
        return startNode({ args: [...args, ...peers], folder: join(home, `w${i}`), port: ports[i] ?? 0 })
      }
      nodes.push(...(await Promise.all([0, 1, 2].map(start))))
      const ask = async (i: number, body: Uint8Array): Promise<number> =>
        (await fetch(`${nodes[i]?.url}/add-checkpoint`, { method: 'POST', body: Uint8Array.from(body) })).status
      expect(await ask(0, truth.signed.request(0, 9))).toBe(200)
      expect(await ask(1, lie.signed.request(0, 7))).toBe(200)
      for (const node of nodes)
        await expect
          .poll(async () => convicted(await evidenceOf(node), [vkey]), { timeout: 30_000, interval: 100 })
          .toEqual(logForked)
      served = lie.served
      expect(await ask(0, truth.signed.request(9, 10))).toBe(422)
      expect(await ask(1, lie.signed.request(7, 8))).toBe(422)
      expect(await ask(2, truth.signed.request(0, 9))).toBe(422)
      expect((await fetch(`${nodes[2]?.url}/readyz`)).status).toBe(503)
    } finally {
      for (const node of nodes) await node.end('SIGKILL')
      await tiles.stop()
      rmSync(home, { recursive: true, force: true })
    }
  })
})
