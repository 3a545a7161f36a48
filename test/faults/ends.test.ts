/** Other ends and hangs (oom.ts, stop.ts, slow-disk.ts): out of memory, SIGTERM under load, a disk that hangs. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { mutant } from './mutants.ts'
import { runOom } from './oom.ts'
import { formatReport } from './report.ts'
import { runSlowDisk } from './slow-disk.ts'
import { runStop } from './stop.ts'

describe.skipIf(!canInject('gcc'))('out of memory, SIGTERM, a hanging disk', { timeout: 300_000 }, () => {
  it('[FAULT-10] loses nothing when memory runs out', async () => {
    const report = await runOom({ runs: 3, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-12] stops within ten seconds of SIGTERM with everything answered, and loses nothing', async () => {
    const report = await runStop({ stops: 8, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] is noticed by the suite when SIGTERM cuts off writes that were answered', async () => {
    const report = await runStop({ stops: 3, seed: 1, main: mutant('writeLate') })
    expect(report.findings).not.toEqual([])
  })

  it('[FAULT-11] acknowledges nothing while a sync hangs, says so at /readyz, and is not taken for dead', async () => {
    const report = await runSlowDisk({ runs: 1, hangMs: 4000, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] is noticed by the suite when a server does not wait for the sync', async () => {
    const report = await runSlowDisk({ runs: 1, hangMs: 1000, seed: 1, main: mutant('nothingSynced') })
    expect(report.findings).not.toEqual([])
  })
})
