/** `treehead serve` refuses what would be unsafe before it touches anything. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'treehead-serve-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const data = join(folder, 'data')

describe('[CFG-5] --open', () => {
  it.each(['0.0.0.0:0', '[::]:0', '192.0.2.1:0'])('is refused on %s, and no log is made', async (listen) => {
    const { code, stderr } = await runCli(['serve', '--open', '--listen', listen, '--data', `level:${data}`])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^treehead: usage: --open .*loopback/)
    expect(existsSync(data)).toBe(false)
  })
})
