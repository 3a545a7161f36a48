/** Commands over a data folder: fsck that touches nothing, the ledger when it is lost, and the tokens. */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { refusals } from '../../src/log/refusal.ts'
import { add, addAll, peekCheckpoint } from '../support/append.ts'
import { type Server, startServer } from '../support/server.ts'
import { openShell, type Shell } from './shell.ts'

/** Every file of a folder with a digest of its bytes. */
const fingerprint = (folder: string): Readonly<Record<string, string>> => {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((found) => found.isFile())
  return Object.fromEntries(
    files.map((found) => {
      const path = join(found.parentPath, found.name)
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')]
    }),
  )
}

describe('a data folder', () => {
  let shell: Shell
  let server: Server
  beforeAll(async () => {
    shell = openShell()
    server = await startServer({ dataDir: shell.path('treehead-data') })
    await addAll(
      server,
      Array.from({ length: 700 }, (_, i) => Buffer.from(`entry ${i}`)),
    )
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    shell?.[Symbol.dispose]()
  })
  const treehead = (line: string) => shell.run(`treehead ${line}`)

  it('that a server has open is left alone by fsck, which says what to do instead', async () => {
    for (let round = 0; round < 3; round++) {
      const { code, stderr } = await treehead('fsck --data level:treehead-data')
      expect([code, stderr]).toEqual([3, expect.stringMatching(/a running server has .* --url, or stop it/)])
    }
    expect(await add(server, Buffer.from('still writing'))).toBe(700)
    expect(readdirSync(shell.path('treehead-data')).filter((name) => name.startsWith('db'))).toEqual(['db'])
    expect((await treehead(`fsck --url ${server.url} --vkey treehead-data/log.vkey`)).code).toBe(0)
  })

  it('shows its ledger while the server runs', async () => {
    const { size, root } = await peekCheckpoint(server.url)
    const { code, stdout } = await treehead('ledger show --json')
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { size, root, sequence: expect.any(Number) }])
    expect((await treehead('ledger show')).stdout).toMatch(new RegExp(`^size ${size}, root `))
  })

  it('keeps its tokens: made, used at once, listed and removed', async () => {
    expect((await treehead('token add --label one --out one.token')).code).toBe(0)
    expect(statSync(shell.path('one.token')).mode & 0o777).toBe(0o600)
    const two = await treehead('token add --label two')
    expect(two.stdout).toMatch(/^[A-Za-z0-9_-]{43}\n$/)
    expect(statSync(shell.path('treehead-data/tokens')).mode & 0o777).toBe(0o600)
    expect((await treehead('token add --label two')).code).toBe(2)
    const { stdout } = await treehead('token list --json')
    const labels = (JSON.parse(stdout) as { label: string }[]).map(({ label }) => label)
    expect(labels.slice(-2)).toEqual(['one', 'two'])
    expect(stdout).not.toContain(readFileSync(shell.path('one.token'), 'utf8').trim())

    const append = async (args: string): Promise<number | null> =>
      (await shell.run(`treehead add --url ${server.url} ${args} -`, 'with a token')).code
    // The server sees each change by itself, within a second or so.
    await expect.poll(() => append('--token-file one.token'), { timeout: 20_000, interval: 300 }).toBe(0)
    expect((await treehead('token remove --label one')).code).toBe(0)
    expect((await treehead('token remove --label one')).code).toBe(2)
    await expect.poll(() => append('--token-file one.token'), { timeout: 20_000, interval: 300 }).toBe(2)
    await restart()
    expect(await append('--token-file one.token')).toBe(2)
    expect(await append(`--token ${two.stdout.trim()}`)).toBe(0)
  })

  const restart = async (): Promise<void> => {
    await server.stop()
    server = await startServer({ dataDir: shell.path('treehead-data') })
  }

  it('is only read by fsck: no byte of it changes', async () => {
    await server.stop()
    const before = fingerprint(shell.path('treehead-data'))
    const { code, stdout } = await treehead('fsck --data level:treehead-data --json')
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { ok: true, checked: { entries: 702, keys: 702 } }])
    expect(fingerprint(shell.path('treehead-data'))).toEqual(before)
    expect(await treehead('fsck --data treehead-data')).toMatchObject({ code: 0 })
    const stranger = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
    expect((await treehead(`fsck --data treehead-data --vkey ${stranger}`)).code).toBe(1)
  })

  it('in which a byte of the database changed fails fsck', async () => {
    const files = readdirSync(shell.path('treehead-data/db')).filter((name) => /\.(ldb|log)$/.test(name))
    const large = files.filter((name) => statSync(shell.path(`treehead-data/db/${name}`)).size > 1_000)
    expect(large.length).toBeGreaterThan(0)
    for (const name of large) {
      cpSync(shell.path('treehead-data'), shell.path('flipped'), { recursive: true })
      const path = shell.path(`flipped/db/${name}`)
      const bytes = readFileSync(path)
      const at = bytes.indexOf('entry 3')
      // Where the text is compressed, a byte of the rows: the end of a file holds a filter, where some flips do no harm.
      bytes[at < 0 ? Math.floor(bytes.length / 3) : at + 6]! ^= 0xff
      writeFileSync(path, bytes)
      const { code, stdout, stderr } = await treehead('fsck --data flipped')
      expect([1, 3]).toContain(code)
      expect(stdout + stderr).toMatch(/^(damaged: \d+ problems? in size 702, the first at |treehead: \w+: )/)
      rmSync(shell.path('flipped'), { recursive: true })
    }
  })

  it('older than its ledger fails fsck, and its head cannot be adopted', async () => {
    cpSync(shell.path('treehead-data'), shell.path('old'), { recursive: true })
    server = await startServer({ dataDir: shell.path('treehead-data') })
    await add(server, Buffer.from('one more'))
    await server.stop()
    cpSync(shell.path('treehead-data/ledger'), shell.path('old/ledger'))
    const { code, stdout } = await treehead('fsck --data old')
    expect([code, stdout]).toEqual([
      1,
      expect.stringContaining('signed a checkpoint of size 703, and its newest has 702'),
    ])
    expect(await treehead('ledger adopt --data level:old --yes')).toMatchObject({ code: 2 })
  })

  it('whose ledger is lost starts again once its head is adopted, and not before', async () => {
    renameSync(shell.path('treehead-data/ledger'), shell.path('lost'))
    const refused = await startServer({ dataDir: shell.path('treehead-data') }).catch(String)
    expect(refused).toContain('treehead ledger adopt')
    expect(await treehead('fsck --data treehead-data')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('no ledger'),
    })
    expect(await treehead('ledger show')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('treehead ledger adopt'),
    })

    const before = fingerprint(shell.path('treehead-data'))
    const looked = await treehead('ledger adopt --data level:treehead-data')
    expect(looked).toMatchObject({ code: 2, stdout: expect.stringMatching(/^size 703, root .*, signed at 20/) })
    expect(looked.stderr).toContain('forks the log')
    expect(fingerprint(shell.path('treehead-data'))).toEqual(before)

    expect(await treehead('ledger adopt --data level:treehead-data --yes')).toMatchObject({ code: 0 })
    expect((await treehead('fsck --data treehead-data')).code).toBe(0)
    server = await startServer({ dataDir: shell.path('treehead-data') })
    expect(await add(server, Buffer.from('after adoption'))).toBe(703)
    await server.stop()
  })

  it('whose ledger is damaged says to remove it first; one that is empty is adopted into', async () => {
    const path = shell.path('treehead-data/ledger')
    const size = statSync(path).size
    writeFileSync(path, Buffer.alloc(size, 0x55))
    expect(await treehead('ledger adopt --yes')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('ledger_damaged'),
    })
    writeFileSync(path, Buffer.alloc(size))
    expect((await treehead('ledger adopt --yes')).code).toBe(0)
    server = await startServer({ dataDir: shell.path('treehead-data') })
    await server.stop()
  })

  it('with a ledger elsewhere is looked at there', async () => {
    renameSync(shell.path('treehead-data/ledger'), shell.path('elsewhere'))
    expect((await treehead('fsck --data treehead-data --ledger elsewhere')).code).toBe(0)
    expect((await treehead('ledger show --ledger elsewhere')).code).toBe(0)
    rmSync(shell.path('elsewhere'))
    expect((await treehead('ledger adopt --ledger elsewhere --yes')).code).toBe(0)
    expect(existsSync(shell.path('elsewhere'))).toBe(true)
    renameSync(shell.path('elsewhere'), shell.path('treehead-data/ledger'))
  })

  it('with a key that others can read is refused by name', async () => {
    chmodSync(shell.path('treehead-data/log.key'), 0o644)
    expect(await treehead('fsck --data treehead-data')).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('key_permissions'),
    })
    chmodSync(shell.path('treehead-data/log.key'), 0o600)
  })
})

describe('refusals', () => {
  it('name only commands and flags that there are', async () => {
    const program = await createProgram()
    const lines = Object.values(refusals).flatMap((text) =>
      [...text.matchAll(/`treehead ([^`]+)`/g)].map(([, line]) => line ?? ''),
    )
    expect(lines.length).toBeGreaterThan(3)
    for (const line of lines) {
      let command = program
      for (const word of line.split(' ')) {
        if (word.startsWith('--'))
          expect([line, command.options.some(({ long }) => long === word)]).toEqual([line, true])
        else if (word !== '…')
          command = command.commands.find((below) => below.name() === word) ?? expect.fail(`no command ${line}`)
      }
    }
  })
})
