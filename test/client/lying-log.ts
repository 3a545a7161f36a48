/** Logs that lie: every answer may be another branch's, an old one, another place's, cut, bent, missing or none. */

import { hashLeaf } from '../../src/merkle/hash.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { parseTilePath } from '../../src/tlog/tile.ts'
import type { Random } from '../faults/random.ts'
import { type MemoryLog, type MemoryLogOptions, memoryLog } from '../support/memory-log.ts'

/** A signed checkpoint and what it says. */
export interface SignedHead {
  readonly size: number
  readonly root: Hash
  readonly bytes: Uint8Array
}

/** One history of a log, with a checkpoint signed at each of some sizes. */
export interface Branch {
  readonly vkey: string
  readonly entries: readonly Uint8Array[]
  readonly leafHashes: readonly Hash[]
  readonly heads: readonly SignedHead[]
  rootAt(size: number): Promise<Hash>
  /** What an honest server of this history answers, undefined for 404. */
  answer(path: string, head: SignedHead): Promise<Uint8Array | undefined>
}

/** Writes a history: `entry(i)` at each index, and a checkpoint at each size. */
export const branch = async (
  sizes: readonly number[],
  entry: (index: number) => string,
  options?: MemoryLogOptions,
): Promise<Branch> => {
  const made = await memoryLog(options)
  const entries = Array.from({ length: sizes.at(-1) ?? 0 }, (_, i) => new TextEncoder().encode(entry(i)))
  const heads: SignedHead[] = []
  for (const size of sizes) {
    await made.append(entries.slice(heads.at(-1)?.size ?? 0, size))
    heads.push({ size, root: made.log.reader.published.root, bytes: made.checkpoint() })
  }
  const remembered = new Map<string, Promise<Uint8Array | undefined>>()
  const roots = new Map<number, Promise<Hash>>()
  const once = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
    const known = map.get(key) ?? make()
    map.set(key, known)
    return known
  }
  return {
    vkey: made.vkey,
    entries,
    leafHashes: entries.map(hashLeaf),
    heads,
    rootAt: (size) => once(roots, size, () => made.log.reader.rootAt(size)),
    answer: (path, head) => {
      if (path === 'checkpoint') return Promise.resolve(head.bytes)
      return once(remembered, `${path} ${path.startsWith('tile/') ? '' : head.size}`, () => serve(made, path, head))
    },
  }
}

const serve = async ({ log }: MemoryLog, path: string, head: SignedHead): Promise<Uint8Array | undefined> => {
  try {
    if (path.startsWith('tile/')) return await log.reader.resource(parseTilePath(path))
    const leaf = /^proof\/leaf\/([0-9a-f]{64})$/.exec(path)?.[1]
    if (leaf === undefined) return undefined
    const index = await log.reader.indexOf(Uint8Array.from(Buffer.from(leaf, 'hex')) as Hash)
    const proof = await log.reader.inclusionProof(index, head.size)
    const lines = [
      'c2sp.org/tlog-proof@v1',
      `index ${index}`,
      ...proof.map((hash) => Buffer.from(hash).toString('base64')),
    ]
    return Uint8Array.from(Buffer.concat([Buffer.from(`${lines.join('\n')}\n\n`), head.bytes]))
  } catch {
    return undefined
  }
}

/** Two histories of one log under one key, and a log of another name and one of another key beside them. */
export interface World {
  readonly mine: readonly [Branch, Branch]
  readonly others: readonly Branch[]
}

/** Makes a world whose two histories part at `shared`. */
export const world = async (shared: number, sizes: readonly [readonly number[], readonly number[]]): Promise<World> => {
  const entry = (name: string) => (i: number) => (i < shared ? `entry ${i}` : `${name} ${i}`)
  return {
    mine: [await branch(sizes[0], entry('left')), await branch(sizes[1], entry('right'))],
    others: [
      await branch(sizes[0], entry('other'), { origin: 'log.example/other' }),
      await branch(sizes[0], entry('stranger'), { seed: 9 }),
    ],
  }
}

