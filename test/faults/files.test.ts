/** Harmed files, by the rules of files.ts; `node test/faults/run.mjs files` does each harm twenty times. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { runFiles } from './files.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject())(
  '[FAULT-6] files deleted, cut, zeroed or replaced by older ones',
  { timeout: 300_000 },
  () => {
    it('are named, and never opened in silence', async () => {
      const report = await runFiles({ each: 1, seed: 1 })
      console.log(formatReport(report))
      expect(report.findings).toEqual([])
    })

    it('[FAULT-14] are noticed by the suite to be opened in silence by a server that asks no ledger', async () => {
      const report = await runFiles({ each: 1, seed: 1, targets: ['log file'], main: mutant('noLedger') })
      expect(report.findings).not.toEqual([])
    })
  },
)
