/**
 * A real server process, every commit synced, under load over HTTP: `npm run bench:http`.
 *
 *     --seconds 5 --rounds 1 --only single,open,batch,read
 *
 * Who made which figure is in the table: `closed` is our own closed loop over bare sockets, `open` our open loop,
 * `autocannon` is autocannon. Each of them runs in a process of its own, checks every answer, and afterwards the log's
 * size must be what was acknowledged. `bare` is a node:http server that keeps nothing, as a measure of the machine.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatTilePath } from '../../src/tlog/tile.ts'
import { peekCheckpoint } from '../../test/support/append.ts'
import { repositoryRoot } from '../../test/support/root.ts'
import { type Server, startServer } from '../../test/support/server.ts'
import { scratchFolder, syncMs } from '../disk.ts'
import { format, printTable, writeResults } from '../support.ts'
import type { Job } from './generator.ts'
import type { Load, LoadResult } from './load.ts'
import type { OpenResult } from './open-loop.ts'
import type { RequestKind } from './requests.ts'
import { BATCH, batchRequest, ENTRY_BYTES, fill, type Measured, runLoad } from './run-load.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '1' },
    only: { type: 'string', default: 'single,open,batch,read' },
  },
})
const seconds = Number(values.seconds)
const warmUpSeconds = Math.min(2, seconds / 2)

/** A server to put under load. */
interface Target extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  readonly token: string
}

/** One line of the tables. `unit` is how many entries a request has. */
interface Row {
  readonly section: Section
  readonly name: string
  readonly generator: Job['generator']
  readonly connections: number
  readonly unit: number
  readonly measured: Measured<LoadResult | OpenResult>
}

type Section = 'single' | 'open' | 'batch' | 'read'

const startBare = async (): Promise<Target> => {
  const child = fork(join(repositoryRoot, '.cache/bench/bare.js'))
  const [port] = (await once(child, 'message')) as [number]
  const dispose = async (): Promise<void> => {
    child.disconnect()
    await once(child, 'exit')
  }
  return { url: `http://127.0.0.1:${port}`, pid: child.pid ?? 0, token: 'none', [Symbol.asyncDispose]: dispose }
}

const withServer = async (args: readonly string[], use: (server: Server) => Promise<void>): Promise<void> => {
  using folder = scratchFolder('http')
  await using server = await startServer({ dataDir: join(folder.path, 'data'), args })
  await use(server)
}

/** Runs appends, then compares the growth of the log with what was acknowledged. */
const runAppends = async (target: Target, job: Job, unit: number): ReturnType<typeof runLoad> => {
  const keepsNothing = target.token === 'none'
  const before = keepsNothing ? 0 : (await peekCheckpoint(target.url)).size
  const measured = await runLoad(job, target.pid)
  const grown = keepsNothing ? undefined : (await peekCheckpoint(target.url)).size - before
  const acknowledged = measured.result.acknowledged * unit
  if (grown !== undefined && grown !== acknowledged)
    throw new Error(`${acknowledged} entries were acknowledged, and the log grew by ${grown}`)
  return measured
}

const loadOn = (target: Target, request: RequestKind, connections: number): Load => ({
  url: target.url,
  request,
  connections,
  warmUpSeconds,
  seconds,
})

const single = async (rows: Row[]): Promise<void> => {
  await withServer([], async (server) => {
    await using bare = await startBare()
    const closed = async (target: Target, name: string, connections: number): Promise<number> => {
      const request = { kind: 'add', entryBytes: ENTRY_BYTES, token: target.token } as const
      const job: Job = { generator: 'closed loop', load: loadOn(target, request, connections) }
      const measured = await runAppends(target, job, 1)
      rows.push({ section: 'single', name, generator: job.generator, connections, unit: 1, measured })
      return measured.result.perSecond
    }
    for (const connections of [64, 256, 512]) {
      await closed(bare, 'bare', connections)
      const perSecond = await closed(server, 'treehead', connections)
      const { url, token } = server
      const amount = Math.round((perSecond * seconds) / 2)
      const job: Job = { generator: 'autocannon', load: { url, token, connections, amount, entryBytes: ENTRY_BYTES } }
      const measured = await runAppends(server, job, 1)
      rows.push({ section: 'single', name: 'treehead', generator: job.generator, connections, unit: 1, measured })
    }
  })
}

/** Shares of the closed-loop rate at which requests arrive. */
const SHARES = [0.25, 0.5, 0.75, 0.9]

const open = async (rows: Row[]): Promise<void> => {
  await withServer([], async (server) => {
    const request = { kind: 'add', entryBytes: ENTRY_BYTES, token: server.token } as const
    const load = loadOn(server, request, 256)
    const most = await runAppends(server, { generator: 'closed loop', load }, 1)
    for (const share of SHARES) {
      const perSecond = Math.round(most.result.perSecond * share)
      const job: Job = { generator: 'open loop', load: { ...load, connections: 1_024, perSecond } }
      const measured = await runAppends(server, job, 1)
      const name = `${Math.round(100 * share)} %`
      rows.push({ section: 'open', name, generator: job.generator, connections: 1_024, unit: 1, measured })
    }
  })
}

