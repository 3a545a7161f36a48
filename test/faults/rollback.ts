/**
 * R7: old data restored. The database, the ledger or both are put back to an older state and the server is started on
 * that and given other entries. No checkpoint may be released that contradicts a released one; with both put back only
 * whoever remembers a checkpoint can know, and must.
 */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { entryWriter } from './entries.ts'
import { append, look, runLoad } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { inParallel, progress } from './parallel.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import { rememberingClient } from './remembers.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogProcess, startLog, startServing } from './server.ts'
import { openCheckpoint } from './tree.ts'

/** What is put back, and where the ledger lies: in the data folder, or outside and shared with a clone of the data. */
export const rollbackKinds = ['database', 'ledger', 'data but not the ledger', 'both', 'clone'] as const
/** One of them. */
export type RollbackKind = (typeof rollbackKinds)[number]

/** What to try. */
export interface RollbackOptions {
  readonly runs: number
  readonly seed: number
  readonly kinds?: readonly RollbackKind[]
  readonly main?: string
}

interface Run {
  readonly folder: string
  readonly random: Random
  readonly seed: number
  readonly oracle: Oracle
  readonly program: { readonly main?: string }
  readonly count: (what: string) => void
}

const session = async (run: Run, dataDir: string, args: readonly string[], label: string): Promise<string> => {
  const { oracle, random, program } = run
  await using server = await startServing({ dataDir, ...program, args })
  oracle.vkey ||= server.vkey()
  const entries = entryWriter(`${label} ${run.seed}`, derivedSeed(run.seed, random.integer(0, 1000)))
  const each = random.integer(1, 40)
  await runLoad({ server, oracle, entries, producers: 4, each, stop: AbortSignal.timeout(30_000) })
  const newest = await look(server, oracle)
  await server.end('SIGTERM')
  return newest
}

/** Starts the server on the restored state; it must refuse for `reason`, or, without one, serve the newest state. */
const afterRestore = async (run: Run, dataDir: string, args: readonly string[], reason?: string): Promise<void> => {
  const { oracle, program, count } = run
  await using server = await startLog({ dataDir, ...program, args })
  if (!(await server.ready())) {
    const name = /treehead: ([a-z_]+)/.exec(server.output())?.[1] ?? server.output()
    count(`refused: ${name}`)
    if (name !== reason)
      oracle.report({ invariant: 'other', what: `refused for ${name}, want ${reason ?? 'no refusal'}` })
    return
  }
  count('started')
  await append(server, new Oracle(), Buffer.from(`another history ${run.seed}`))
  // The oracle knows every checkpoint released before, so whatever contradicts one shows here.
  oracle.submitting(Buffer.from(`another history ${run.seed}`))
  for (const finding of await oracle.check(server.url)) oracle.report(finding)
}

const restored = async (run: Run, kind: RollbackKind): Promise<void> => {
  const { folder } = run
  const dataDir = join(folder, 'data')
  const ledger = join(folder, 'ledger')
  const isOutside = kind === 'data but not the ledger'
  const args = isOutside ? ['--ledger', ledger] : []
  await session(run, dataDir, args, 'before')
  const backup = join(folder, 'backup')
  cpSync(dataDir, backup, { recursive: true })
  const remembered = await session(run, dataDir, args, 'after')
  const restore = (name: string): void => {
    rmSync(join(dataDir, name), { recursive: true })
    cpSync(join(backup, name), join(dataDir, name), { recursive: true })
  }
  if (kind === 'database' || kind === 'both') restore('db')
  if (kind === 'ledger' || kind === 'both') restore('ledger')
  if (isOutside) {
    rmSync(dataDir, { recursive: true })
    cpSync(backup, dataDir, { recursive: true })
  }
  if (kind === 'ledger') return afterRestore(run, dataDir, args)
  if (kind !== 'both') return afterRestore(run, dataDir, args, 'behind_ledger')
  await forked(run, dataDir, remembered)
}

