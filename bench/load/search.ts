/**
 * The search index at size: `npm run bench:search`.
 *
 *     --events 1000000 --queries 200
 *
 * Events of a made-up company are given to the index as the recorder would give them, in steps of 256; nothing but the
 * index is written, to LevelDB. Then it is closed and opened, and every kind of query runs with values of events that are
 * there, so each finds something. Queries are timed one after the other, in this process.
 */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { AppendedEvent } from '../../src/audit/recorder.ts'
import { SEGMENT_SIZE } from '../../src/audit/search/bitmap.ts'
import type { Search } from '../../src/audit/search/open-search.ts'
import type { SearchQuery } from '../../src/audit/search/query.ts'
import { openStorage } from '../../src/storage/backends.ts'
import { makeEvents } from '../../test/audit/search/generate.ts'
import { plainLog } from '../../test/audit/search/plain-log.ts'
import { seededRandom } from '../../test/faults/random.ts'
import { repositoryRoot } from '../../test/support/root.ts'
import { scratchFolder, syncMs } from '../disk.ts'
import { machineCpuSeconds } from '../proc.ts'
import { format, printTable, writeResults } from '../support.ts'
import { type Latency, latencyOf } from './load.ts'

const { values } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    queries: { type: 'string', default: '200' },
  },
})
const count = Number(values.events)
const rounds = Number(values.queries)
const STEP = 256

/** Processor time is that of the whole process, with what LevelDB's threads do in the background. */
interface Build {
  readonly eventsPerSecond: number
  readonly cpuMicrosPerEvent: number
  /** Of one call of `append`, with 256 events. */
  readonly appendMs: Latency
  /** Cores that other processes of the machine kept busy meanwhile. */
  readonly otherCores: number
}

const onDisk = (folder: string): number =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0)

/** Events are made beforehand, some at a time, so that making them is not measured. */
const MADE = 32_768

const source = makeEvents(1, false)
const some: AppendedEvent[] = []

const build = async (search: Search, push: (events: readonly AppendedEvent[]) => void): Promise<Build> => {
  let [ms, cpu, others] = [0, 0, 0]
  const appends: number[] = []
  for (let made = 0; made < count; made += MADE) {
    const events = Array.from({ length: Math.min(MADE, count - made) }, () => source.next().value!)
    push(events)
    some.push(...events.filter((found, i) => i % SAMPLE === 0 && isUsable(found)))
    const [cpuBefore, machine, start] = [process.cpuUsage(), machineCpuSeconds(), performance.now()]
    for (let at = 0; at < events.length; at += STEP) {
      const sent = performance.now()
      search.append(events.slice(at, at + STEP))
      appends.push(performance.now() - sent)
      await new Promise((resolve) => setImmediate(resolve))
    }
    await search.drain()
    ms += performance.now() - start
    const { user, system } = process.cpuUsage(cpuBefore)
    cpu += user + system
    others += machineCpuSeconds() - machine - (user + system) / 1e6
  }
  return {
    eventsPerSecond: (1e3 * count) / ms,
    cpuMicrosPerEvent: cpu / count,
    appendMs: latencyOf(appends),
    otherCores: Math.max(0, others / (ms / 1e3)),
  }
}

/** One event in so many is asked for, if it has an actor and an address. */
const SAMPLE = 50
const isUsable = ({ event }: AppendedEvent): boolean =>
  event.actor['id'] !== undefined && /^[\d.]+$/.test(String(event.source?.['ip'] ?? ''))

type Ask = (search: Search, found: AppendedEvent) => Promise<number>

const page =
  (queryOf: (found: AppendedEvent) => SearchQuery): Ask =>
  async (search, found) =>
    (await search.search({ limit: 50, descending: true, ...queryOf(found) })).indices.length

const actor = ({ event }: AppendedEvent): string => event.actor['id'] as string
const address = ({ event }: AppendedEvent): string => event.source?.['ip'] as string
const hour = 3_600_000

