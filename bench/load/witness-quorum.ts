/** A log under a quorum of three of five witnesses: how long after its append an entry is published. */
import { setTimeout as pause } from 'node:timers/promises'
import { type Cluster, startCluster } from '../../test/support/cluster.ts'
import { format } from '../support.ts'
import { type Latency, latencyOf } from './load.ts'
import { ENTRY_BYTES, runLoad } from './run-load.ts'
import type { keyChoices } from './witness-updates.ts'

type Keys = (typeof keyChoices)[number]

/** One way of appending. Times in milliseconds, from the request to its answer. */
export interface QuorumRow {
  readonly keys: Keys
  readonly name: string
  /** Answered when the entry is durable. */
  readonly durableMs?: Latency
  /** Answered when a quorum has cosigned a checkpoint over it, and that is published. */
  readonly witnessedMs: Latency
  /** From asking the witnesses to a published checkpoint, on average: what the log's own histogram says. */
  readonly roundMs: number
  /** Appends a second of the others meanwhile. */
  readonly perSecond?: number
}

const WITNESSES = 5
const QUORUM = 3

/** Runs it. `count` is how many appends are timed of each way. */
export const measureQuorum = async (keys: Keys, count: number, seconds: number): Promise<readonly QuorumRow[]> => {
  const witness = ['--gossip-ms', '10000', '--keys', keys]
  await using cluster = await startCluster(WITNESSES, QUORUM, { witness })
  const probe = new Probe(cluster)
  await probe.timed('witnessed', 20, 0)
  const quiet = await timed(cluster, async () => ({
    durableMs: latencyOf(await probe.timed('durable', count, 100)),
    witnessedMs: latencyOf(await probe.timed('witnessed', count, 100)),
  }))
  const busy = await timed(cluster, async () => ({ witnessedMs: latencyOf(await probe.timed('witnessed', count, 0)) }))
  const rows: QuorumRow[] = [
    { keys, name: 'one now and then', ...quiet },
    { keys, name: 'one after the other', ...busy },
  ]
  const { log, token } = cluster
  const request = { kind: 'add', entryBytes: ENTRY_BYTES, token } as const
  for (const perSecond of [200, 2_000]) {
    const load = { url: log.url, request, connections: 256, warmUpSeconds: 1, seconds, perSecond }
    const others = runLoad({ generator: 'open loop', load }, log.pid)
    const shown = await timed(cluster, async () => {
      await pause(1_500)
      const witnessed: number[] = []
      const until = performance.now() + 1_000 * seconds - 1_500
      while (performance.now() < until) witnessed.push(...(await probe.timed('witnessed', 1, 20)))
      return { witnessedMs: latencyOf(witnessed) }
    })
    const { result } = await others
    rows.push({ keys, name: `among ${format(perSecond)} appends/s`, perSecond: result.perSecond, ...shown })
  }
  return rows
}

/** Adds how long the rounds took meanwhile. */
const timed = async <T>(cluster: Cluster, step: () => Promise<T>): Promise<T & { readonly roundMs: number }> => {
  const before = await rounds(cluster)
  const shown = await step()
  const after = await rounds(cluster)
  return { ...shown, roundMs: (1_000 * (after.seconds - before.seconds)) / (after.count - before.count) }
}

const rounds = async ({ log }: Cluster): Promise<{ readonly seconds: number; readonly count: number }> => {
  const metrics = await (await fetch(`${log.url}/metrics`)).text()
  const value = (name: string): number =>
    Number(new RegExp(`^treehead_quorum_seconds_${name} (\\S+)`, 'm').exec(metrics)?.[1])
  return { seconds: value('sum'), count: value('count') }
}

/** Appends entries of its own, one at a time, and takes the time. */
class Probe {
  readonly #cluster: Cluster
  #count = 0

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** Pauses for a random time of `pauseMs` on average before each, so that no round is waited for. */
  async timed(until: 'durable' | 'witnessed', count: number, pauseMs: number): Promise<readonly number[]> {
    const times: number[] = []
    for (let i = 0; i < count; i++) {
      if (pauseMs > 0) await pause(pauseMs * (0.5 + Math.random()))
      const start = performance.now()
      const headers = until === 'witnessed' ? { Prefer: 'wait=witnessed' } : {}
      const response = await this.#cluster.append(`probe ${this.#count++} ${'.'.repeat(ENTRY_BYTES)}`, headers)
      const body = await response.text()
      if (response.status !== 200) throw new Error(`answered ${response.status}: ${body}`)
      times.push(performance.now() - start)
    }
    return times
  }
}

/** Rows of a table. */
export const quorumTable = (rows: readonly QuorumRow[]): readonly (readonly string[])[] => [
  ['', 'durable p50 ms', 'p99', 'witnessed p50 ms', 'p99', 'max', 'round ms', 'other appends/s'],
  ...rows.map(({ keys, name, durableMs, witnessedMs, roundMs, perSecond }) => [
    `${keys}: ${name}`,
    ...[durableMs?.p50, durableMs?.p99, witnessedMs.p50, witnessedMs.p99, witnessedMs.max, roundMs, perSecond].map(
      (value) => (value === undefined ? '' : format(value)),
    ),
  ]),
]
