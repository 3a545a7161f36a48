/** A log made for being damaged: its whole content is known, and LevelDB holds it in tables and in its log file. */
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { entryWriter } from './entries.ts'
import { appendBatch, look, runLoad } from './load.ts'
import { Oracle } from './oracle.ts'
import { derivedSeed } from './random.ts'
import { startServing } from './server.ts'

/** A stopped log, an older copy of it, and all that its clients know. */
export interface Golden {
  readonly dataDir: string
  /** The same log, some entries earlier. */
  readonly olderDir: string
  readonly oracle: Oracle
  /** Every entry, by index. */
  readonly entries: readonly Buffer[]
  /** An append token. */
  readonly token: string
}

/** How a log is made. */
export interface GoldenOptions {
  readonly folder: string
  readonly seed: number
  /** Entries that come before all others, a multiple of 1,000. Default: none. */
  readonly before?: number
  readonly program?: { readonly main?: string; readonly args?: readonly string[] }
}

/** Makes a log of 840 entries in `folder`: each start moves the entries before it into tables, the last 240 are not. */
export const makeGolden = async ({ folder, seed, before = 0, program = {} }: GoldenOptions): Promise<Golden> => {
  const dataDir = join(folder, 'golden')
  const olderDir = join(folder, 'older')
  const oracle = new Oracle()
  const session = async (label: string, each: number): Promise<void> => {
    await using server = await startServing({ dataDir, ...program })
    oracle.vkey = server.vkey()
    const entries = entryWriter(`${label} ${seed}`, derivedSeed(seed, each))
    await runLoad({ server, oracle, entries, producers: 8, each, stop: AbortSignal.timeout(60_000) })
    await look(server, oracle)
    await server.end('SIGTERM')
  }
  if (before > 0) await preload(dataDir, oracle, seed, before, program)
  await session('first', 45)
  await session('second', 30)
  cpSync(dataDir, olderDir, { recursive: true })
  await session('third', 30)
  const token = readFileSync(join(dataDir, 'append.token'), 'utf8').trim()
  return { dataDir, olderDir, oracle, entries: oracle.entries(), token }
}

const preload = async (
  dataDir: string,
  oracle: Oracle,
  seed: number,
  count: number,
  program: GoldenOptions['program'],
): Promise<void> => {
  await using server = await startServing({ dataDir, ...program })
  const entries = entryWriter(`before ${seed}`, seed, 32, 48)
  for (let sent = 0; sent < count; sent += 1000) {
    await appendBatch(server, oracle, Array.from({ length: 1000 }, entries.next))
  }
  await server.end('SIGTERM')
}
