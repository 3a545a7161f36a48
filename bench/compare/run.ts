/**
 * Tessera's POSIX log and ours, in turn, under Tessera's own load generator: `npm run bench:compare`.
 *
 *     --rounds 3 --seconds 20 --writers 512 --bytes 256 --only tessera|treehead
 *
 * Each race has a fresh process and a fresh directory on the same disk; the order alternates; afterwards Tessera's
 * fsck must vouch for the whole log, since a fast log that lost something is not a result. Both make entries durable
 * (fsync) before they answer.
 */
import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { arch, cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fsck } from '../../test/interop/go-tools.ts'
import { startPosixLog } from '../../test/interop/posix.ts'
import { repositoryRoot } from '../../test/support/root.ts'
import { startServer } from '../../test/support/server.ts'
import { type Contender, checkpointSize, type Load, type Result, race } from './load.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
    writers: { type: 'string', default: '512' },
    bytes: { type: 'string', default: '256' },
    only: { type: 'string' },
  },
})
const load: Load = {
  writers: Number(values.writers),
  leafBytes: Number(values.bytes),
  warmUpMs: 4_000,
  windowMs: Number(values.seconds) * 1_000,
}

interface Started extends Contender {
  stop(): Promise<unknown>
}

const starters: Readonly<Record<string, (dir: string) => Promise<Started>>> = {
  tessera: (dir) => startPosixLog(join(dir, 'log'), 'bench.example/tessera'),
  treehead: (dir) => startServer({ dataDir: join(dir, 'data'), args: ['--origin', 'bench.example/treehead'] }),
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

const median = (list: readonly number[]): number =>
  [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN

/** The median time of one 4 KiB write with fdatasync where the logs lie, in milliseconds. */
const syncMs = (): number => {
  const file = join(scratch, 'sync-probe')
  const fd = openSync(file, 'w')
  const block = new Uint8Array(4096)
  const times = Array.from({ length: 100 }, () => {
    const start = performance.now()
    writeSync(fd, block)
    fdatasyncSync(fd)
    return performance.now() - start
  })
  closeSync(fd)
  rmSync(file)
  return median(times)
}

const columns: readonly [string, (result: Result) => number][] = [
  ['appends/s', (r) => r.appendsPerSecond],
  ['answer p50 ms', (r) => r.answerMs.p50],
  ['answer p99 ms', (r) => r.answerMs.p99],
  ['publish p50 ms', (r) => r.publishMs.p50],
  ['publish p99 ms', (r) => r.publishMs.p99],
  ['peak RSS MB', (r) => r.peakRssBytes / 1e6],
  ['cores', (r) => r.cores],
  ['CPU us/append', (r) => r.cpuMicrosPerAppend],
  ['written B/append', (r) => r.writtenBytesPerAppend],
  ['hammer cores', (r) => r.hammerCores],
  ['hammer errors', (r) => r.hammerErrors],
]
const shown = (n: number): string => (n >= 100 ? Math.round(n).toLocaleString('en-US') : n.toFixed(2))
const row = (name: string, cells: readonly string[]): string =>
  [name.padEnd(18), ...cells.map((cell, i) => cell.padStart(Math.max(columns[i]![0].length, 8)))].join('  ')

const names = values.only === undefined ? Object.keys(starters) : [values.only]
const results = new Map<string, Result[]>(names.map((name) => [name, []]))
const environment = {
  commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: repositoryRoot, encoding: 'utf8' }).trim(),
  node: process.version,
  cpu: `${cpus().length} x ${cpus()[0]?.model ?? arch()}`,
  memoryGB: Math.round(totalmem() / 1e9),
  syncMs: syncMs(),
}
console.log(`${environment.cpu}, ${environment.memoryGB} GB, Node ${environment.node}, commit ${environment.commit}`)
console.log(`a 4 KiB write with fdatasync takes ${environment.syncMs.toFixed(2)} ms here; ${JSON.stringify(load)}\n`)
console.log(
  row(
    '',
    columns.map(([title]) => title),
  ),
)
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const name of round % 2 === 1 ? names : [...names].reverse()) {
    const result = await oneRace(name)
    results.get(name)!.push(result)
    console.log(
      row(
        `${name} #${round}`,
        columns.map(([, value]) => shown(value(result))),
      ),
    )
  }
}
const medians = Object.fromEntries(
  names.map((name) => [
    name,
    Object.fromEntries(columns.map(([title, value]) => [title, median(results.get(name)!.map(value))])),
  ]),
)
console.log()
for (const name of names)
  console.log(
    row(
      `${name} median`,
      columns.map(([title]) => shown(medians[name]![title]!)),
    ),
  )
const [ours, theirs] = [medians['treehead']?.['appends/s'], medians['tessera']?.['appends/s']]
if (ours !== undefined && theirs !== undefined)
  console.log(`\ntreehead appends ${(ours / theirs).toFixed(2)} times as fast as tessera`)
const file = join(repositoryRoot, 'bench/results/compare.json')
mkdirSync(join(file, '..'), { recursive: true })
writeFileSync(
  file,
  `${JSON.stringify({ environment, load, medians, rounds: Object.fromEntries(results) }, undefined, 2)}\n`,
)
console.log(`written to bench/results/compare.json`)