const batch = async (rows: Row[]): Promise<void> => {
  const connections = 8
  const run = async (target: Target, name: string, encoding: 'octet-stream' | 'cbor-seq'): Promise<void> => {
    const { token } = target
    const job: Job = { generator: 'closed loop', load: loadOn(target, batchRequest(token, encoding), connections) }
    const measured = await runAppends(target, job, BATCH)
    const { generator } = job
    rows.push({ section: 'batch', name: `${name}, ${encoding}`, generator, connections, unit: BATCH, measured })
  }
  {
    await using bare = await startBare()
    await run(bare, 'bare', 'octet-stream')
  }
  for (const [name, args] of [
    ['allowing duplicates', ['--allow-duplicates']],
    ['de-duplicating', []],
  ] as const) {
    for (const encoding of ['octet-stream', 'cbor-seq'] as const)
      await withServer(args, (server) => run(server, name, encoding))
  }
}

/** Entries that are in the log when it is read. */
const READ_SIZE = 512 * BATCH

const read = async (rows: Row[]): Promise<void> => {
  await withServer([], async (server) => {
    await fill(server, server.token, READ_SIZE)
    const size = READ_SIZE
    const some = (path: (index: number) => string, below: number): readonly string[] =>
      Array.from({ length: 4_096 }, () => path(Math.floor(Math.random() * below)))
    const full = Math.floor(size / 256)
    const kinds: readonly (readonly [string, readonly string[], number?])[] = [
      ['checkpoint', ['/checkpoint']],
      ['full tile', some((i) => `/${formatTilePath({ level: 0, index: i, width: 256 })}`, full), 8_192],
      ['partial tile', some((i) => `/${formatTilePath({ level: 0, index: i, width: 128 })}`, full), 4_096],
      [
        'entry bundle',
        some((i) => `/${formatTilePath({ level: 'entries', index: i, width: 256 })}`, full),
        256 * (2 + ENTRY_BYTES),
      ],
      ['inclusion proof', some((i) => `/inclusion/${size}/${i}`, size)],
      ['proof file', some((i) => `/proof/${i}`, size)],
    ]
    await using bare = await startBare()
    const connections = 64
    const run = async (target: Target, name: string, paths: readonly string[], bytes?: number): Promise<void> => {
      const request: RequestKind = bytes === undefined ? { kind: 'get', paths } : { kind: 'get', paths, bytes }
      const job: Job = { generator: 'closed loop', load: loadOn(target, request, connections) }
      const measured = await runLoad(job, target.pid)
      rows.push({ section: 'read', name, generator: job.generator, connections, unit: 1, measured })
    }
    await run(bare, 'bare, 8 KiB', ['/'], 8_192)
    for (const [name, paths, bytes] of kinds) await run(server, name, paths, bytes)
  })
}

const sections: Readonly<Record<Section, { readonly title: string; readonly run: (rows: Row[]) => Promise<void> }>> = {
  single: { title: `POST /add, ${ENTRY_BYTES} B`, run: single },
  open: { title: `POST /add, ${ENTRY_BYTES} B, at shares of the rate of 256 busy connections`, run: open },
  batch: { title: `POST /add-batch, ${format(BATCH)} entries of ${ENTRY_BYTES} B; figures per entry`, run: batch },
  read: { title: `GET, of ${format(READ_SIZE)} entries`, run: read },
}

const cells = ({ name, generator, connections, unit, measured }: Row): readonly string[] => {
  const { result, serverMicros, serverCores, generatorCores, otherCores, rssBytes } = measured
  const { p50, p90, p99, p999, max } = result.latencyMs
  return [
    name,
    generator,
    format(connections),
    format(result.perSecond * unit),
    ...[p50, p90, p99, p999, max].map(format),
    format(serverMicros / unit),
    ...[serverCores, generatorCores, otherCores, rssBytes / 1e6].map(format),
  ]
}

const HEAD = [
  ['', 'generator', 'connections', 'per second'],
  ['p50 ms', 'p90', 'p99', 'p99.9', 'max'],
  ['CPU us', 'cores: server', 'generator', 'others', 'RSS MB'],
].flat()

/** Of the rows of one name in all rounds, the one in the middle. */
const middle = (rows: readonly Row[]): Row => {
  const sorted = rows.toSorted((a, b) => a.measured.result.perSecond - b.measured.result.perSecond)
  return sorted[Math.floor((sorted.length - 1) / 2)]!
}

const rows: Row[] = []
using probe = scratchFolder('probe')
const fdatasyncMs = syncMs(probe.path)
const chosen = values.only.split(',') as Section[]
const loadBefore = loadavg()[0]
console.log(`load before: ${loadBefore}; a 4 KiB write with fdatasync: ${fdatasyncMs.toFixed(2)} ms`)
for (let round = 0; round < Number(values.rounds); round++)
  for (const section of chosen) await sections[section].run(rows)
const medians: Row[] = []
for (const section of chosen) {
  const here = rows.filter((row) => row.section === section)
  const id = (row: Row): string => `${row.name} ${row.generator} ${row.connections}`
  const shown = [...new Set(here.map(id))].map((one) => middle(here.filter((row) => id(row) === one)))
  printTable(sections[section].title, [HEAD, ...shown.map(cells)])
  medians.push(...shown)
}
process.chdir(repositoryRoot)
writeResults('http', {
  entryBytes: ENTRY_BYTES,
  seconds,
  rounds: values.rounds,
  loadBefore,
  fdatasyncMs,
  medians,
  rows,
})
