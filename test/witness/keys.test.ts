/** The keys of a witness: both algorithms or Ed25519 alone, chosen once, and never fewer than were chosen. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { COSIGNATURE_V1, ED25519 } from '../../src/note/algorithm.ts'
import { formatSignerKey, signerKey } from '../../src/note/key.ts'
import { formatNote, openNote, parseNote } from '../../src/note/note.ts'
import { Cosigners } from '../../src/witness/cosigners.ts'
import { openWitnessDir, type WitnessKeys } from '../../src/witness/witness-dir.node.ts'
import { signedLog } from '../support/signed-log.ts'

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

describe('[KEY-7] a second key in the folder', () => {
  const inFolder = async (
    next: { readonly name: string; readonly algorithm: number; readonly mode?: number } | 'the first one',
  ): Promise<readonly string[]> => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-keys-'))
    const path = join(home, 'w')
    try {
      {
        await using made = await openWitnessDir({ path, name: 'w.example' })
        expect(made.keys).toHaveLength(2)
      }
      const file = join(path, 'ed25519.next.key')
      const text =
        next === 'the first one'
          ? readFileSync(join(path, 'ed25519.key'), 'utf8')
          : formatSignerKey(signerKey(next.name, next.algorithm, new Uint8Array(32).fill(9)))
      writeFileSync(file, text, { mode: next === 'the first one' ? 0o600 : (next.mode ?? 0o600) })
      await using dir = await openWitnessDir({ path })
      const cosigners = new Cosigners(dir.keys, () => 1_700_000_000_000)
      const log = signedLog()
      const text5 = parseNote(log.checkpoint(5)).text
      const signatures = await cosigners.sign(text5, 1_700_000_000)
      const note = formatNote({ text: text5, signatures })
      return openNote(note, cosigners.verifiers).verified.map(({ name }) => name)
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  }

  it('cosigns beside the first', async () => {
    expect(await inFolder({ name: 'w.example', algorithm: COSIGNATURE_V1 })).toEqual(Array(3).fill('w.example'))
  })

  it.each([
    ['of another name', { name: 'x.example', algorithm: COSIGNATURE_V1 }],
    ['of another type', { name: 'w.example', algorithm: ED25519 }],
    ['that others can read', { name: 'w.example', algorithm: COSIGNATURE_V1, mode: 0o644 }],
    ['that is the first one', 'the first one'],
  ] as const)('%s is refused', async (_, next) => {
    await expect(inFolder(next)).rejects.toMatchObject({ code: 'refused' })
  })
})

describe('a first start that was cut off', () => {
  const start = async (path: string, markPath: string): Promise<string> => {
    await using dir = await openWitnessDir({ path, markPath })
    return dir.keys[0]?.name ?? ''
  }

  it('while it moved its files into place is finished, with the keys that it had made', async () => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-keys-'))
    try {
      const [path, mark] = [join(home, 'w'), join(home, 'mark')]
      const name = await start(path, mark)
      for (const left of ['witness.json', 'db', 'mldsa44.key']) {
        mkdirSync(join(path, 'first-start'), { recursive: true })
        renameSync(join(path, 'witness.json'), join(path, 'first-start/witness.json'))
        if (left !== 'witness.json') renameSync(join(path, left), join(path, 'first-start', left))
        expect(await start(path, mark)).toBe(name)
      }
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })

  it('before it was whole is done again, and finds the mark that it had made', async () => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-keys-'))
    try {
      const [path, mark] = [join(home, 'w'), join(home, 'mark')]
      mkdirSync(join(path, 'first-start'), { recursive: true })
      writeFileSync(mark, new Uint8Array(16_384))
      expect(await start(path, mark)).toMatch(/^treehead\.local\//)
      // A mark that is in use is no place for another witness.
      await expect(start(join(home, 'other'), mark)).rejects.toMatchObject({ code: 'refused' })
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })
})
