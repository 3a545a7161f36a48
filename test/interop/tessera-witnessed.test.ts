/** A log of Tessera's asks for cosignatures, and publishes nothing without them. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkpointReader } from '../../src/client/trust.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { goToolsOrSkip } from './go-tools.ts'
import { startLitewitness } from './litewitness.ts'
import { newWitnessedLog } from './tessera-witnessed.ts'
import { startTreeheadWitness } from './treehead-witness.ts'
import type { WitnessOptions, WitnessPeer } from './witness-peer.ts'

const witnesses: readonly (readonly [string, (options: WitnessOptions) => Promise<WitnessPeer>])[] = [
  ['litewitness', startLitewitness],
  ['our witness', startTreeheadWitness],
]

describe.skipIf(!goToolsOrSkip())('a log of Tessera', () => {
  it.each(witnesses)('is cosigned by %s as it grows, and stands still without it', async (_name, start) => {
    const dir = mkdtempSync(join(tmpdir(), 'th-tessera-'))
    try {
      const log = newWitnessedLog(dir, 'interop.example/tessera-witnessed')
      const published = (policy: string): number =>
        checkpointReader({ policy: parsePolicy(`log ${log.vkey}\n${policy}`) }).open(
          readFileSync(join(log.storageDir, 'checkpoint')),
        ).checkpoint.size
      await using witness = await start({ dir: join(dir, 'witness'), name: 'witness.example/w', logs: [log.vkey] })
      const policy = `witness w ${witness.vkeys[0]} ${witness.url}\nquorum w\n`
      let size = 0
      for (const count of [1, 2, 300]) {
        const entries = Array.from({ length: count }, (_, i) => encodeUtf8(`entry ${size + i}`))
        const { code, output } = await log.append(policy, entries)
        expect({ code, output }).toMatchObject({ code: 0 })
        size += count
        expect(published(policy)).toBe(size)
      }
      await witness.kill()
      expect(await log.append(policy, [encodeUtf8('unseen')], 3_000)).toMatchObject({ code: null })
      expect(published(policy)).toBe(size)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })
})
