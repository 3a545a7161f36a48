/** A mirror that knows nothing of a log is brought up to it: entries a second, read from the log, proven, sent, and kept. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MirrorClient, servedHead } from '../../src/client/mirror-client.ts'
import { httpResources } from '../../src/client/resources.ts'
import { checkpointReader } from '../../src/client/trust.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { startNode } from '../../test/support/cluster.ts'
import { startServer } from '../../test/support/server.ts'
import { scratchFolder } from '../disk.ts'
import { readProcess } from '../proc.ts'
import { format } from '../support.ts'
import { BATCH, fill } from './run-load.ts'

/** What it took. Processor times in microseconds for each entry. */
export interface MirrorRow {
  readonly entries: number
  readonly perSecond: number
  readonly mirrorMicros: number
  readonly logMicros: number
  readonly pusherMicros: number
  readonly mirrorRssBytes: number
}

/** Fills a log, and pushes it to a new mirror. */
export const measureMirror = async (wanted: number): Promise<MirrorRow> => {
  using scratch = scratchFolder('mirror')
  await using log = await startServer({ dataDir: join(scratch.path, 'log') })
  const entries = Math.ceil(wanted / BATCH) * BATCH
  await fill(log, log.token, entries)
  const list = join(scratch.path, 'logs.txt')
  writeFileSync(list, `logs/v0\nvkey ${log.vkey}\n`)
  const folder = join(scratch.path, 'mirror')
  await using mirror = await startNode({ args: ['mirror', '--log-list', list], folder })
  const verifiers = readFileSync(join(folder, 'mirror.vkeys'), 'utf8').trim().split('\n').map(verifierOf)
  const client = new MirrorClient({ url: mirror.url, verifiers })
  const seconds = (): readonly number[] => [mirror.pid, log.pid, process.pid].map((pid) => readProcess(pid).cpuSeconds)
  const before = seconds()
  const start = performance.now()
  const { size } = await client.push(
    await servedHead(httpResources({ url: log.url }), checkpointReader({ vkey: log.vkey })),
  )
  const ms = performance.now() - start
  const [mirrorMicros = 0, logMicros = 0, pusherMicros = 0] = seconds().map(
    (used, i) => (1e6 * (used - (before[i] ?? 0))) / size,
  )
  if (size !== entries) throw new Error(`want ${entries} entries mirrored, got ${size}`)
  const { rssBytes: mirrorRssBytes } = readProcess(mirror.pid)
  return { entries, perSecond: (1_000 * size) / ms, mirrorMicros, logMicros, pusherMicros, mirrorRssBytes }
}

/** Rows of a table. */
export const mirrorTable = (rows: readonly MirrorRow[]): readonly (readonly string[])[] => [
  ['entries', 'per second', 'CPU us: mirror', 'log', 'pusher', 'mirror RSS MB'],
  ...rows.map(({ entries, perSecond, mirrorMicros, logMicros, pusherMicros, mirrorRssBytes }) =>
    [entries, perSecond, mirrorMicros, logMicros, pusherMicros, mirrorRssBytes / 1e6].map(format),
  ),
]
