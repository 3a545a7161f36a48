/** kill -9, by the rules of kill.ts; `node test/faults/run.mjs kill` does a thousand. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { runKill } from './kill.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject())('[FAULT-1] kill -9 under load and in recovery', { timeout: 300_000 }, () => {
  it('loses no acknowledged entry, releases no inconsistent checkpoint and gives no index twice', async () => {
    const report = await runKill({ cycles: 20, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] is noticed by the suite when the server answers before it writes', async () => {
    const report = await runKill({ cycles: 6, seed: 2, main: mutant('writeLate') })
    expect(report.findings).not.toEqual([])
  })
})
