/** The demonstration, run as a user runs it: three cosignatures, a refusal and evidence, each checked from what it prints. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { runCli } from '../support/cli.ts'
import { shared } from '../support/shared.ts'

const folder = shared('data', 'cloudtrail')

describe('treehead demo', { timeout: 180_000 }, () => {
  it('prints a receipt with three cosignatures, the refusal of an older disk, and evidence of a fork', async () => {
    const { code, stdout, stderr } = await runCli(['demo'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/verified offline: index 2 of 3, cosigned by w1, w2, w3/)
    expect(stdout.match(/^ {3}— w[123]\.example /gm)).toHaveLength(3)
    expect(stdout).toMatch(/behind_witness: w[123]: it has cosigned size 4, over 3/)
    expect(stdout).toMatch(/w3 has it too, by gossip/)
    const text = stdout
      .slice(stdout.indexOf('   treehead/evidence@v1'), stdout.indexOf('   verified offline, with the log'))
      .replaceAll(/^ {3}/gm, '')
      .trimEnd()
    const { origin, smaller } = verifyEvidence(parseEvidence(new TextEncoder().encode(`${text}\n`)))
    expect([origin, smaller.checkpoint.size]).toEqual(['demo.example/log', 4])
  })

  it.skipIf(folder === undefined)('takes real records', async () => {
    const file = readdirSync(folder ?? '', { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .toSorted()[0]
    const { code, stdout } = await runCli(['demo', join(folder ?? '', file ?? ''), '--json-records', '/Records'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/verified offline: index \d+ of \d+, cosigned by w1, w2, w3/)
  })
})
