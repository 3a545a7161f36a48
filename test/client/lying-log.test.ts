/** A client against servers that lie, and against a log that signs two histories: it never accepts a false statement. */
import { describe, expect, it } from 'vitest'
import {
  type CheckpointStore,
  equalHash,
  type Hash,
  InconsistentError,
  LogClient,
  type ResourceCache,
  verifyInconsistency,
} from '../../src/client/index.ts'
import { equalBytes } from '../../src/primitives/bytes.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { derivedSeed, type Random, seededRandom } from '../faults/random.ts'
import { LOG_URL } from '../support/log-fetch.ts'
import { type Branch, lyingFetch, type SignedHead, type World, world } from './lying-log.ts'

const SEED = Number(process.env['TREEHEAD_SEED'] ?? 20_261)
const SESSIONS = Number(process.env['TREEHEAD_SESSIONS'] ?? 2_000)

const worlds: readonly World[] = await Promise.all([
  // Sizes lie on both sides of full tiles; histories part early, late, or where a tile begins.
  world(0, [
    [0, 1, 2, 300],
    [1, 2, 290],
  ]),
  world(5, [
    [3, 256, 600, 700],
    [5, 300, 512, 900],
  ]),
  world(256, [
    [255, 256, 600],
    [256, 257, 700],
  ]),
  world(300, [
    [300, 310, 1_100],
    [300, 310, 520],
  ]),
  world(599, [
    [100, 599, 600],
    [598, 600, 601],
  ]),
])

/** What a session believes so far: the histories in which every statement that the client made is true. */
class Oracle {
  readonly #signed: readonly SignedHead[]
  #histories: readonly Branch[]
  #size = 0
  statements = 0

  constructor({ mine }: World) {
    this.#histories = mine
    this.#signed = mine.flatMap(({ heads }) => heads)
  }

