/** Partitions, by the rules of partition.ts; `node test/faults/run.mjs partition` goes on for ten minutes. */
import { describe, expect, it } from 'vitest'
import { runPartition } from './partition.ts'
import { formatReport } from './report.ts'

describe('a log and five witnesses in a bad network', { timeout: 300_000 }, () => {
  it('[FAULT-17] never have two cosigned histories, lose nothing that was acknowledged, and have their quorum back soon', async () => {
    const report = await runPartition({ seconds: 20, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
    expect(report.figures['acked']).toBeGreaterThan(10)
  })
})
