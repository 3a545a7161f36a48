/** Restored old state, by the rules of rollback.ts; `node test/faults/run.mjs rollback` restores two hundred times. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'
import { runRollback } from './rollback.ts'

describe.skipIf(!canInject())('[FAULT-7] an old copy that was restored', { timeout: 300_000 }, () => {
  it('releases nothing that contradicts a released checkpoint, or is noticed by whoever remembers one', async () => {
    const report = await runRollback({ runs: 10, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] is noticed by the suite to fork a server that asks no ledger', async () => {
    const report = await runRollback({ runs: 2, seed: 1, kinds: ['database'], main: mutant('noLedger') })
    expect(report.findings).not.toEqual([])
  })
})
