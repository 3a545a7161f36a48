/** Flipped bits, by the rules of bitflip.ts; `node test/faults/run.mjs bitflip` flips two hundred of each kind. */
import { describe, expect, it } from 'vitest'
import { runBitflip } from './bitflip.ts'
import { canInject } from './build.ts'
import { mutant } from './mutants.ts'
import { formatReport } from './report.ts'

describe.skipIf(!canInject())('[FAULT-5] one flipped bit', { timeout: 300_000 }, () => {
  it('is noticed at open, at read or by fsck, or does no harm, in every kind of row and file', async () => {
    const report = await runBitflip({ each: 3, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('is named when it is read, in rows so old that the start does not look at them', async () => {
    const report = await runBitflip({ each: 3, seed: 1, kinds: ['entries', 'tile'], cold: true })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
  })

  it('[FAULT-14] is noticed by the suite to be served by a server that does not check what it reads', async () => {
    const main = mutant('noRecordCheck')
    const report = await runBitflip({ each: 3, seed: 1, kinds: ['entries'], cold: true, main })
    expect(report.findings).not.toEqual([])
  })
})
