/**
 * R13: a disk that hangs. While a sync sleeps nothing may be acknowledged, /readyz must turn false within three seconds,
 * and /healthz must stay true, or a supervisor would kill a server that only waits.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { nativeLibrary } from './build.ts'
import { send } from './http.ts'
import { append } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { startServing } from './server.ts'

/** What to try. */
export interface SlowDiskOptions {
  readonly runs: number
  /** How long each sync hangs, in milliseconds. */
  readonly hangMs: number
  readonly seed: number
  readonly main?: string
}

/** Hangs the disk `runs` times. */
export const runSlowDisk = async ({ runs, hangMs, seed, main }: SlowDiskOptions): Promise<Report> => {
  using scratch = scratchFolder('slow-disk')
  const delay = join(scratch.path, 'delay')
  const env = { LD_PRELOAD: nativeLibrary('power'), POWER_ROOT: scratch.path, POWER_DELAY: delay }
  writeFileSync(delay, '0')
  const oracle = new Oracle()
  const dataDir = join(scratch.path, 'data')
  await using server = await startServing({ dataDir, env, ...(main === undefined ? {} : { main }) })
  oracle.vkey = server.vkey()
  const figures = { 'not ready after ms': 0, 'answered after ms': 0 }
  const findings: (Finding & { experiment: string })[] = []
  const report = (what: string, n: number): void => {
    findings.push({ invariant: 'other', what, experiment: `hang ${n}` })
  }
  for (let n = 0; n < runs; n++) {
    writeFileSync(delay, String(hangMs))
    const asked = performance.now()
    let answered = Number.POSITIVE_INFINITY
    const appending = append(server, oracle, Buffer.from(`slow ${seed}.${n}`)).then((outcome) => {
      answered = performance.now() - asked
      if (outcome !== 'acked') report(`the append was ${outcome}`, n)
    })
    let notReady = Number.POSITIVE_INFINITY
    while (performance.now() - asked < hangMs - 200) {
      const health = await send(`${server.url}/healthz`, { timeoutMs: 1000 })
      if (health.status !== 200) report(`/healthz says ${health.status ?? health.error} while the disk hangs`, n)
      const ready = await send(`${server.url}/readyz`, { timeoutMs: 1000 })
      if (ready.status === 503) notReady = Math.min(notReady, performance.now() - asked)
      await pause(50)
    }
    if (hangMs > 3200 && notReady > 3000) report(`/readyz was not false within 3 s: ${notReady} ms`, n)
    writeFileSync(delay, '0')
    await appending
    if (answered < hangMs) report(`answered after ${answered} ms, before the sync of ${hangMs} ms was over`, n)
    figures['not ready after ms'] = Math.max(figures['not ready after ms'], Math.round(notReady))
    figures['answered after ms'] = Math.max(figures['answered after ms'], Math.round(answered))
    if (!(await server.ready(5000))) report('the server ended', n)
  }
  for (const finding of await oracle.check(server.url)) findings.push({ ...finding, experiment: 'at the end' })
  return { suite: 'slow-disk', seed, experiments: runs, figures, findings }
}
