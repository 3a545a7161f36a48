/** `treehead recover`: a log whose folder is gone comes back from a mirror with the same head, or is refused. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { verifyProofFile } from '../../src/client/receipt.ts'
import { parseNote } from '../../src/note/note.ts'
import { type MirrorProcess, pushLog, startMirrorProcess } from '../mirror/mirror-process.ts'
import { hashOf } from '../mirror/test-mirror.ts'
import { addAll } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { mainPath, type Server, startServer } from '../support/server.ts'

const SIZE = 5_300
const folder = mkdtempSync(join(tmpdir(), 'treehead-recover-'))
const at = (name: string): string => join(folder, name)
const data = Array.from({ length: SIZE }, (_, i) => Buffer.from(`entry ${i} of a log that will be lost`))
const kept = [0, 1, 255, 256, 4_999, SIZE - 1]

describe('a log whose folder is deleted', () => {
  let mirror: MirrorProcess
  let log: Server
  let vkey = ''
  let checkpoint = new Uint8Array(0)
  const receipts = new Map<number, Uint8Array>()
  const remembered: { bytes: Uint8Array | undefined } = { bytes: undefined }

  const recover = (to: string, ...more: string[]) =>
    runCli(['recover', '--from', mirror.url, '--data', `level:${at(to)}`, '--vkey', vkey, ...more])

  beforeAll(async () => {
    log = await startServer({ dataDir: at('log') })
    vkey = log.vkey
    await addAll(log, data)
    for (const index of kept) {
      const response = await fetch(`${log.url}/proof/${index}`)
      receipts.set(index, new Uint8Array(await response.arrayBuffer()))
    }
    mirror = await startMirrorProcess(at('mirror'), ['--log', vkey])
    expect((await pushLog(log, mirror)).size).toBe(SIZE)
    checkpoint = new Uint8Array(await (await fetch(`${log.url}/checkpoint`)).arrayBuffer())
    const store = {
      load: async () => remembered.bytes,
      save: async (bytes: Uint8Array) => {
        remembered.bytes = bytes
      },
    }
    await new LogClient({ url: log.url, vkey, store }).checkpoint()
    await log.stop()
    for (const name of ['log.key', 'ledger'])
      writeFileSync(at(name), readFileSync(join(at('log'), name)), { mode: 0o600 })
    rmSync(at('log'), { recursive: true })
  })
  afterAll(async () => {
    await mirror.stop('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  })

  it('[RECOVER-1] [RECOVER-2] comes back with the same head, serves it, and every old receipt verifies', async () => {
    const outcome = await recover('back', '--mirror-vkey', join(at('mirror'), 'mirror.vkeys'), '--key', at('log.key'))
    expect(outcome.stderr).toBe('')
    expect(outcome.code).toBe(0)
    expect(outcome.stdout).toContain(`size ${SIZE}, root ${parseNote(checkpoint).text.split('\n')[2]}`)
    expect(outcome.stdout).toMatch(/checked: 5,300 entries, [0-9]+ tiles, all right/)
    for (const name of ['log.key', 'tokens', 'sth.key', 'append.token'])
      expect(statSync(join(at('back'), name)).mode & 0o077, name).toBe(0)
    const fsck = await runCli(['fsck', '--data', `level:${at('back')}`])
    expect(fsck.code, fsck.stdout + fsck.stderr).toBe(0)

    const again = await startServer({ dataDir: at('back') })
    const served = new Uint8Array(await (await fetch(`${again.url}/checkpoint`)).arrayBuffer())
    expect(Buffer.from(served).toString()).toBe(Buffer.from(checkpoint).toString())
    for (const [index, file] of receipts) {
      expect(verifyProofFile(file, { vkey, entry: data[index] ?? data[0]! }).index).toBe(index)
      const fresh = await fetch(`${again.url}/proof/${index}`)
      expect(Buffer.from(await fresh.arrayBuffer()).equals(file), `receipt ${index}`).toBe(true)
    }
    const store = { load: async () => remembered.bytes, save: async () => {} }
    const client = new LogClient({ url: again.url, vkey, store })
    expect((await client.checkpoint()).checkpoint.size).toBe(SIZE)
    // It knows its old entries as its own, and goes on.
    expect(await addAll(again, [data[7]!, Buffer.from('new')])).toEqual([7, SIZE])
    expect((await client.checkpoint()).checkpoint.size).toBe(SIZE + 1)
    expect((await pushLog(again, mirror)).size).toBe(SIZE + 1)
    await again.stop()
    expect((await runCli(['fsck', '--data', `level:${at('back')}`])).code).toBe(0)
  })

  it('[RECOVER-3] that was interrupted goes on, and never writes over anything', async () => {
    const args = ['recover', '--from', mirror.url, '--data', `level:${at('twice')}`, '--vkey', vkey]
    for (const delay of [250, 400, 500, 600, 700, 800]) {
      const child = spawn(process.execPath, [mainPath, ...args], { stdio: 'ignore' })
      const ended = once(child, 'close')
      await new Promise((resolve) => setTimeout(resolve, delay))
      child.kill('SIGKILL')
      await ended
    }
    if (!existsSync(join(at('twice'), 'treehead.json'))) expect((await recover('twice')).code).toBe(0)
    writeFileSync(join(at('twice'), 'log.key'), readFileSync(at('log.key')), { mode: 0o600 })
    expect((await runCli(['fsck', '--data', `level:${at('twice')}`])).code).toBe(0)
    const before = readdirSync(at('twice')).toSorted()
    expect(before).not.toContain('recovering')
    const over = await recover('twice')
    expect([over.code, over.stderr]).toEqual([3, expect.stringContaining('is not empty')])
    expect(readdirSync(at('twice')).toSorted()).toEqual(before)
    mkdirSync(join(at('other-log'), 'recovering'), { recursive: true })
    writeFileSync(join(at('other-log'), 'recovering', 'recovering.json'), '{"origin":"other.example"}\n')
    const other = await recover('other-log')
    expect([other.code, other.stderr]).toEqual([3, expect.stringContaining('another log is being recovered')])
    writeFileSync(at('file'), 'mine')
    expect((await recover('file')).code).not.toBe(0)
    expect(readFileSync(at('file'), 'utf8')).toBe('mine')
  })

  it('[RECOVER-2] needs no private key to be read, and refuses to serve without', async () => {
    const outcome = await recover('keyless')
    expect(outcome.code).toBe(0)
    expect(outcome.stdout).toContain('log.key (mode 600)')
    expect(existsSync(join(at('keyless'), 'log.key'))).toBe(false)
    const serve = await runCli(['serve', '--data', `level:${at('keyless')}`, '--listen', '127.0.0.1:0'])
    expect([serve.code, serve.stderr]).toEqual([3, expect.stringContaining('wrong_key')])
    writeFileSync(join(at('keyless'), 'log.key'), readFileSync(at('log.key')), { mode: 0o600 })
    const fsck = await runCli(['fsck', '--data', `level:${at('keyless')}`])
    expect(fsck.code, fsck.stderr).toBe(0)
  })

  it('[RECOVER-4] is refused when the ledger knows a newer head than the mirror, and taken when it does not', async () => {
    const ledger = at('ledger')
    const fine = await recover('with-ledger', '--ledger', ledger, '--key', at('log.key'))
    expect(fine.stderr).toBe('')
    expect(fine.code).toBe(0)
    const again = await startServer({ dataDir: at('with-ledger'), args: ['--ledger', ledger] })
    await addAll(again, [Buffer.from('only the ledger knows')])
    await again.stop()
    rmSync(at('with-ledger'), { recursive: true })
    const behind = await recover('behind', '--ledger', ledger, '--key', at('log.key'))
    expect([behind.code, behind.stderr]).toEqual([3, expect.stringContaining('behind_ledger')])
    expect(existsSync(join(at('behind'), 'treehead.json'))).toBe(false)
  })

  it("[RECOVER-1] is refused when the mirror's key is another, the log's is, or there is no such copy", async () => {
    const keygen = await runCli(['keygen', '--name', 'm.example', '--type', 'cosigner', '--out', at('other.key')])
    expect(keygen.code).toBe(0)
    const other = await recover('other', '--mirror-vkey', at('other.key.vkey'))
    expect([other.code, other.stderr]).toEqual([1, expect.stringContaining('untrusted')])
    await runCli(['keygen', '--name', vkey.split('+')[0] ?? '', '--out', at('forged.key')])
    const forged = await runCli([
      'recover',
      '--from',
      mirror.url,
      '--data',
      at('other'),
      '--vkey',
      at('forged.key.vkey'),
    ])
    expect(forged.code).toBe(1)
    const key = await recover('other', '--key', at('forged.key'))
    expect([key.code, key.stderr]).toEqual([2, expect.stringContaining('--key')])
    await runCli(['keygen', '--name', 'nobody.example', '--out', at('nobody.key')])
    const nobody = await runCli([
      'recover',
      '--from',
      mirror.url,
      '--data',
      at('other'),
      '--vkey',
      at('nobody.key.vkey'),
    ])
    expect([nobody.code, nobody.stderr]).toEqual([1, expect.stringContaining('not_found')])
    expect(existsSync(at('other'))).toBe(false)
  })

  it('comes back from a backup folder as well', async () => {
    const url = `${mirror.url}/${hashOf(vkey.split('+')[0] ?? '')}`
    expect((await runCli(['backup', '--url', url, '--out', at('backup'), '--vkey', vkey])).code).toBe(0)
    const from = `file://${at('backup')}`
    const outcome = await runCli(['recover', '--from', from, '--data', at('from-backup'), '--vkey', vkey, '--json'])
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(JSON.parse(outcome.stdout)).toMatchObject({ size: SIZE + 1, entries: SIZE + 1 })
  })
})
