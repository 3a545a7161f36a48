/**
 * R5: one flipped bit. In the rows of the database, rewritten so that LevelDB hands out the flipped bits as good data,
 * which is what it does with its tables on disk; and in every file of the data folder.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { judgeDamage, type Verdict } from './damage.ts'
import { type Golden, makeGolden } from './golden.ts'
import type { Finding } from './oracle.ts'
import { inParallel, progress } from './parallel.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'

const isLogRow = (key: Uint8Array, isKind: (kind: number) => boolean): boolean =>
  key[0] === 'l'.charCodeAt(0) && isKind(key[9] ?? -1)

/** Rows of the database by their keys (src/storage/level-keys.ts). */
const rowKinds = {
  entries: (key: Uint8Array) => isLogRow(key, (kind) => kind === 0),
  tile: (key: Uint8Array) => isLogRow(key, (kind) => kind > 0 && kind < 255),
  head: (key: Uint8Array) => isLogRow(key, (kind) => kind === 255),
  index: (key: Uint8Array) => key[0] === 'i'.charCodeAt(0),
} as const

/** Files by pattern, relative to the data folder. */
const fileKinds = {
  'log file': /^db\/\d+\.log$/,
  table: /^db\/\d+\.ldb$/,
  manifest: /^db\/MANIFEST-\d+$/,
  current: /^db\/CURRENT$/,
  ledger: /^ledger$/,
  'log key': /^log\.key$/,
  'log vkey': /^log\.vkey$/,
  'tree head key': /^sth\.key$/,
  tokens: /^tokens$/,
  format: /^treehead\.json$/,
} as const

/** What a bit can be flipped in. */
export const flipKinds = [...Object.keys(rowKinds), ...Object.keys(fileKinds)] as readonly FlipKind[]
/** One of these. */
export type FlipKind = keyof typeof rowKinds | keyof typeof fileKinds

/** What to flip. */
export interface FlipOptions {
  /** Flips for each kind. */
  readonly each: number
  readonly seed: number
  readonly kinds?: readonly FlipKind[]
  /** Only rows of the first entries of a log so large that its start does not look at them. */
  readonly cold?: boolean
  readonly main?: string
}

const flipBit = (bytes: Uint8Array, random: Random): Uint8Array => {
  const out = bytes.slice()
  const at = random.integer(0, out.length)
  const bit = 2 ** random.integer(0, 8)
  const byte = out[at] ?? 0
  out[at] = Math.floor(byte / bit) % 2 === 0 ? byte + bit : byte - bit
  return out
}

/** The start hashes the newest 65,536 entries again; then these are left, and some bundles more for later. */
const coldEntries = 1024
const entriesBefore = 70_000

const isCold = (key: Uint8Array): boolean =>
  key[0] === 'i'.charCodeAt(0) || Buffer.from(key).readUIntBE(3, 6) < coldEntries

/** Flips a bit of a row's value, or now and then of its key, which then is gone and another one is there. */
const flipRow = async (dataDir: string, isWanted: (key: Uint8Array) => boolean, random: Random): Promise<string> => {
  const db = new Level<Uint8Array, Uint8Array>(join(dataDir, 'db'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: false,
  })
  await db.open()
  const rows = (await db.iterator().all()).filter(([key]) => isWanted(key))
  // The last row every other time, because of heads only the newest one counts.
  const [key, value] = random.next() < 0.5 ? random.pick(rows) : random.pick(rows.slice(-1))
  const inKey = random.next() < 0.2
  if (inKey) await db.batch().del(key).put(flipBit(key, random), value).write({ sync: true })
  else await db.put(key, flipBit(value, random), { sync: true })
  await db.close()
  return `${inKey ? 'key' : 'value'} of ${Buffer.from(key).toString('hex')}`
}

const filesOf = (dataDir: string): readonly string[] =>
  readdirSync(dataDir, { recursive: true, encoding: 'utf8' }).filter((path) => !/LOCK|LOG/.test(path))

const flipFile = (dataDir: string, pattern: RegExp, random: Random): string => {
  const path = random.pick(filesOf(dataDir).filter((name) => pattern.test(name)))
  writeFileSync(join(dataDir, path), flipBit(readFileSync(join(dataDir, path)), random))
  return path
}

const flip = (dataDir: string, kind: FlipKind, cold: boolean, random: Random): string | Promise<string> => {
  if (kind in fileKinds) return flipFile(dataDir, fileKinds[kind as keyof typeof fileKinds], random)
  const isKind = rowKinds[kind as keyof typeof rowKinds]
  return flipRow(dataDir, (key) => isKind(key) && (!cold || isCold(key)), random)
}

/** Flips bits, `each` of every kind, one at a time in a fresh copy of a log, and judges what comes of it. */
export const runBitflip = async ({
  each,
  seed,
  kinds = flipKinds,
  cold = false,
  main,
}: FlipOptions): Promise<Report> => {
  using scratch = scratchFolder('bitflip')
  const golden: Golden = await makeGolden({ folder: scratch.path, seed, before: cold ? entriesBefore : 0 })
  const verdicts = new Map<FlipKind, Map<Verdict, number>>()
  const findings: (Finding & { experiment: string })[] = []
  const unnamed = new Set<string>()
  const experiments = each * kinds.length
  await inParallel(experiments, async (n) => {
    const kind = kinds[n % kinds.length] ?? 'entries'
    const dataDir = join(scratch.path, `flipped-${n}`)
    cpSync(golden.dataDir, dataDir, { recursive: true })
    const where = await flip(dataDir, kind, cold, seededRandom(derivedSeed(seed, n)))
    const judgement = await judgeDamage({ dataDir, golden, main })
    const counts = verdicts.get(kind) ?? new Map<Verdict, number>()
    verdicts.set(kind, counts.set(judgement.verdict, (counts.get(judgement.verdict) ?? 0) + 1))
    if (judgement.verdict === 'noticed without a name') unnamed.add(`${kind}: ${judgement.words}`)
    const experiment = `${kind}: ${where}, flip ${n}, ${judgement.verdict} ${judgement.words}`
    for (const finding of judgement.findings) findings.push({ ...finding, experiment })
    rmSync(dataDir, { recursive: true })
    progress(`bitflip ${n + 1}/${experiments}, ${findings.length} broken promises`)
  })
  const figures: Record<string, string> = {}
  for (const [kind, counts] of verdicts) {
    figures[kind] = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(', ')
  }
  if (unnamed.size > 0) figures['without a name'] = [...unnamed].join('; ')
  return { suite: cold ? 'bitflip, cold rows' : 'bitflip', seed, experiments, figures, findings }
}
