/** R1: kill -9 under load, and again while it recovers. Shows that restarting is right; what a disk keeps, power.ts shows. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { entryWriter } from './entries.ts'
import { look, runLoad, settle } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogProcess, startLog, unstarted } from './server.ts'

/** How much to kill. */
export interface KillOptions {
  /** Kills under load. */
  readonly cycles: number
  readonly seed: number
  /** The server to kill; default: the built one. */
  readonly main?: string
  readonly producers?: number
}

/** A data folder lives through so many kills, then a new one begins, so that reading all of it stays quick. */
const lifetime = 100

const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

/** Kills a server `cycles` times under load, after every third restart once more within 50 ms of it, and checks each time. */
export const runKill = async ({ cycles, seed, main, producers = 8 }: KillOptions): Promise<Report> => {
  const findings: (Finding & { experiment: string })[] = []
  const readyMs: number[] = []
  const figures = { acked: 0, 'refused with an error': 0, 'without an answer': 0, 'killed in recovery': 0 }
  for (let from = 0; from < cycles; from += lifetime) await live(from, Math.min(cycles, from + lifetime))
  readyMs.sort((a, b) => a - b)
  const ready = { 'ready p50 ms': percentile(readyMs, 0.5), 'ready p99 ms': percentile(readyMs, 0.99) }
  return { suite: 'kill', seed, experiments: cycles, figures: { ...figures, ...ready }, findings }

  async function live(from: number, to: number): Promise<void> {
    using scratch = scratchFolder('kill')
    const oracle = new Oracle()
    const options = { dataDir: join(scratch.path, 'data'), ...(main === undefined ? {} : { main }) }
    const entries = entryWriter(`kill ${seed}.${from}`, derivedSeed(seed, from))
    for (let cycle = from; cycle < to; cycle++) {
      const random = seededRandom(derivedSeed(seed, cycle))
      await using server = await startLog(options)
      if (cycle > from && cycle % 3 === 0) {
        await killInRecovery(server, random.integer(0, 50), random.next() < 0.5)
        figures['killed in recovery']++
        continue
      }
      if (!(await recover(server, oracle, cycle))) return
      await hurt(server, oracle, random.integer(20, 300))
      progress(`kill ${cycle + 1}/${cycles}, ${oracle.acknowledged} acknowledged, ${findings.length} broken promises`)
    }
    await using last = await startLog(options)
    await recover(last, oracle, to)

    async function hurt(server: LogProcess, memory: Oracle, ms: number): Promise<void> {
      const load = runLoad({ server, oracle: memory, entries, producers, stop: AbortSignal.timeout(10_000) })
      await pause(ms)
      await server.end('SIGKILL')
      const count = await load
      figures.acked += count.acked
      figures['refused with an error'] += count.refused
      figures['without an answer'] += count.unknown
    }
  }

  async function recover(server: LogProcess, oracle: Oracle, cycle: number): Promise<boolean> {
    const started = performance.now()
    const experiment = `cycle ${cycle}`
    if (!(await server.ready())) {
      findings.push({ ...unstarted(server), experiment })
      return false
    }
    readyMs.push(Math.round(performance.now() - started))
    oracle.vkey ||= server.vkey()
    await settle(server, oracle)
    await look(server, oracle)
    for (const finding of await oracle.check(server.url)) findings.push({ ...finding, experiment })
    return true
  }
}

const killInRecovery = async (server: LogProcess, ms: number, afterReady: boolean): Promise<void> => {
  if (afterReady) await server.ready()
  else await pause(5 * ms)
  if (afterReady) await pause(ms)
  await server.end('SIGKILL')
}
