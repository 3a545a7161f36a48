/**
 * What a log costs as it grows: `npm run bench:growth`.
 *
 *     --sizes 1000,1000000,10000000 --seconds 3
 *
 * One log, de-duplicating and synced, is filled over HTTP; at each size its server is stopped and started again, written
 * to and read, and then the data is checked by `treehead fsck`. Reads take tiles and proofs from all over the log, so at
 * the larger sizes most of them are in no cache of the server's; they are in the page cache of the system.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatTilePath } from '../../src/tlog/tile.ts'
import { peekCheckpoint } from '../../test/support/append.ts'
import { repositoryRoot } from '../../test/support/root.ts'
import { mainPath, type Server, startServer } from '../../test/support/server.ts'
import { scratchFolder, syncMs } from '../disk.ts'
import { type ProcessReading, readProcess } from '../proc.ts'
import { format, printTable, writeResults } from '../support.ts'
import type { Job } from './generator.ts'
import type { RequestKind } from './requests.ts'
import { BATCH, batchRequest, ENTRY_BYTES, fill, type Measured, runLoad } from './run-load.ts'

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,1000000,10000000' },
    seconds: { type: 'string', default: '3' },
  },
})
const seconds = Number(values.seconds)

/** Resident memory, and how much of it is the process's own; the rest is what LevelDB maps of its files. */
type Memory = Pick<ProcessReading, 'rssBytes' | 'ownBytes'>

const memoryOf = ({ pid }: Server): Memory => {
  const { rssBytes, ownBytes } = readProcess(pid)
  return { rssBytes, ownBytes }
}

/** What was measured at one size. Rates are per second, processor times in microseconds, memory and disk in bytes. */
interface Figures {
  /** Of the fill from the size before. */
  readonly fillRate: number
  readonly memoryAfterFill: Memory
  readonly diskPerEntry: number
  readonly reopenMs: number
  readonly memoryAfterReopen: Memory
  readonly memoryAfterAppends: Memory
  readonly tile: Measured
  readonly bundle: Measured
  readonly inclusionProof: Measured
  readonly proofFile: Measured
  readonly single: Measured
  readonly batch: Measured
  readonly memoryAfterReads: Memory
  readonly fsckRate: number
}

const onDisk = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).blocks * 512, 0)

const load = (server: Server, request: RequestKind, connections: number): Promise<Measured> => {
  const { url, pid } = server
  const job: Job = { generator: 'closed loop', load: { url, request, connections, warmUpSeconds: 1, seconds } }
  return runLoad(job, pid)
}

const reads = async (
  server: Server,
  size: number,
): Promise<Pick<Figures, 'tile' | 'bundle' | 'inclusionProof' | 'proofFile'>> => {
  const some = (path: (index: number) => string, below: number): RequestKind => ({
    kind: 'get',
    paths: Array.from({ length: 65_536 }, () => path(Math.floor(Math.random() * below))),
  })
  const tile = (level: number | 'entries') => (index: number) => `/${formatTilePath({ level, index, width: 256 })}`
  const full = Math.floor(size / 256)
  return {
    tile: await load(server, some(tile(0), full), 64),
    bundle: await load(server, some(tile('entries'), full), 64),
    inclusionProof: await load(
      server,
      some((i) => `/inclusion/${size}/${i}`, size),
      64,
    ),
    proofFile: await load(
      server,
      some((i) => `/proof/${i}`, size),
      64,
    ),
  }
}

const appends = async (server: Server): Promise<Pick<Figures, 'single' | 'batch'>> => {
  const { token, url } = server
  const { size } = await peekCheckpoint(url)
  const single = await load(server, { kind: 'add', entryBytes: ENTRY_BYTES, token }, 256)
  const batch = await load(server, batchRequest(token), 8)
  const grown = (await peekCheckpoint(url)).size - size
  const acknowledged = single.result.acknowledged + batch.result.acknowledged * BATCH
  if (grown !== acknowledged) throw new Error(`${acknowledged} entries were acknowledged, the log grew by ${grown}`)
  return { single, batch }
}

