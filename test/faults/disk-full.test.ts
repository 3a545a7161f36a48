/** Full disks, by the rules of disk-full.ts; `node test/faults/run.mjs disk-full` fills fifty. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { runDiskFull } from './disk-full.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject())('[FAULT-4] full disks', { timeout: 300_000 }, () => {
  it('stop the server or are refused in time, and lose nothing', async () => {
    const report = await runDiskFull({ runs: 8, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] are noticed by the suite when a server goes on after a failed write', async () => {
    const report = await runDiskFull({ runs: 1, seed: 1, kinds: ['full'], main: mutant('goesOn') })
    expect(report.findings).not.toEqual([])
  })
})
