/** The keys of a witness: both algorithms or Ed25519 alone, chosen once, and never fewer than were chosen. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openWitnessDir, type WitnessKeys } from '../../src/witness/witness-dir.node.ts'

const keysOf = async (path: string, witnessKeys?: WitnessKeys): Promise<readonly number[]> => {
  await using dir = await openWitnessDir({ path, witnessKeys })
  return dir.keys.map(({ algorithm }) => algorithm)
}

describe('the folder of a witness', () => {
  it.each([
    ['both', [4, 6]],
    ['ed25519', [4]],
  ] as const)('that was made with %s has those keys at every start', async (which, algorithms) => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-keys-'))
    const path = join(home, 'w')
    try {
      expect(await keysOf(path, which)).toEqual(algorithms)
      expect(await keysOf(path)).toEqual(algorithms)
      expect(await keysOf(path, which)).toEqual(algorithms)
      const other = which === 'both' ? 'ed25519' : 'both'
      await expect(keysOf(path, other)).rejects.toMatchObject({ code: 'refused' })
      expect(existsSync(join(path, 'mldsa44.key'))).toBe(which === 'both')
      expect(readFileSync(join(path, 'witness.vkeys'), 'utf8').trim().split('\n')).toHaveLength(algorithms.length)
      // A key that is lost is missed, not done without.
      rmSync(join(path, which === 'both' ? 'mldsa44.key' : 'ed25519.key'))
      await expect(keysOf(path)).rejects.toThrow(/put this key back/)
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })
})