/** Entries per second. Throws unless it finds all of them, and nothing wrong. */
const fsck = async (data: string, size: number): Promise<number> => {
  const start = performance.now()
  const child = spawn(process.execPath, [mainPath, 'fsck', '--data', `level:${data}`, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = (await once(child, 'close')) as [number]
  if (code !== 0 || !output.includes(`"size":${size}`)) throw new Error(`fsck ended with ${code}: ${output}`)
  return (1000 * size) / (performance.now() - start)
}

const measure = async (data: string, size: number): Promise<Figures> => {
  const open = (): Promise<Server> => startServer({ dataDir: data, readyMs: 120_000 })
  const first = await open()
  const before = (await peekCheckpoint(first.url)).size
  const filled = await fill(first, first.token, size - before - ((size - before) % BATCH))
  const memoryAfterFill = memoryOf(first)
  await first.stop()
  const diskPerEntry = onDisk(data) / size
  const start = performance.now()
  const server = await open()
  const reopenMs = performance.now() - start
  const memoryAfterReopen = memoryOf(server)
  const appended = await appends(server)
  const memoryAfterAppends = memoryOf(server)
  const read = await reads(server, (await peekCheckpoint(server.url)).size)
  const memoryAfterReads = memoryOf(server)
  const end = (await peekCheckpoint(server.url)).size
  await server.stop()
  return {
    fillRate: filled.result.perSecond * BATCH,
    memoryAfterFill,
    diskPerEntry,
    reopenMs,
    memoryAfterReopen,
    memoryAfterAppends,
    memoryAfterReads,
    ...read,
    ...appended,
    fsckRate: await fsck(data, end),
  }
}

const rate = (pick: (figures: Figures) => Measured, unit = 1): ((figures: Figures) => string) => {
  return (figures) => {
    const { result, serverMicros } = pick(figures)
    return `${format(result.perSecond * unit)} (${format(serverMicros / unit)})`
  }
}

const megabytes = ({ rssBytes, ownBytes }: Memory): string => `${format(rssBytes / 1e6)} (${format(ownBytes / 1e6)})`

const lines: readonly (readonly [string, (figures: Figures) => string])[] = [
  ['fill, entries/s', ({ fillRate }) => format(fillRate)],
  ['POST /add of 256 connections, per second (CPU us)', rate(({ single }) => single)],
  ['POST /add-batch, entries per second (CPU us)', rate(({ batch }) => batch, BATCH)],
  ['full tiles, per second (CPU us)', rate(({ tile }) => tile)],
  ['entry bundles', rate(({ bundle }) => bundle)],
  ['inclusion proofs', rate(({ inclusionProof }) => inclusionProof)],
  ['proof files', rate(({ proofFile }) => proofFile)],
  ['RSS after the fill, MB (its own)', ({ memoryAfterFill }) => megabytes(memoryAfterFill)],
  ['after a start', ({ memoryAfterReopen }) => megabytes(memoryAfterReopen)],
  ['after appends', ({ memoryAfterAppends }) => megabytes(memoryAfterAppends)],
  ['after reads from all over the log', ({ memoryAfterReads }) => megabytes(memoryAfterReads)],
  ['disk per entry of 256 B, bytes', ({ diskPerEntry }) => format(diskPerEntry)],
  ['from start to the first answer, ms', ({ reopenMs }) => format(reopenMs)],
  ['fsck, entries/s', ({ fsckRate }) => format(fsckRate)],
]

using folder = scratchFolder('growth')
const fdatasyncMs = syncMs(folder.path)
const loadBefore = loadavg()[0]
console.log(`load before: ${loadBefore}; a 4 KiB write with fdatasync: ${fdatasyncMs.toFixed(2)} ms`)
const results: Record<string, Figures> = {}
for (const size of values.sizes.split(',').map(Number)) {
  results[size] = await measure(join(folder.path, 'data'), size)
  const sizes = Object.keys(results)
  printTable(`As a log grows; de-duplicating, every commit synced`, [
    ['entries', ...sizes.map((one) => format(Number(one)))],
    ...lines.map(([name, cell]) => [name, ...sizes.map((one) => cell(results[one]!))]),
  ])
}
process.chdir(repositoryRoot)
writeResults('growth', { entryBytes: ENTRY_BYTES, seconds, loadBefore, fdatasyncMs, results })
