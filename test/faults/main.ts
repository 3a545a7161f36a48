/** The fault suites as programs: which one, of which kinds, how often, which seed; prints reports, exits with 1 for findings. */
import { parseArgs } from 'node:util'
import { flipKinds, runBitflip } from './bitflip.ts'
import { runClock } from './clock.ts'
import { diskKinds, runDiskFull } from './disk-full.ts'
import { runFiles } from './files.ts'
import { runExploration, runGossipSim } from './gossip-sim.ts'
import { runKill } from './kill.ts'
import { mutant } from './mutants.ts'
import { runOom } from './oom.ts'
import { runPartition } from './partition.ts'
import { runPower } from './power.ts'
import { formatReport, type Report } from './report.ts'
import { rollbackKinds, runRollback } from './rollback.ts'
import { runSlowDisk } from './slow-disk.ts'
import { runStop } from './stop.ts'
import { runSyscalls } from './syscalls.ts'

interface Suite {
  readonly about: string
  /** Experiments when --count is not given: the figure that the suite promises. */
  readonly count: number
  /** `kinds` is the wish for some kinds only, by parts of their names. */
  run(count: number, seed: number, kinds: readonly string[]): Promise<readonly Report[]>
}

/** True for the kinds that were asked for, which without a wish are all. */
const named =
  (wishes: readonly string[]) =>
  (kind: string): boolean =>
    wishes.length === 0 || wishes.some((wish) => kind.includes(wish))

const suites: Readonly<Record<string, Suite>> = {
  kill: {
    about: 'kill -9 under load and during recovery',
    count: 1000,
    run: async (cycles, seed) => [await runKill({ cycles, seed })],
  },
  power: {
    about: 'power cuts at arbitrary moments: of small entries, over many small tables, of large entries',
    count: 8000,
    run: async (images, seed) => [
      await runPower({ images: Math.ceil(images / 3), seed, each: 60, maxBytes: 512 }),
      await runPower({ images: Math.ceil(images / 3), seed, each: 60, maxBytes: 2048, main: mutant('smallBuffers') }),
      await runPower({ images: Math.ceil(images / 3), seed, each: 120, maxBytes: 60_000 }),
    ],
  },
  syscalls: {
    about: 'a failing system call at every place, and half as many pairs',
    count: 1000,
    run: async (singles, seed) => [await runSyscalls({ singles, pairs: Math.ceil(singles / 2), seed })],
  },
  'disk-full': {
    about: 'full disks of four kinds',
    count: 50,
    run: async (runs, seed, kinds) => [await runDiskFull({ runs, seed, kinds: diskKinds.filter(named(kinds)) })],
  },
  bitflip: {
    about: 'one flipped bit in every kind of row and file, so many of each kind',
    count: 200,
    run: async (each, seed, kinds) => [
      await runBitflip({ each, seed, kinds: flipKinds.filter(named(kinds)) }),
      await runBitflip({ each, seed, kinds: ['entries', 'tile', 'index'], cold: true }),
    ],
  },
  files: {
    about: 'files of the database and the ledger deleted, cut, zeroed or replaced by older ones, so many of each',
    count: 20,
    run: async (each, seed) => [await runFiles({ each, seed })],
  },
  rollback: {
    about: 'an older database, ledger or both restored, and clones of a running log',
    count: 200,
    run: async (runs, seed, kinds) => [await runRollback({ runs, seed, kinds: rollbackKinds.filter(named(kinds)) })],
  },
  clock: {
    about: 'series of twelve jumps of the wall clock',
    count: 20,
    run: async (runs, seed) => [await runClock({ runs, seed })],
  },
  oom: {
    about: 'out of memory under load',
    count: 50,
    run: async (runs, seed) => [await runOom({ runs, seed })],
  },
  'slow-disk': {
    about: 'syncs that hang for ten seconds',
    count: 5,
    run: async (runs, seed) => [await runSlowDisk({ runs, hangMs: 10_000, seed })],
  },
  stop: {
    about: 'SIGTERM under load',
    count: 200,
    run: async (stops, seed) => [await runStop({ stops, seed })],
  },
  partition: {
    about: 'partitions, kills and pauses of a log and five witnesses, for so many seconds',
    count: 600,
    run: async (seconds, seed) => [await runPartition({ seconds, seed })],
  },
  'witness-sim': {
    about: 'schedules of simulated witnesses and logs, and all orders of events for small trees',
    count: 100_000,
    run: async (schedules, seed) => [runGossipSim({ schedules, seed }), runExploration(3)],
  },
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { count: { type: 'string' }, seed: { type: 'string' } },
})
const [name = '', ...kinds] = positionals
const suite = suites[name]
if (suite === undefined) {
  const list = Object.entries(suites).map(([key, { about, count }]) => `  ${key.padEnd(11)} ${about} (${count})`)
  console.error(`usage: node test/faults/run.mjs SUITE [KIND...] [--count N] [--seed N]\n${list.join('\n')}`)
  process.exitCode = 2
} else {
  const seed = Number(values.seed ?? 1)
  const reports = await suite.run(Number(values.count ?? suite.count), seed, kinds)
  console.log(reports.map(formatReport).join('\n'))
  process.exitCode = reports.some(({ findings }) => findings.length > 0) ? 1 : 0
}
