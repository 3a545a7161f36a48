/** R12: out of memory. V8 aborts the process (SIGABRT) at a random moment under a hostile load; it must come back whole. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { entryWriter } from './entries.ts'
import { appendBatch, look, runLoad, settle } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogProcess, startLog, unstarted } from './server.ts'

/** How often. */
export interface OomOptions {
  readonly runs: number
  readonly seed: number
  readonly main?: string
}

/** Batches on their way at once, and entries in each: every entry costs the server some objects. */
const batches = 16
const batchSize = 800

/** Single appends for a random while, then more batches at once than there is memory for. Answers what was acknowledged. */
const flood = async (server: LogProcess, oracle: Oracle, seed: number): Promise<number> => {
  const entries = entryWriter(`oom ${seed}`, seed, 32, 64)
  const stop = AbortSignal.timeout(seededRandom(seed).integer(20, 400))
  const { acked } = await runLoad({ server, oracle, entries, producers: 8, stop })
  const sent = Array.from({ length: batches }, () =>
    appendBatch(server, oracle, Array.from({ length: batchSize }, entries.next)),
  )
  return acked + (await Promise.all(sent)).filter((outcome) => outcome === 'acked').length
}

/** Starves a loaded server, `runs` times anew, and checks the log after its restart. */
export const runOom = async ({ runs, seed, main }: OomOptions): Promise<Report> => {
  const program = main === undefined ? {} : { main }
  const figures = { acked: 0, 'aborted (SIGABRT)': 0, 'lived on': 0 }
  const findings: (Finding & { experiment: string })[] = []
  for (let n = 0; n < runs; n++) {
    using scratch = scratchFolder('oom')
    const dataDir = join(scratch.path, 'data')
    const oracle = new Oracle()
    await starve(dataDir, oracle, derivedSeed(seed, n))
    await using server = await startLog({ dataDir, ...program })
    if (!(await server.ready())) {
      findings.push({ ...unstarted(server), experiment: `run ${n}` })
      continue
    }
    oracle.vkey ||= server.vkey()
    await settle(server, oracle)
    await look(server, oracle)
    for (const finding of await oracle.check(server.url)) findings.push({ ...finding, experiment: `run ${n}` })
    progress(`oom ${n + 1}/${runs}, ${findings.length} broken promises`)
  }
  return { suite: 'oom', seed, experiments: runs, figures, findings }

  async function starve(dataDir: string, oracle: Oracle, runSeed: number): Promise<void> {
    // With 14 MiB it sometimes starts.
    const env = { NODE_OPTIONS: `--max-old-space-size=${seededRandom(runSeed).integer(14, 18)}` }
    await using server = await startLog({ dataDir, ...program, env })
    if (await server.ready()) {
      oracle.vkey = server.vkey()
      figures.acked += await flood(server, oracle, runSeed)
    }
    const exit = await Promise.race([server.ended, pause(500, undefined, { ref: false })])
    if (exit === undefined) figures['lived on']++
    else if (exit.signal === 'SIGABRT') figures['aborted (SIGABRT)']++
    else findings.push({ invariant: 'other', what: `ended with ${exit.code ?? exit.signal}`, experiment: `${runSeed}` })
  }
}
