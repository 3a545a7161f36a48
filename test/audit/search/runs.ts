/** Random queries over many events, compared with a scan: a small run for every day, a large one by `run.mjs`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AppendedEvent } from '../../../src/audit/recorder.ts'
import type { Search } from '../../../src/audit/search/open-search.ts'
import { encodeUtf8 } from '../../../src/primitives/bytes.ts'
import { openStorage } from '../../../src/storage/backends.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import { type Random, seededRandom } from '../../faults/random.ts'
import { checkQuery, newTally, type Tally } from './check.ts'
import { makeEvent, makeEvents } from './generate.ts'
import { plainLog } from './plain-log.ts'
import { RealLog } from './real-log.ts'

/** A run. */
export interface Run {
  readonly events: number
  readonly queries: number
  /** How often the index is closed and opened meanwhile. */
  readonly restarts: number
  readonly seed: number
  /** Told now and then how far it is. */
  readonly progress?: (done: number) => void
}

/** Runs over plain events, with an index in LevelDB. Throws an error that shows the first query with another answer. */
export const runPlain = async (run: Run): Promise<Tally> => {
  const random = seededRandom(run.seed)
  const source = makeEvents(run.seed)
  const log = plainLog()
  const folder = mkdtempSync(join(tmpdir(), 'treehead-search-'))
  const url = `level:${join(folder, 'db')}`
  let storage: Storage | undefined
  let search: Search | undefined
  const stop = async (): Promise<void> => {
    await search?.[Symbol.asyncDispose]()
    await storage?.[Symbol.asyncDispose]()
    search = undefined
  }
  const grow = async (count: number): Promise<void> => {
    const more = Array.from({ length: count }, () => source.next().value!)
    log.push(more)
    // Not told, it reads them, and has to be asked for that before it is told of others.
    if (random.integer(0, 10) === 0) await search?.count({ end: 0 })
    else search?.append(more)
    // Most of what is asked waits for nothing, so segments would never be written.
    if (random.integer(0, 4) === 0) await search?.drain()
  }
  const restart = async (): Promise<Search> => {
    await stop()
    storage = await openStorage(url, { create: true })
    search = await log.open(storage)
    return search
  }
  try {
    return await runQueries(run, random, { events: log.events, grow, restart })
  } finally {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The same over a recorder and a log in LevelDB, with entries of other kinds in between. */
export const runRecorded = async (run: Run): Promise<Tally> => {
  const random = seededRandom(run.seed)
  await using real = await RealLog.create()
  let made = 0
  const grow = async (count: number): Promise<void> => {
    const source = random.pick(['okta', 'k8s/prod'])
    await real.record(Array.from({ length: count }, () => ({ source, event: makeEvent(random, made++) })))
    if (random.integer(0, 3) > 0) return
    const others = Array.from({ length: random.integer(1, 4) }, (_, i) => encodeUtf8(`entry ${made} ${i}`))
    await real.now.log.sequencer.append(others)
  }
  const restart = async (): Promise<Search> => (await real.restart()).search
  return await runQueries(run, random, { events: real.events, grow, restart })
}

/** What queries run over. */
interface World {
  readonly events: readonly AppendedEvent[]
  readonly grow: (count: number) => Promise<void>
  readonly restart: () => Promise<Search>
}

const runQueries = async (run: Run, random: Random, { events, grow, restart }: World): Promise<Tally> => {
  const tally = newTally()
  let search = await restart()
  try {
    for (let query = 0; query < run.queries; query++) {
      if (query % Math.ceil(run.queries / (run.restarts + 1)) === 0) {
        search = await restart()
        // Half of them before the first query, and the others until the last.
        const wanted = (run.events * (1 + query / run.queries)) / 2
        while (events.length < wanted) await grow(random.integer(1, Math.min(300, run.events / 20)))
      }
      await checkQuery(random, { search, events, grow: () => grow(random.integer(1, 6)) }, tally)
      if (query % 500 === 499) run.progress?.(query + 1)
    }
    return tally
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${run.seed}, ${events.length} events: ${message}`, { cause: error })
  }
}
