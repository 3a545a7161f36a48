/** Those whom evidence would convict, and strangers, against gossip: nothing they hand in convicts others or hides a fork. */
import { describe, expect, it } from 'vitest'
import { Exchange } from '../../src/gossip/exchange.ts'
import { MAX_RECENT, MAX_UNPROVEN, NO_HEADS, see } from '../../src/gossip/heads.ts'
import { httpPeer } from '../../src/gossip/peers.ts'
import { COSIGNATURE_V1, ED25519 } from '../../src/note/algorithm.ts'
import { type SignerKey, signerKey, verifierKey } from '../../src/note/key.ts'
import { formatNote, parseNote, signNote } from '../../src/note/note.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { type Evidence, forkOfOneSize, formatEvidence, parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { type MemoryWitness, memoryWitness } from '../support/memory-witness.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()
const other = signedLog('log.example/other', 2)
const branch = log.fork(3)

const signed = (key: SignerKey, origin: string, root: Hash, extensions: readonly string[] = []): Uint8Array =>
  signNote(formatCheckpoint({ origin, size: 7, root, extensions }), [signerOf(key, { time: 1 })])

const forkBy = (key: SignerKey, origin: string): Evidence =>
  forkOfOneSize(key, signed(key, origin, log.root(7)), signed(key, origin, branch.root(7)))

describe('[GOSSIP-10] evidence', () => {
  it.each([
    ['a known log about another log', () => forkBy(other.key, log.origin)],
    [
      'a witness under another type of key',
      () => forkBy(signerKey('w.example', ED25519, new Uint8Array(32).fill(40)), log.origin),
    ],
    ['a log about a log that nobody knows', () => forkBy(log.key, 'log.example/nobody')],
    [
      'the right key under another name',
      () => {
        const renamed = { ...log.key, ...verifierKey('log.example/alias', ED25519, log.key.publicKey) }
        return forkBy(renamed, log.origin)
      },
    ],
  ])('by %s is valid in form, and is not taken', async (_, make) => {
    const a = await memoryWitness({ vkeys: [log.vkey, other.vkey], name: 'w.example', seed: 40 })
    const bytes = formatEvidence(make())
    verifyEvidence(parseEvidence(bytes))
    expect((await a.post('/evidence', bytes)).status).toBe(404)
    expect(a.evidence.list()).toEqual([])
    expect((await a.post('/add-checkpoint', log.request(0, 5))).status).toBe(200)
  })

  it('against a witness is taken about known logs only', async () => {
    const w2 = signerKey('w2.example', COSIGNATURE_V1, new Uint8Array(32).fill(60))
    const a = await memoryWitness({ vkeys: [log.vkey] })
    expect((await a.post('/evidence', formatEvidence(forkBy(w2, log.origin)))).status).toBe(404)
  })

  it('of two heads that are padded to the most that any reader takes is found, kept and served', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    const padding = ['x'.repeat(2 ** 20 - 400)]
    await a.gossip.hear(signed(log.key, log.origin, log.root(7), padding), 'x')
    expect(await a.gossip.hear(signed(log.key, log.origin, branch.root(7), padding), 'y')).toBe('fork')
    const [kept] = a.evidence.list()
    expect((await a.app.request(`/evidence/${kept?.id}`)).status).toBe(200)
    // Such a head is cosigned by nobody: every one is kept for ever.
    expect((await a.post('/add-checkpoint', log.request(0, 5))).status).toBe(422)
    const fresh = await memoryWitness({ vkeys: [log.vkey] })
    const large = signed(log.key, log.origin, log.root(7), ['x'.repeat(20_000)])
    const body = new TextEncoder().encode(`old 0\n\n${new TextDecoder().decode(large)}`)
    expect((await fresh.post('/add-checkpoint', body)).status).toBe(413)
  })

  it('that a peer has and nobody here cares for does not keep out the rest', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey], name: 'a.example', seed: 10 })
    const b = await memoryWitness({ vkeys: [log.vkey, other.vkey], name: 'b.example', seed: 20 })
    for (let size = 4; size < 40; size++) {
      await b.gossip.hear(other.checkpoint(size), 'x')
      await b.gossip.hear(other.fork(1).checkpoint(size), 'y')
    }
    await b.post('/add-checkpoint', log.request(0, 7))
    await b.post('/add-checkpoint', branch.request(7, 7))
    const exchange = exchangeOf(a, b)
    await exchange.round()
    expect(a.evidence.list().map(({ proven }) => proven.origin)).toEqual([log.origin])
  })
})

const exchangeOf = (node: MemoryWitness, peer: MemoryWitness): Exchange =>
  new Exchange({
    gossip: node.gossip,
    evidence: node.evidence,
    peers: [
      httpPeer({
        url: 'http://peer',
        fetch: (async (input: string | URL | Request, init?: RequestInit) =>
          peer.app.request(new URL(input instanceof Request ? input.url : input).pathname, init)) as typeof fetch,
      }),
    ],
    origins: () => [log.origin],
    served: () => undefined,
    intervalMs: 3_600_000,
    random: () => 0,
    observe: () => {},
  })

describe('[GOSSIP-11] a head that convicts', () => {
  it('is not made unheard by a bad line in the name of a witness', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    await a.post('/add-checkpoint', log.request(0, 7))
    const { text, signatures } = parseNote(branch.checkpoint(7))
    const junk = a.keys.map(({ name, keyId }) => ({ name, keyId, signature: new Uint8Array(72).fill(1) }))
    expect(await a.gossip.hear(formatNote({ text, signatures: [...signatures, ...junk] }), 'x')).toBe('fork')
  })

  it('is not buried by any number of later ones, of which those without room are told', () => {
    const head = (size: number, tag: number) => ({
      size,
      root: new Uint8Array(32).fill(tag) as Hash,
      bytes: new Uint8Array(1),
    })
    let { heads } = see(NO_HEADS, head(500, 1))
    const verdicts = new Set<string>()
    for (let size = 1_000; size < 1_000 + 2 * MAX_RECENT; size++) {
      const seen = see(heads, head(size, 1))
      heads = seen.heads
      verdicts.add(seen.verdict.kind)
    }
    expect(see(heads, head(500, 2)).verdict.kind).toBe('fork')
    expect([...verdicts].toSorted()).toEqual(['crowded', 'new'])
    expect(heads.unproven).toHaveLength(MAX_UNPROVEN)
  })

  it('costs one verification for each line that is new, however often it stands there', async () => {
    const a = await memoryWitness({ vkeys: [log.vkey] })
    await a.post('/add-checkpoint', log.request(0, 7))
    const { text, signatures } = parseNote((await a.witness.latestOf(log.origin)) ?? new Uint8Array(0))
    const [own, ed25519, mldsa44] = signatures
    if (own === undefined || ed25519 === undefined || mldsa44 === undefined) throw new Error('three signatures')
    const bytes = formatNote({ text, signatures: [own, ed25519, ...Array<typeof mldsa44>(60).fill(mldsa44)] })
    expect(await a.gossip.hear(bytes, 'x')).toBe('known')
  })
})
