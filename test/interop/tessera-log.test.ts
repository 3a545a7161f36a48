/** A log that Tessera's POSIX server wrote, verified by our command line program and our client. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { peekCheckpoint } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { goToolsOrSkip } from './go-tools.ts'
import { type PosixLog, startPosixLog } from './posix.ts'

const SIZE = 600

describe.skipIf(!goToolsOrSkip())('a log written by Tessera', () => {
  let folder: string
  /** What Tessera was given, by the index it answered. */
  const entries = new Map<number, string>()
  let log: PosixLog

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-posix-'))
    log = await startPosixLog(folder, 'interop.example/tessera')
    const added = Array.from({ length: SIZE }, async (_, i) => {
      const body = `entry ${i} ${'x'.repeat(i)}`
      const response = await fetch(`${log.url}/add`, { method: 'POST', body })
      entries.set(Number(await response.text()), body)
    })
    await Promise.all(added)
    while ((await peekCheckpoint(log.url)).size < SIZE) await pause(100)
    return async () => {
      await log.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('has every entry once', () => {
    expect([...entries.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: SIZE }, (_, i) => i))
  })

  it('passes treehead fsck', async () => {
    const { code, stdout, stderr } = await runCli(['fsck', '--url', log.url, '--vkey', log.vkey])
    expect(stderr + stdout).toMatch(/600/)
    expect(code).toBe(0)
  })

  it.each([
    ['an entry bundle', 'tile/entries/001'],
    ['a tile of leaf hashes', 'tile/0/001'],
    ['the tile at the right edge', 'tile/1/000.p/2'],
  ])('fails treehead fsck after a bit of %s is flipped', async (_title, path) => {
    const file = join(folder, 'log', path)
    const good = readFileSync(file)
    const bad = Uint8Array.from(good)
    bad[bad.length - 1]! ^= 1
    writeFileSync(file, bad)
    try {
      const { code, stdout, stderr } = await runCli(['fsck', '--url', log.url, '--vkey', log.vkey])
      expect(stderr + stdout).not.toBe('')
      expect(code).toBe(1)
    } finally {
      writeFileSync(file, good)
    }
  })
})