  async believe(what: string, isTrue: (history: Branch) => boolean | Promise<boolean>): Promise<void> {
    const verdicts = await Promise.all(this.#histories.map(isTrue))
    this.#histories = this.#histories.filter((_, i) => verdicts[i])
    this.statements++
    if (this.#histories.length === 0) throw new Error(`the client accepted a false statement: ${what}`)
  }

  async head(size: number, root: Hash): Promise<void> {
    const isSigned = this.#signed.some((head) => head.size === size && equalHash(head.root, root))
    if (!isSigned) throw new Error(`the client accepted a head of size ${size} that was never signed`)
    if (size < this.#size) throw new Error(`the client went back from ${this.#size} to ${size}`)
    this.#size = size
    await this.root(size, root)
  }

  root(size: number, root: Hash): Promise<void> {
    return this.believe(`root of size ${size}`, async (history) => {
      return size <= history.entries.length && equalHash(await history.rootAt(size), root)
    })
  }

  leaf(index: number, leafHash: Hash): Promise<void> {
    return this.believe(`leaf ${index}`, ({ leafHashes }) =>
      equalHash(leafHashes[index] ?? new Uint8Array(0), leafHash),
    )
  }

  entry(index: number, data: Uint8Array): Promise<void> {
    return this.believe(`entry ${index}`, ({ entries }) => equalBytes(entries[index] ?? new Uint8Array(0), data))
  }
}

type Action = (client: LogClient, random: Random, oracle: Oracle, world: World) => Promise<void>

const anIndex = (random: Random): number => random.pick([random.integer(0, 20), random.integer(0, 700), 255, 256, 599])

const actions: readonly Action[] = [
  async (client, _random, oracle) => {
    const { size, root } = (await client.checkpoint()).checkpoint
    await oracle.head(size, root)
  },
  async (client, random, oracle) => {
    const index = anIndex(random)
    await oracle.entry(index, await client.entry(index))
  },
  async (client, random, oracle) => {
    const start = anIndex(random)
    for await (const { index, data } of client.entries(start, random.pick([undefined, start + 10, start + 300]))) {
      await oracle.entry(index, data)
    }
  },
  async (client, random, oracle) => {
    const claim = await client.inclusionProof(anIndex(random), random.pick([undefined, random.integer(1, 700)]))
    await oracle.leaf(claim.index, claim.leafHash)
    await oracle.root(claim.size, claim.root)
  },
  async (client, random, oracle) => {
    const claim = await client.consistencyProof(
      random.integer(1, 600),
      random.pick([undefined, random.integer(1, 700)]),
    )
    await oracle.root(claim.size1, claim.root1)
    await oracle.root(claim.size2, claim.root2)
  },
  async (client, random, oracle, { mine }) => {
    const leafHash = random.pick(random.pick(mine).leafHashes)
    const proof = await client.findProof(leafHash)
    await oracle.leaf(proof.index, leafHash)
    await oracle.root(proof.size, proof.root)
  },
]

/** Codes that a liar may cause; anything else would be a mistake of ours. */
const allowed: ReadonlySet<string> = new Set([
  ...['malformed', 'bad_proof', 'bad_signature', 'untrusted', 'wrong_origin', 'inconsistent', 'not_found'],
  ...['out_of_range', 'too_large', 'forbidden', 'io'],
])

/** Evidence that verifies cannot be of one history, so this also says that nobody is accused of nothing. */
const judgeError = (error: unknown, { mine }: World): 'inconsistent' | 'refused' => {
  if (!(error instanceof TlogError) || !allowed.has(error.code)) throw error
  if (!(error instanceof InconsistentError)) return 'refused'
  verifyInconsistency(error, { vkey: mine[0].vkey })
  return 'inconsistent'
}

const memory = (): { readonly store: CheckpointStore; readonly cache: ResourceCache } => {
  const kept = new Map<string, Uint8Array>()
  return {
    store: { load: async (log) => kept.get(log), save: async (bytes, log) => void kept.set(log, bytes) },
    cache: { get: async (path) => kept.get(path), set: (path, bytes) => void kept.set(path, bytes) },
  }
}

interface Tally {
  readonly statements: number
  readonly refused: number
  readonly inconsistent: number
}

/** `honest` serves one history and no lies; `forgetful` takes the client's memory away, which must show. */
interface Setting {
  readonly honest?: boolean
  readonly forgetful?: boolean
}

const session = async (seed: number, { honest = false, forgetful = false }: Setting): Promise<Tally> => {
  const random = seededRandom(seed)
  const here = random.pick(worlds)
  const served = honest ? { ...here, mine: [here.mine[0], here.mine[0]] as const } : here
  const lies = honest ? 0 : random.pick([0, 0.02, 0.1, 0.4])
  const fetch = lyingFetch({ random, world: served, lies, restless: honest ? 0.02 : random.pick([0, 0.02, 0.2]) })
  const oracle = new Oracle(here)
  let kept = memory()
  const open = (): LogClient => {
    const cache = random.next() < 0.3 ? kept.cache : undefined
    return new LogClient({ url: LOG_URL, vkey: here.mine[0].vkey, fetch, maxAttempts: 1, store: kept.store, cache })
  }
  let client = open()
  const counts = { refused: 0, inconsistent: 0 }
  for (let step = random.integer(3, 12); step > 0; step--) {
    if (forgetful) kept = memory()
    if (forgetful || random.next() < 0.15) client = open()
    try {
      await random.pick(actions)(client, random, oracle, served)
    } catch (error) {
      if (honest && !(error instanceof TlogError && ['out_of_range', 'not_found', 'bad_proof'].includes(error.code)))
        throw error
      counts[judgeError(error, here)]++
    }
  }
  return { statements: oracle.statements, ...counts }
}

const sessions = async (count: number, setting: Setting = {}): Promise<Tally> => {
  const sum = { statements: 0, refused: 0, inconsistent: 0 }
  for (let i = 0; i < count; i++) {
    const seed = derivedSeed(SEED, i)
    try {
      const tally = await session(seed, setting)
      sum.statements += tally.statements
      sum.refused += tally.refused
      sum.inconsistent += tally.inconsistent
    } catch (cause) {
      throw new Error(`session ${i} of seed ${SEED} (${seed}): ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      })
    }
  }
  return sum
}

describe('[CLIENT-2] a lying log', () => {
  it(`never makes a client accept a false statement, in ${SESSIONS} sessions`, {
    timeout: 60_000 + 50 * SESSIONS,
  }, async () => {
    const tally = await sessions(SESSIONS)
    console.log(`seed ${SEED}: ${JSON.stringify(tally)}`)
    // The sessions are worth something only if all three came up, often.
    expect(tally.statements).toBeGreaterThan(SESSIONS)
    expect(tally.refused).toBeGreaterThan(SESSIONS)
    expect(tally.inconsistent).toBeGreaterThan(SESSIONS / 50)
  })

  it('is not seen where there is none', async () => {
    const tally = await sessions(200, { honest: true })
    expect(tally.statements).toBeGreaterThan(200)
    expect(tally.inconsistent).toBe(0)
  })

  it('is believed by a client that forgets, which the test notices', async () => {
    await expect(sessions(200, { forgetful: true })).rejects.toThrow(/accepted a false statement|went back/)
  })
})