const asks: Readonly<Record<string, Ask>> = {
  'one filter: actor': page((found) => ({ actor: actor(found) })),
  'one filter: action': page(({ event }) => ({ action: event.action })),
  'one filter: /24': page((found) => ({ ip: `${address(found)}/24` })),
  'one filter: id of one event': page(({ event }) => ({ q: event.id })),
  'two filters: actor, outcome': page((found) => ({ actor: actor(found), outcome: found.event.outcome })),
  'two filters: actor, target': page((found) => ({
    actor: actor(found),
    target: found.event.target['id'] as string,
  })),
  'two filters that no event has': page((found) => ({ actor: actor(found), tenant: 'nobody' })),
  'text: two words': page(({ event }) => ({ q: `${event.actor['name']} ${event.reason ?? 'ticket'}` })),
  'text and action': page(({ event }) => ({ q: event.reason ?? 'ticket', action: 'user.*' })),
  'by time: all': page(() => ({ order: 'time' })),
  'by time: actor': page((found) => ({ order: 'time', actor: actor(found) })),
  'by time: actor, ascending': page((found) => ({ order: 'time', descending: false, actor: actor(found) })),
  'one hour of an actor': page(({ event, received }) => ({
    from: received - hour,
    to: received,
    actor: event.actor['id'] as string,
  })),
  'count: all': (search) => search.count({}),
  'count: actor': (search, found) => search.count({ actor: actor(found) }),
  'count: /22': (search, found) => search.count({ ip: `${address(found)}/22` }),
  'facets: all by action': async (search) => (await search.facets({}, 'action')).values.length,
  'facets: all by actor': async (search) => (await search.facets({}, 'actor', 20)).values.length,
  'facets: all by hour': async (search) => (await search.facets({}, 'hour', 1_000)).values.length,
  'facets: actor by action': async (search, found) =>
    (await search.facets({ actor: actor(found) }, 'action')).values.length,
}

interface Answers extends Latency {
  readonly p95: number
}

const time = async (ask: Ask, search: Search, some: readonly AppendedEvent[]): Promise<Answers> => {
  const times: number[] = []
  for (const found of some) {
    const start = performance.now()
    await ask(search, found)
    times.push(performance.now() - start)
  }
  const sorted = times.toSorted((a, b) => a - b)
  return { ...latencyOf(times), p95: sorted[Math.ceil(0.95 * sorted.length) - 1]! }
}

using folder = scratchFolder('search')
const database = join(folder.path, 'db')
const log = plainLog({ compact: true })
const fdatasyncMs = syncMs(folder.path)
let built: Build
{
  await using storage = await openStorage(`level:${database}`, { create: true })
  await using search = await log.open(storage)
  built = await build(search, log.push)
}
const bytesPerEvent = onDisk(database) / (count - (count % SEGMENT_SIZE))
await using storage = await openStorage(`level:${database}`)
const opening = performance.now()
await using search = await log.open(storage)
const openMs = performance.now() - opening
await search.count({ end: 0 })
const caughtUpMs = performance.now() - opening
const random = seededRandom(2)
const asked = Array.from({ length: rounds }, () => random.pick(some))
const answers: Record<string, Answers> = {}
for (const [name, ask] of Object.entries(asks)) answers[name] = await time(ask, search, asked)
const rebuilding = performance.now()
await search.rebuild()
const rebuildMs = performance.now() - rebuilding

printTable(`An index of ${format(count)} events`, [
  ['', ''],
  ['events/s', format(built.eventsPerSecond)],
  ['CPU us/event', format(built.cpuMicrosPerEvent)],
  ['append of 256, p50 ms', format(built.appendMs.p50)],
  ['append of 256, p99 ms', format(built.appendMs.p99)],
  ['bytes/event', format(bytesPerEvent)],
  ['open, ms', format(openMs)],
  ['open and caught up, ms', format(caughtUpMs)],
  ['rebuild with reading (plain), events/s', format((1e3 * count) / rebuildMs)],
  ['fdatasync, ms', format(fdatasyncMs)],
  ['other cores', format(built.otherCores)],
])
printTable(`Queries, ms, ${format(rounds)} of each; pages of 50, the newest first`, [
  ['', 'p50', 'p95', 'max'],
  ...Object.entries(answers).map(([name, { p50, p95, max }]) => [name, format(p50), format(p95), format(max)]),
])
process.chdir(repositoryRoot)
writeResults('search', {
  events: count,
  queries: rounds,
  fdatasyncMs,
  build: built,
  bytesPerEvent,
  openMs,
  caughtUpMs,
  rebuildEventsPerSecond: (1e3 * count) / rebuildMs,
  answers,
})
