/** One witness under updates: the most it takes, how long it takes at fixed rates, and what 10,000 logs cost it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Node, startNode } from '../../test/support/cluster.ts'
import { scratchFolder } from '../disk.ts'
import { readProcess } from '../proc.ts'
import { format } from '../support.ts'
import type { Job } from './generator.ts'
import { type LogSet, vkeysOf } from './heads.ts'
import type { LoadResult } from './load.ts'
import type { OpenResult } from './open-loop.ts'
import type { RequestKind } from './requests.ts'
import { type Measured, runLoad } from './run-load.ts'

/** With which keys a witness cosigns, by the names of `--keys`. */
export const keyChoices = ['ed25519', 'both'] as const
type Keys = (typeof keyChoices)[number]

const keyNames: Readonly<Record<Keys, string>> = { ed25519: 'Ed25519', both: 'Ed25519 and ML-DSA-44' }

/** One load on one witness. */
export interface UpdatesRow {
  readonly keys: Keys
  readonly name: string
  readonly measured: Measured<LoadResult | OpenResult>
}

const withWitness = async <T>(keys: Keys, sets: readonly LogSet[], use: (witness: Node) => Promise<T>): Promise<T> => {
  using scratch = scratchFolder('witness')
  const list = join(scratch.path, 'logs.txt')
  writeFileSync(list, ['logs/v0', ...sets.flatMap(vkeysOf).map((vkey) => `vkey ${vkey}`), ''].join('\n'))
  const args = ['witness', '--name', 'witness.example/bench', '--keys', keys, '--log-list', list]
  await using witness = await startNode({ args, folder: join(scratch.path, 'data') })
  return await use(witness)
}

const updates = (keys: Keys, logs: LogSet, rounds: number): RequestKind => ({
  kind: 'add-checkpoint',
  logs,
  rounds,
  cosignatures: keys === 'both' ? 2 : 1,
})

/** Logs of one load; more than requests under way, so that none of them waits for itself. */
const LOGS = 256

/** A closed loop: the next update follows when the last one was answered. */
export const measureRate = (keys: Keys, seconds: number): Promise<readonly UpdatesRow[]> => {
  const loads = [1, 16, 64].map((connections) => ({ connections, set: { name: `closed-${connections}`, count: LOGS } }))
  const sets = loads.map(({ set }) => set)
  return withWitness(keys, sets, async ({ url, pid }) => {
    const rows: UpdatesRow[] = []
    for (const { connections, set } of loads) {
      const load = { url, request: updates(keys, set, 0), connections, warmUpSeconds: 1, seconds }
      const measured = await runLoad({ generator: 'closed loop', load }, pid)
      rows.push({ keys, name: `closed loop, ${connections} at a time`, measured })
    }
    return rows
  })
}

/** An open loop at rates that a witness may see; with both keys, lower ones too. */
const RATES: Readonly<Record<Keys, readonly number[]>> = { ed25519: [200, 500], both: [50, 100, 200] }

const openLoad = (url: string, request: RequestKind, perSecond: number, seconds: number): Job => ({
  generator: 'open loop',
  load: { url, request, connections: 128, warmUpSeconds: 2, seconds, perSecond },
})

/** An open loop: updates arrive at a fixed rate, however long the answers take. */
export const measureOpen = (keys: Keys, seconds: number): Promise<readonly UpdatesRow[]> => {
  const loads = RATES[keys].map((perSecond) => ({ perSecond, set: { name: `open-${perSecond}`, count: LOGS } }))
  const sets = loads.map(({ set }) => set)
  return withWitness(keys, sets, async ({ url, pid }) => {
    const rows: UpdatesRow[] = []
    for (const { perSecond, set } of loads) {
      const measured = await runLoad(openLoad(url, updates(keys, set, 0), perSecond, seconds), pid)
      rows.push({ keys, name: `open loop, ${perSecond}/s`, measured })
    }
    return rows
  })
}

/** What many logs cost: megabytes, and times in milliseconds. */
export interface OriginsRow {
  readonly keys: Keys
  readonly origins: number
  readonly startMs: number
  readonly memoryAfterStart: Memory
  readonly memoryAfterAll: Memory
  /** Each of them cosigned for the first time. */
  readonly first: Measured<LoadResult>
  readonly open: Measured<OpenResult>
}

interface Memory {
  readonly rssBytes: number
  readonly ownBytes: number
}

const memoryOf = (pid: number): Memory => {
  const { rssBytes, ownBytes } = readProcess(pid)
  return { rssBytes, ownBytes }
}

/** Cosigns every log once, then 200 updates a second from all of them. */
export const measureOrigins = async (keys: Keys, origins: number, seconds: number): Promise<OriginsRow> => {
  const set = { name: 'many', count: origins }
  const start = performance.now()
  return withWitness(keys, [set], async ({ url, pid }) => {
    const startMs = performance.now() - start
    const memoryAfterStart = memoryOf(pid)
    const fill = { url, request: updates(keys, set, 0), connections: 16, requests: origins }
    const first = await runLoad({ generator: 'closed loop', load: fill }, pid)
    const job = { ...openLoad(url, updates(keys, set, 1), keys === 'both' ? 100 : 200, seconds) }
    const open = (await runLoad(job, pid)) as Measured<OpenResult>
    return { keys, origins, startMs, memoryAfterStart, memoryAfterAll: memoryOf(pid), first, open }
  })
}

/** Rows of a table. */
export const updatesTable = (rows: readonly UpdatesRow[]): readonly (readonly string[])[] => [
  [
    '',
    'per second',
    'p50 ms',
    'p90',
    'p99',
    'p99.9',
    'max',
    'CPU us',
    'cores: witness',
    'generator',
    'others',
    'RSS MB',
  ],
  ...rows.map(({ keys, name, measured }) => {
    const { result, serverMicros, serverCores, generatorCores, otherCores, rssBytes } = measured
    const { p50, p90, p99, p999, max } = result.latencyMs
    const figures = [result.perSecond, p50, p90, p99, p999, max, serverMicros, serverCores, generatorCores, otherCores]
    return [`${keyNames[keys]}: ${name}`, ...[...figures, rssBytes / 1e6].map(format)]
  }),
]

/** Rows of a table. */
export const originsTable = (rows: readonly OriginsRow[]): readonly (readonly string[])[] => {
  const megabytes = ({ rssBytes, ownBytes }: Memory): string => `${format(rssBytes / 1e6)} (${format(ownBytes / 1e6)})`
  const lines: readonly (readonly [string, (row: OriginsRow) => string])[] = [
    ['start until it answers, ms', ({ startMs }) => format(startMs)],
    ['RSS after the start, MB (its own)', ({ memoryAfterStart }) => megabytes(memoryAfterStart)],
    ['each cosigned for the first time, per second', ({ first }) => format(first.result.perSecond)],
    ['then updates, per second', ({ open }) => format(open.result.perSecond)],
    ['p50 ms', ({ open }) => format(open.result.latencyMs.p50)],
    ['p99 ms', ({ open }) => format(open.result.latencyMs.p99)],
    ['RSS, MB (its own)', ({ memoryAfterAll }) => megabytes(memoryAfterAll)],
  ]
  return [['', ...rows.map(({ keys }) => keyNames[keys])], ...lines.map(([name, cell]) => [name, ...rows.map(cell)])]
}
