/** R12: out of memory. V8 aborts the process (SIGABRT) at a random moment under a hostile load; it must come back whole. */
import { join } from 'node:path'
import { entryWriter } from './entries.ts'
import { look, runLoad, settle } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { startLog } from './server.ts'

/** How often. */
export interface OomOptions {
  readonly runs: number
  readonly seed: number
  readonly main?: string
}

/** Starves a loaded server `runs` times and checks the log after each restart. */
export const runOom = async ({ runs, seed, main }: OomOptions): Promise<Report> => {
  using scratch = scratchFolder('oom')
  const program = main === undefined ? {} : { main }
  const dataDir = join(scratch.path, 'data')
  const oracle = new Oracle()
  const figures = { acked: 0, 'aborted (SIGABRT)': 0, 'lived on': 0, 'died before it was ready': 0 }
  const findings: (Finding & { experiment: string })[] = []
  for (let n = 0; n < runs; n++) {
    const random = seededRandom(derivedSeed(seed, n))
    await starve(n, random.integer(9, 14))
    await using server = await startLog({ dataDir, ...program })
    if (!(await server.ready())) throw new Error(`the server did not start after run ${n}:\n${server.output()}`)
    oracle.vkey ||= server.vkey()
    await settle(server, oracle)
    await look(server, oracle)
    for (const finding of await oracle.check(server.url)) findings.push({ ...finding, experiment: `run ${n}` })
    await server.end('SIGTERM')
    progress(`oom ${n + 1}/${runs}, ${findings.length} broken promises`)
  }
  return { suite: 'oom', seed, experiments: runs, figures, findings }

  async function starve(n: number, mebibytes: number): Promise<void> {
    const env = { NODE_OPTIONS: `--max-old-space-size=${mebibytes}` }
    await using server = await startLog({ dataDir, ...program, env })
    if (await server.ready().catch(() => false)) {
      oracle.vkey ||= server.vkey()
      const entries = entryWriter(`oom ${seed}.${n}`, derivedSeed(seed, n), 32, 60_000)
      const load = { server, oracle, entries, producers: 200, stop: AbortSignal.timeout(3000) }
      const count = await runLoad(load)
      figures.acked += count.acked
      if (server.exit() === undefined) figures['lived on']++
    } else figures['died before it was ready']++
    const { signal } = server.exit() ?? (await server.end('SIGKILL'))
    if (signal === 'SIGABRT') figures['aborted (SIGABRT)']++
  }
}
