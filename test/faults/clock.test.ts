/** Clock jumps, by the rules of clock.ts; `node test/faults/run.mjs clock` makes twenty series of them. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { runClock } from './clock.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject('gcc'))('[FAULT-9] a clock that jumps', { timeout: 300_000 }, () => {
  it('never makes a tree head older than the one before it', async () => {
    const report = await runClock({ runs: 2, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] is noticed by the suite when a server believes it', async () => {
    const report = await runClock({ runs: 1, seed: 1, main: mutant('clockUnchecked') })
    expect(report.findings).not.toEqual([])
  })
})
