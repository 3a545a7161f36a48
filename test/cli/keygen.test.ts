/** Key pairs: three types, in files that are private and never overwritten. */
import { readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { formatVerifierKey, parseSignerKey, parseVerifierKey } from '../../src/note/key.ts'
import { openShell, type Shell } from './shell.ts'

describe('keygen', () => {
  let shell: Shell
  beforeAll(() => {
    shell = openShell()
  })
  afterAll(() => shell[Symbol.dispose]())
  const text = (name: string): string => readFileSync(shell.path(name), 'utf8')

  it.each([
    ['log', 0x01],
    ['cosigner', 0x04],
    ['mldsa44', 0x06],
  ])('--type %s makes a key of type %i', async (type, algorithm) => {
    const { code, stdout } = await shell.run(
      `treehead keygen --name example.com/${type} --type ${type} --out ${type}.key`,
    )
    expect(code).toBe(0)
    const key = parseSignerKey(text(`${type}.key`).trimEnd())
    expect([key.name, key.algorithm]).toEqual([`example.com/${type}`, algorithm])
    expect(text(`${type}.key`)).toMatch(/^PRIVATE\+KEY\+/)
    expect(stdout).toBe(`${formatVerifierKey(key)}\n`)
    expect(text(`${type}.key.vkey`)).toBe(stdout)
    expect(formatVerifierKey(parseVerifierKey(stdout.trimEnd()))).toBe(stdout.trimEnd())
    expect(statSync(shell.path(`${type}.key`)).mode & 0o777).toBe(0o600)
  })

  it('makes a new key each time, and a log key by default', async () => {
    const a = await shell.run('treehead keygen --name x --out a')
    const b = await shell.run('treehead keygen --name x --out b --json')
    expect(JSON.parse(b.stdout)).toMatchObject({ name: 'x', type: 'log', file: 'b' })
    expect((JSON.parse(b.stdout) as { vkey: string }).vkey).not.toBe(a.stdout.trimEnd())
  })

  it.each(['kept', 'kept.vkey'])('overwrites nothing: %s is there', async (name) => {
    shell.write('kept', '')
    shell.write(name, 'precious')
    const { code, stdout, stderr } = await shell.run('treehead keygen --name x --out kept')
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('never overwritten')
    expect(text(name)).toBe('precious')
  })
})
