/**
 * Tessera's POSIX log and ours, in turn, under Tessera's own load generator: `npm run bench:compare`.
 *
 *     --rounds 3 --seconds 20 --writers 512 --bytes 256 --only tessera
 *     --args "--max-commit-entries 128"   more arguments of our server
 *
 * Each race has a fresh process and a fresh directory on the same disk; the order alternates; afterwards Tessera's
 * fsck must vouch for the whole log, since a fast log that lost something is not a result. Both make entries durable
 * (fsync) before they answer.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fsck } from '../../test/interop/go-tools.ts'
import { startPosixLog } from '../../test/interop/posix.ts'
import { repositoryRoot } from '../../test/support/root.ts'
import { startServer } from '../../test/support/server.ts'
import { syncMs } from '../disk.ts'
import { circumstances, format, median, printTable, writeResults } from '../support.ts'
import { checkpointSize, type Load, type Result, type RunningLog, race } from './load.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
    writers: { type: 'string', default: '512' },
    bytes: { type: 'string', default: '256' },
    only: { type: 'string' },
    args: { type: 'string', default: '' },
  },
})
const load: Load = {
  writers: Number(values.writers),
  leafBytes: Number(values.bytes),
  warmUpMs: 4_000,
  windowMs: Number(values.seconds) * 1_000,
}

const extra = values.args.split(' ').filter((word) => word !== '')

interface Started extends RunningLog {
  stop(): Promise<unknown>
}

const startTreehead = (dir: string, args: readonly string[]): Promise<Started> =>
  startServer({ dataDir: join(dir, 'data'), args: ['--origin', 'bench.example/treehead', ...args, ...extra] })

/** Tessera's server keeps no index of leaves, so its pair is the log that allows duplicates. */
const starters: Readonly<Record<string, (dir: string) => Promise<Started>>> = {
  tessera: (dir) => startPosixLog(join(dir, 'log'), 'bench.example/tessera'),
  treehead: (dir) => startTreehead(dir, ['--allow-duplicates']),
  'treehead, de-duplicating': (dir) => startTreehead(dir, []),
}

const scratch = join(repositoryRoot, '.cache/bench')
mkdirSync(scratch, { recursive: true })

const oneRace = async (name: string): Promise<Result> => {
  const dir = mkdtempSync(join(scratch, `${name}-`))
  try {
    const log = await starters[name]!(dir)
    try {
      const result = await race(log, load)
      const vkeyFile = join(dir, 'vkey')
      writeFileSync(vkeyFile, log.vkey)
      const atLeast = await checkpointSize(log.url)
      const checked = await fsck(log.url, vkeyFile, 600_000)
      if (checked < atLeast) throw new Error(`fsck vouches for ${checked} entries, want ${atLeast}`)
      return result
    } finally {
      await log.stop()
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

const figures: readonly (readonly [string, (result: Result) => number])[] = [
  ['appends/s', (r) => r.appendsPerSecond],
  ['answer p50 (ms)', (r) => r.answerMs.p50],
  ['answer p99 (ms)', (r) => r.answerMs.p99],
  ['publish p50 (ms)', (r) => r.publishMs.p50],
  ['publish p99 (ms)', (r) => r.publishMs.p99],
  ['peak RSS (MB)', (r) => r.peakRssBytes / 1e6],
  ['cores busy', (r) => r.cores],
  ['CPU per append (us)', (r) => r.cpuMicrosPerAppend],
  ['written per append (B)', (r) => r.writtenBytesPerAppend],
  ['cores of the hammer', (r) => r.hammerCores],
  ['errors of the hammer', (r) => r.hammerErrors],
]

const names = values.only === undefined ? Object.keys(starters) : [values.only]
const results = new Map<string, Result[]>(names.map((name) => [name, []]))
const rounds = Number(values.rounds)
const { cpu, cores, memoryGiB, node } = circumstances()
const fdatasyncMs = syncMs(scratch)
console.log(
  `${cores} x ${cpu}, ${memoryGiB} GiB, Node ${node}; a 4 KiB write with fdatasync: ${fdatasyncMs.toFixed(2)} ms`,
)
console.log(`${load.writers} writers, ${load.leafBytes} B leaves, ${rounds} rounds of ${values.seconds} s`)
for (let round = 1; round <= rounds; round++) {
  for (const name of round % 2 === 1 ? names : names.toReversed()) {
    const result = await oneRace(name)
    results.get(name)!.push(result)
    console.log(`round ${round}: ${name} ${format(result.appendsPerSecond)} appends/s, fsck passed`)
  }
}
const medians = new Map(
  names.map((name) => [name, new Map(figures.map(([title, of]) => [title, median(results.get(name)!.map(of))]))]),
)
printTable("Under Tessera's hammer, medians", [
  ['', ...names],
  ...figures.map(([title]) => [title, ...names.map((name) => format(medians.get(name)!.get(title)!))]),
])
const [ours, theirs] = ['treehead', 'tessera'].map((name) => medians.get(name)?.get('appends/s'))
const ratio = ours !== undefined && theirs !== undefined ? ours / theirs : undefined
if (ratio !== undefined) console.log(`\ntreehead appends ${ratio.toFixed(2)} times as fast as Tessera`)
process.chdir(repositoryRoot)
writeResults('compare', {
  load,
  fdatasyncMs,
  ratio,
  medians: Object.fromEntries([...medians].map(([name, figure]) => [name, Object.fromEntries(figure)])),
  rounds: Object.fromEntries(results),
})