/**
 * Nothing here remembers the newest head but a client. A longer history must make it raise an error; a shorter one, which
 * could also be an old answer from a cache, must at least not be taken for news.
 */
const forked = async (run: Run, dataDir: string, remembered: string): Promise<void> => {
  const { oracle, program, count, seed } = run
  await using server = await startLog({ dataDir, ...program })
  if (!(await server.ready())) return count('refused')
  const other = new Oracle()
  other.vkey = oracle.vkey
  const entries = entryWriter(`another history ${seed}`, seed)
  const each = run.random.integer(1, 80)
  await runLoad({ server, oracle: other, entries, producers: 4, each, stop: AbortSignal.timeout(30_000) })
  const reaction = await rememberingClient(server.url, oracle.vkey, remembered)
  const sizeOf = (text: string): number => openCheckpoint(text, oracle.vkey).size
  const isLonger = sizeOf(await look(server, other)) >= sizeOf(remembered)
  count(`a client ${reaction} over a ${isLonger ? 'longer' : 'shorter'} history`)
  if (reaction === 'was taken in' || (isLonger && reaction !== 'raised inconsistent')) {
    oracle.report({ invariant: 'I2', what: `a client that remembers a checkpoint ${reaction}` })
  }
}

/** A copy of the data runs beside the original; they share the ledger, so only one of them can release anything new. */
const cloned = async (run: Run): Promise<void> => {
  const { folder, oracle, program, count } = run
  const dataDir = join(folder, 'data')
  const args = ['--ledger', join(folder, 'ledger')]
  await session(run, dataDir, args, 'before')
  const clone = join(folder, 'clone')
  cpSync(dataDir, clone, { recursive: true })
  await using one = await startLog({ dataDir, ...program, args })
  // At the same moment, or one after the other.
  if (run.random.next() < 0.5) await one.ready()
  await using two = await startLog({ dataDir: clone, ...program, args })
  const work = async (server: LogProcess, label: string): Promise<void> => {
    if (!(await server.ready())) return
    const entries = entryWriter(`${label} ${run.seed}`, derivedSeed(run.seed, label.length))
    await runLoad({ server, oracle, entries, producers: 2, each: 10, stop: AbortSignal.timeout(30_000) })
    await look(server, oracle)
  }
  await Promise.all([work(one, 'one'), work(two, 'the other')])
  // Whoever found the ledger changed is about to end.
  await pause(1000)
  const alive = [one, two].filter((server) => server.exit() === undefined)
  count(`${alive.length} of 2 went on`)
  // All that either of them released must be the history of whoever goes on, and two can only go on with the same one.
  for (const survivor of alive) for (const finding of await oracle.check(survivor.url)) oracle.report(finding)
}

/** Restores old state `runs` times, kind after kind. */
export const runRollback = async (options: RollbackOptions): Promise<Report> => {
  const { runs, seed, kinds = rollbackKinds, main } = options
  const figures: Record<string, number> = {}
  const findings: (Finding & { experiment: string })[] = []
  await inParallel(runs, async (n) => {
    const kind = kinds[n % kinds.length] ?? 'both'
    using scratch = scratchFolder('rollback')
    const run: Run = {
      folder: scratch.path,
      random: seededRandom(derivedSeed(seed, n)),
      seed: derivedSeed(seed, n),
      oracle: new Oracle(),
      program: main === undefined ? {} : { main },
      count: (what) => {
        figures[`${kind}: ${what}`] = (figures[`${kind}: ${what}`] ?? 0) + 1
      },
    }
    if (kind === 'clone') await cloned(run)
    else await restored(run, kind)
    for (const finding of run.oracle.takeReported()) findings.push({ ...finding, experiment: `${kind} ${n}` })
    progress(`rollback ${n + 1}/${runs}, ${findings.length} broken promises`)
  })
  return { suite: 'rollback', seed, experiments: runs, figures, findings }
}
