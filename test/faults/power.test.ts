/** Power cuts, by the rules of power.ts; `node test/faults/run.mjs power` makes eight thousand images. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { type MutantName, mutant } from './mutants.ts'
import { runPower } from './power.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject('gcc'))('[FAULT-2] power cuts', { timeout: 300_000 }, () => {
  it.each([
    { of: 'small entries', images: 80, each: 60, maxBytes: 512 },
    {
      of: 'small entries, with a new log file of LevelDB every 64 KiB',
      images: 80,
      each: 60,
      maxBytes: 2048,
      main: 'smallBuffers',
    },
    { of: 'large entries', images: 40, each: 120, maxBytes: 60_000 },
  ] as const)('lose nothing of $of', async (given) => {
    const { images, each, maxBytes } = given
    const main = 'main' in given ? { main: mutant(given.main) } : {}
    const report = await runPower({ images, seed: 1, each, maxBytes, ...main })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it.each<MutantName>(['syncOff', 'mixedSync', 'ledgerUnsynced'])(
    '[FAULT-14] are noticed by the suite to hurt the mutant %s',
    async (name) => {
      const report = await runPower({ images: 12, seed: 5, each: 40, maxBytes: 512, main: mutant(name) })
      expect(report.findings).not.toEqual([])
    },
  )
})
