/** Times and durations as flags: their texts, and what verify and checkpoint make of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseDuration, parseTime } from '../../src/cli/times.ts'
import { formatProofFile, parseProofFile } from '../../src/client/index.ts'
import { COSIGNATURE_V1, ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'
import { openShell, type Shell } from './shell.ts'

describe('a time', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 0],
    ['2026-01-31T23:59:59Z', 1_769_903_999],
    ['2026-01-31t23:59:59z', 1_769_903_999],
    ['2026-01-31T23:59:59.999Z', 1_769_903_999],
    ['2026-02-01T01:59:59+02:00', 1_769_903_999],
    ['2026-01-31T18:29:59-05:30', 1_769_903_999],
    ['2024-02-29T00:00:00Z', 1_709_164_800],
    ['9999-12-31T23:59:59Z', 253_402_300_799],
    ['1769903999', 1_769_903_999],
    ['0', 0],
  ])('%s is second %i', (text, seconds) => {
    expect(parseTime(text)).toBe(seconds)
  })

  it.each([
    '',
    'yesterday',
    '2026-01-31',
    '2026-01-31T23:59Z',
    '2026-01-31T23:59:59',
    '2026-01-31 23:59:59Z',
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-31T24:00:00Z',
    '2026-01-31T23:60:00Z',
    '2026-01-31T23:59:60Z',
    '2026-01-31T23:59:59+24:00',
    '1969-12-31T23:59:59Z',
    '-1',
    '01',
    '1.5',
    // Milliseconds: as seconds, this would be a bound that everything meets.
    '1769903999000',
  ])('%j is none', (text) => {
    expect(() => parseTime(text)).toThrow()
  })
})

describe('a duration', () => {
  it.each([
    ['0s', 0],
    ['90s', 90],
    ['10m', 600],
    ['24h', 86_400],
    ['7d', 604_800],
  ])('%s is %i seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  it.each(['', '10', 's', '-1s', '01m', '1.5h', '1h30m', '1w', '10 m', '10M', '9999999999s'])('%j is none', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError)
  })
})

describe('the flags', () => {
  const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)
  const key = signerKey('log.example/test', ED25519, seed(1))
  const witness = signerKey('witness.example/w', COSIGNATURE_V1, seed(2))
  const hour = 3_600
  const now = Math.floor(Date.now() / 1_000)
  let shell: Shell
  beforeAll(async () => {
    shell = openShell()
    const made = await memoryLog()
    await made.append(numbered(0, 3))
    const plain = parseProofFile(await made.log.reader.proofFile(1))
    const signers = [signerOf(key), signerOf(witness, { time: now - hour })]
    const checkpoint = signNote(parseNote(plain.checkpoint).text, signers)
    shell.write('p', formatProofFile({ ...plain, checkpoint }))
    shell.write('entry', numbered(1, 2)[0]!)
    shell.write('vkey', `${formatVerifierKey(key)}\n`)
    const lines = `log ${formatVerifierKey(key)}\nwitness w ${formatVerifierKey(witness)}\n`
    shell.write('policy', `${lines}quorum w\n`)
    shell.write('none', `${lines}quorum none\n`)
  })
  afterAll(() => shell?.[Symbol.dispose]())

  const verify = (flags: string) => shell.run(`treehead verify p --entry entry ${flags}`)
  const iso = (seconds: number): string => new Date(seconds * 1_000).toISOString()

  it('verify says valid when the quorum is in time, and untrusted when it is not', async () => {
    const rows: readonly (readonly [string, number])[] = [
      ['--policy policy', 0],
      [`--policy policy --not-after ${now - hour}`, 0],
      [`--policy policy --not-after ${iso(now - hour)}`, 0],
      [`--policy policy --not-after ${now - hour - 1}`, 1],
      ['--policy policy --max-age 2h', 0],
      ['--policy policy --max-age 59m', 1],
      [`--policy policy --max-age 2h --not-after ${now}`, 0],
    ]
    for (const [flags, code] of rows) {
      const outcome = await verify(flags)
      expect([flags, outcome.code]).toEqual([flags, code])
      expect(outcome.stdout).toMatch(
        code === 0
          ? /^valid: .*, cosigned by w\n$/
          : /^invalid: untrusted: quorum is not met: 1 of 1 .* within the time/,
      )
    }
  })

  it('[CLIENT-9] without a quorum are wrong use, never a warning', async () => {
    for (const flags of [
      '--vkey vkey --not-after 1',
      '--vkey vkey --max-age 1h',
      '--policy none --not-after 1',
      '--policy none --max-age 1h',
    ]) {
      const { code, stdout, stderr } = await verify(flags)
      expect([flags, code, stdout]).toEqual([flags, 2, ''])
      expect(stderr).toMatch(/^treehead: usage: --(not-after|max-age) wants a --policy with a quorum: .*\n$/)
    }
    for (const command of ['checkpoint', 'fsck']) {
      const { code } = await shell.run(`treehead ${command} --url http://127.0.0.1:1 --vkey vkey --max-age 1h`)
      expect([command, code]).toEqual([command, 2])
    }
  })

  it('with a bad text are wrong use, in one line that says what is wanted', async () => {
    for (const [flags, want] of [
      ['--not-after yesterday', /want a time such as 2026-01-31T23:59:59Z or POSIX seconds, got yesterday/],
      ['--not-after 1769903999000', /want seconds, not a smaller unit/],
      ['--max-age 1h30m', /want a duration such as 90s, 10m, 24h or 7d, got 1h30m/],
    ] as const) {
      const { code, stderr } = await verify(`--policy policy ${flags}`)
      expect([flags, code]).toEqual([flags, 2])
      expect(stderr).toMatch(want)
    }
  })
})
