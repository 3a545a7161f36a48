/** R6: whole files deleted, emptied, cut short, zeroed, or replaced by an older copy; and the whole database folder. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { judgeDamage, type Verdict } from './damage.ts'
import { type Golden, makeGolden } from './golden.ts'
import type { Finding } from './oracle.ts'
import { inParallel, progress } from './parallel.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'

const targets = {
  'log file': /^\d+\.log$/,
  table: /^\d+\.ldb$/,
  manifest: /^MANIFEST-\d+$/,
  current: /^CURRENT$/,
  ledger: /^ledger$/,
  database: /^db$/,
} as const

type Target = keyof typeof targets
const harms = ['delete', 'empty', 'cut by 1 to 40 bytes', 'cut anywhere', 'zero', 'older copy'] as const
type Harm = (typeof harms)[number]

/** What to do. */
export interface FileOptions {
  /** Default: all. */
  readonly targets?: readonly Target[]
  /** Times each harm is done to each target. */
  readonly each: number
  readonly seed: number
  readonly main?: string
}

/** The place of a target in a data folder, undefined when there is none. */
const find = (dataDir: string, target: Target, random: Random): string | undefined => {
  const inDatabase = target !== 'ledger' && target !== 'database'
  const folder = inDatabase ? join(dataDir, 'db') : dataDir
  const names = readdirSync(folder).filter((name) => targets[target].test(name))
  return names.length === 0 ? undefined : join(folder, random.pick(names))
}

const cut = (path: string, by: number): void => {
  const size = readFileSync(path).length
  truncateSync(path, Math.max(0, size - by))
}

const doHarm = (path: string, harm: Harm, older: string | undefined, random: Random): void => {
  const size = existsSync(path) && harm !== 'delete' && harm !== 'older copy' ? readFileSync(path).length : 0
  if (harm === 'delete' || harm === 'older copy') rmSync(path, { recursive: true })
  if (harm === 'older copy' && older !== undefined) cpSync(older, path, { recursive: true })
  if (harm === 'empty') truncateSync(path, 0)
  if (harm === 'cut by 1 to 40 bytes') cut(path, random.integer(1, 41))
  if (harm === 'cut anywhere') truncateSync(path, random.integer(0, size))
  if (harm === 'zero') writeFileSync(path, new Uint8Array(size))
}

/** Harms files, each in a fresh copy of a log, and judges what comes of it. */
export const runFiles = async ({ each, seed, main, targets: chosen }: FileOptions): Promise<Report> => {
  using scratch = scratchFolder('files')
  const golden: Golden = await makeGolden({ folder: scratch.path, seed })
  const plans = (chosen ?? (Object.keys(targets) as Target[])).flatMap((target) =>
    harms
      .filter((harm) => target !== 'database' || harm === 'delete' || harm === 'older copy')
      .flatMap((harm) => Array.from({ length: each }, () => ({ target, harm }))),
  )
  const figures: Record<string, string> = {}
  const findings: (Finding & { experiment: string })[] = []
  await inParallel(plans.length, async (n) => {
    const { target, harm } = plans[n] ?? { target: 'ledger', harm: 'delete' }
    const random = seededRandom(derivedSeed(seed, n))
    const dataDir = join(scratch.path, `harmed-${n}`)
    cpSync(golden.dataDir, dataDir, { recursive: true })
    const path = find(dataDir, target, random)
    if (path === undefined) throw new Error(`the golden log has no ${target}`)
    doHarm(path, harm, find(golden.olderDir, target, random), random)
    const { verdict, words, findings: found } = await judgeDamage({ dataDir, golden, main })
    const name = `${target}, ${harm}`
    figures[name] = `${figures[name] === undefined ? '' : `${figures[name]}, `}${nameOf(verdict, words)}`
    for (const finding of found) findings.push({ ...finding, experiment: `${name} ${n}: ${verdict} ${words}` })
    rmSync(dataDir, { recursive: true })
    progress(`files ${n + 1}/${plans.length}, ${findings.length} broken promises`)
  })
  return { suite: 'files', seed, experiments: plans.length, figures, findings }
}

const nameOf = (verdict: Verdict, words: string): string => {
  if (verdict === 'named at open') return /^treehead: ([a-z_]+)/.exec(words)?.[1] ?? words
  return verdict === 'noticed without a name' ? `${verdict} (${words})` : verdict
}
