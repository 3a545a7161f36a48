/** R14: SIGTERM under load. The server drains: exit 0 within ten seconds, and every request answered or its connection cut. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { entryWriter } from './entries.ts'
import { runLoad, settle } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { startLog, unstarted } from './server.ts'

/** How often to stop. */
export interface StopOptions {
  readonly stops: number
  readonly seed: number
  readonly main?: string
}

/** Stops a loaded server `stops` times at random moments, and checks the log after each restart. */
export const runStop = async ({ stops, seed, main }: StopOptions): Promise<Report> => {
  using scratch = scratchFolder('stop')
  const options = { dataDir: join(scratch.path, 'data'), ...(main === undefined ? {} : { main }) }
  const oracle = new Oracle()
  const entries = entryWriter(`stop ${seed}`, seed)
  const figures = { acked: 0, 'refused while stopping': 0, 'connections cut': 0, 'slowest stop ms': 0 }
  const findings: (Finding & { experiment: string })[] = []
  for (let n = 0; n <= stops; n++) {
    await using server = await startLog(options)
    if (!(await server.ready())) {
      findings.push({ ...unstarted(server), experiment: `stop ${n}` })
      break
    }
    oracle.vkey ||= server.vkey()
    await settle(server, oracle)
    // The first and last time, and every tenth, because reading all of it takes longer each time.
    const found = n % 10 === 0 || n === stops ? await oracle.check(server.url) : oracle.takeReported()
    for (const finding of found) findings.push({ ...finding, experiment: `stop ${n}` })
    if (n === stops) break
    const load = runLoad({ server, oracle, entries, producers: 8, stop: AbortSignal.timeout(20_000) })
    await pause(seededRandom(derivedSeed(seed, n)).integer(5, 200))
    const asked = performance.now()
    const { code, signal } = await server.end('SIGTERM', 10_000)
    figures['slowest stop ms'] = Math.max(figures['slowest stop ms'], Math.round(performance.now() - asked))
    const count = await load
    figures.acked += count.acked
    figures['refused while stopping'] += count.refused
    figures['connections cut'] += count.unknown
    if (code !== 0)
      oracle.report({ invariant: 'other', what: `SIGTERM ended the server with ${code ?? signal}, want 0` })
    progress(`stop ${n + 1}/${stops}, ${findings.length} broken promises`)
  }
  return { suite: 'stop', seed, experiments: stops, figures, findings }
}