/** How a server behaves in one session. */
export interface Liar {
  readonly random: Random
  readonly world: World
  /** How often an answer is a lie, 0 to 1. */
  readonly lies: number
  /** How often it changes to another checkpoint or history between two requests. */
  readonly restless: number
}

/** A `fetch` that answers as the liar does. */
export const lyingFetch = ({ random, world: { mine, others }, lies, restless }: Liar): typeof fetch => {
  const move = () => {
    // Sometimes it is wholly another log, which is a lie that fits together.
    const history = random.pick(random.next() < lies ? others : mine)
    return { history, head: random.pick(history.heads) }
  }
  let now = move()
  return async (input) => {
    if (random.next() < restless) now = move()
    const path = new URL(String(input)).pathname.slice(1)
    const truth = await now.history.answer(path, now.head)
    if (random.next() >= lies) return respond(truth)
    return respond(await random.pick(inventions)({ path, truth, random, mine, others }), random)
  }
}

const respond = (body: Uint8Array | undefined | 'error', random?: Random): Response => {
  if (body === 'error') throw new TypeError('connection reset')
  if (body !== undefined) return new Response(Uint8Array.from(body))
  return new Response('no', { status: random?.pick([404, 404, 500, 403, 503]) ?? 404 })
}

interface Question {
  readonly path: string
  readonly truth: Uint8Array | undefined
  readonly random: Random
  readonly mine: readonly Branch[]
  readonly others: readonly Branch[]
}

type Invention = (question: Question) => Promise<Uint8Array | undefined | 'error'>

const of = (histories: readonly Branch[], { path, random }: Question): Promise<Uint8Array | undefined> => {
  const history = random.pick(histories)
  return history.answer(path, random.pick(history.heads))
}

const elsewhere = (path: string, random: Random): string => {
  if (!path.startsWith('tile/')) return path
  const level = random.pick(['0', '0', '1', 'entries'])
  return `tile/${level}/00${random.integer(0, 4)}${random.pick(['', `.p/${random.integer(1, 256)}`])}`
}

const inventions: readonly Invention[] = [
  // From the other history, or of another time.
  (question) => of(question.mine, question),
  (question) => of(question.mine, question),
  // From another log, signed by another name or another key.
  (question) => of(question.others, question),
  // From another place of the same log.
  (question) => of(question.mine, { ...question, path: elsewhere(question.path, question.random) }),
  // The answer to a question about another leaf.
  (question) => {
    const leaf = encodeHex(question.random.pick(question.random.pick(question.mine).leafHashes))
    return of(question.mine, { ...question, path: question.path.replace(/[0-9a-f]{64}/, leaf) })
  },
  async ({ truth, random }) => {
    const bent = truth?.slice()
    if (bent !== undefined && bent.length > 0) bent[random.integer(0, bent.length)]! ^= 2 ** random.integer(0, 8)
    return bent
  },
  async ({ truth, random }) => truth?.slice(0, random.integer(0, truth.length + 1)),
  async ({ truth, random }) => truth && Uint8Array.from([...truth, ...random.bytes(random.pick([1, 32, 64, 9_000]))]),
  async ({ truth, random }) => random.bytes(truth?.length ?? 32),
  // Two halves of two truths.
  async (question) => {
    const other = await of(question.mine, question)
    const at = 32 * question.random.integer(0, 256)
    return other && question.truth && Uint8Array.from([...question.truth.slice(0, at), ...other.slice(at)])
  },
  // Numbers changed in texts.
  async ({ truth, random }) => {
    const text = new TextDecoder().decode(truth)
    return new TextEncoder().encode(text.replace(/^(index )?[0-9]+$/m, `$1${random.integer(0, 1_200)}`))
  },
  async () => undefined,
  async () => new Uint8Array(0),
  async () => 'error',
]
