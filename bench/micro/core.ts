/**
 * The hashing core: nanoseconds per node and per leaf, and entries per second for whole trees, against the alternatives.
 *
 * All contenders are given the same batches and write the same hashes to the same place in flat memory.
 */
import { createHash, hash } from 'node:crypto'
import { openTreeHasher, type TreeHasher } from '../../src/merkle/hasher.ts'
import { oneByOne } from '../../src/merkle/one-by-one.ts'
import { format, measure, printTable, type Timing, writeResults } from '../support.ts'

type Hashing = Omit<TreeHasher, 'name'>

const contenders: readonly { readonly name: string; readonly hashing: Hashing }[] = [
  { name: '@noble/hashes', hashing: openTreeHasher('noble') },
  {
    name: 'createHash',
    hashing: oneByOne((data, out, offset) => out.set(createHash('sha256').update(data).digest(), offset)),
  },
  {
    name: 'crypto.hash to a Buffer',
    hashing: oneByOne((data, out, offset) => out.set(hash('sha256', data, 'buffer'), offset)),
  },
  { name: 'crypto.hash, fastest form', hashing: openTreeHasher('platform') },
  { name: 'batched', hashing: openTreeHasher('wasm-simd') },
]

const LEAF_SIZES = [32, 256, 1024, 4096]
const BATCH = 4096
const TREE_SIZE = 1_000_000
const TREE_ENTRY = 256

/** Bytes that no compression of the memory or prediction could profit from. */
const randomBytes = (length: number): Uint8Array => {
  const out = new Uint8Array(length)
  for (let i = 0; i < length; i += 65_536) crypto.getRandomValues(out.subarray(i, i + 65_536))
  return out
}

const cut = (bytes: Uint8Array, size: number): readonly Uint8Array[] =>
  Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(size * i, size * (i + 1)))

/** All hashes of a tree, level by level, as a log that appends in batches computes them. Returns the root. */
const buildTree = ({ hashLeaves, hashNodes }: Hashing, entries: readonly Uint8Array[]): Uint8Array => {
  let level = new Uint8Array(32 * entries.length)
  for (let i = 0; i < entries.length; i += BATCH) {
    const end = Math.min(i + BATCH, entries.length)
    hashLeaves(entries.slice(i, end), level.subarray(32 * i, 32 * end))
  }
  while (level.length > 32) {
    const pairs = Math.floor(level.length / 64)
    const above = new Uint8Array(32 * Math.ceil(level.length / 64))
    hashNodes(level.subarray(0, 64 * pairs), above.subarray(0, 32 * pairs))
    if (above.length > 32 * pairs) above.set(level.subarray(64 * pairs), 32 * pairs)
    level = above
  }
  return level
}

const measureNodes = (): Promise<readonly Timing[]> => {
  const pairs = randomBytes(64 * BATCH)
  const out = new Uint8Array(32 * BATCH)
  return measure(
    contenders.map(({ name, hashing }) => ({ name, units: BATCH, run: () => hashing.hashNodes(pairs, out) })),
    101,
  )
}

const measureLeaves = (size: number): Promise<readonly Timing[]> => {
  const count = Math.min(BATCH, (4 * 2 ** 20) / size)
  const entries = cut(randomBytes(size * count), size)
  const out = new Uint8Array(32 * count)
  return measure(
    contenders.map(({ name, hashing }) => ({ name, units: count, run: () => hashing.hashLeaves(entries, out) })),
    size > 1000 ? 41 : 101,
  )
}

const measureTrees = async (): Promise<readonly Timing[]> => {
  const entries = cut(randomBytes(TREE_SIZE * TREE_ENTRY), TREE_ENTRY)
  const roots = new Set<string>()
  const timings = await measure(
    contenders.map(({ name, hashing }) => ({
      name,
      units: TREE_SIZE,
      run: () => {
        roots.add(Buffer.from(buildTree(hashing, entries)).toString('hex'))
      },
    })),
    3,
  )
  if (roots.size !== 1) throw new Error(`contenders disagree about the root: ${[...roots].join(', ')}`)
  return timings
}

/** How many times less time the last contender takes than each. */
const factors = (timings: readonly Timing[]): readonly number[] => timings.map((t) => t.median / timings.at(-1)!.median)

const columns = [{ name: 'node 65 B', timings: await measureNodes() }]
for (const size of LEAF_SIZES) columns.push({ name: `leaf ${format(size)} B`, timings: await measureLeaves(size) })
const trees = await measureTrees()

printTable('Nanoseconds per hash, median', [
  ['', ...columns.map(({ name }) => name)],
  ...contenders.map(({ name }, i) => [name, ...columns.map(({ timings }) => format(timings[i]!.median))]),
])
printTable('Times slower than batched', [
  ['', ...columns.map(({ name }) => name), 'whole tree'],
  ...contenders.map(({ name }, i) => [
    name,
    ...[...columns.map(({ timings }) => timings), trees].map((timings) => format(factors(timings)[i]!)),
  ]),
])
printTable(`Whole tree of ${format(TREE_SIZE)} entries of ${TREE_ENTRY} B, median`, [
  ['', 'entries/s'],
  ...contenders.map(({ name }, i) => [name, format(1e9 / trees[i]!.median)]),
])
writeResults('core', {
  nanosecondsPerHash: Object.fromEntries(
    columns.map((column) => [column.name, Object.fromEntries(contenders.map((c, i) => [c.name, column.timings[i]]))]),
  ),
  wholeTreeEntriesPerSecond: Object.fromEntries(contenders.map((c, i) => [c.name, 1e9 / trees[i]!.median])),
})
