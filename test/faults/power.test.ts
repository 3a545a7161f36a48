/** Power cuts, by the rules of power.ts; `node test/faults/run.mjs power` makes eight thousand images. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { type MutantName, mutant } from './mutants.ts'
import { runPower } from './power.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject('gcc'))('power cuts', { timeout: 300_000 }, () => {
  it.each([
    { of: 'small entries', each: 60, maxBytes: 512 },
    { of: 'large entries, over which LevelDB changes its log file and writes tables', each: 120, maxBytes: 60_000 },
  ])('lose nothing of $of', async ({ each, maxBytes }) => {
    const report = await runPower({ images: 100, seed: 1, each, maxBytes })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it.each<MutantName>(['syncOff', 'mixedSync', 'ledgerUnsynced'])(
    'are noticed by the suite to hurt the mutant %s',
    async (name) => {
      const report = await runPower({ images: 12, seed: 5, each: 40, maxBytes: 512, main: mutant(name) })
      expect(report.findings).not.toEqual([])
    },
  )
})
