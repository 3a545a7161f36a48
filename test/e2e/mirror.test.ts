/** `treehead mirror` as a process: killed at any moment, told of new logs while it runs, and wrong folders and flags. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { pushLog, startMirrorProcess } from '../mirror/mirror-process.ts'
import { hashOf } from '../mirror/test-mirror.ts'
import { addAll } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { type Server, startServer } from '../support/server.ts'

const folder = mkdtempSync(join(tmpdir(), 'treehead-mirror-cli-'))
let log: Server
let size = 0

const grow = async (by: number): Promise<void> => {
  await addAll(
    log,
    Array.from({ length: by }, (_, i) => Buffer.from(`entry ${size + i} of the log`)),
  )
  size += by
}

beforeAll(async () => {
  log = await startServer({ dataDir: join(folder, 'log') })
})
afterAll(async () => {
  await log.stop()
  rmSync(folder, { recursive: true, force: true })
})

describe('treehead mirror', () => {
  it('[MIRROR-17] has every cosigned entry after it was killed in the middle of uploads', async () => {
    const dataDir = join(folder, 'killed')
    let promised = 0
    for (const delay of [0, 20, 60, 120, 200]) {
      await grow(3_000)
      const mirror = await startMirrorProcess(dataDir, ['--log', log.vkey])
      if (promised > 0) {
        const client = new LogClient({ url: `${mirror.url}/${hashOf(log.origin)}`, vkey: log.vkey })
        const { checkpoint } = await client.checkpoint()
        expect(checkpoint.size).toBeGreaterThanOrEqual(promised)
        let seen = 0
        for await (const { index, data } of client.entries(0, checkpoint.size)) {
          if (Buffer.from(data).toString() !== `entry ${index} of the log`) throw new Error(`entry ${index} is another`)
          seen++
        }
        expect(seen).toBe(checkpoint.size)
      }
      const pushing = pushLog(log, mirror).then(
        (pushed) => pushed.size,
        () => 0,
      )
      await new Promise((resolve) => setTimeout(resolve, delay))
      await mirror.stop('SIGKILL')
      promised = Math.max(promised, await pushing)
    }
    await using mirror = await startMirrorProcess(dataDir, ['--log', log.vkey])
    expect((await pushLog(log, mirror)).size).toBe(size)
    expect(await mirror.stop('SIGTERM')).toBe(0)
  })

  it('takes a log on that is put on its list while it runs, and says how it is', async () => {
    const list = join(folder, 'logs.txt')
    writeFileSync(
      list,
      'logs/v0\nvkey other.example+f2b09783+AW2WoWk6Vr4n/5YN+FwGbdG8/LMfoFNXB2AGCgHmnuYX\n'.slice(0, 8),
    )
    const other = await runCli(['keygen', '--name', 'other.example', '--out', join(folder, 'other.key')])
    expect(other.code).toBe(0)
    const vkey = (await import('node:fs')).readFileSync(join(folder, 'other.key.vkey'), 'utf8').trim()
    writeFileSync(list, `logs/v0\nvkey ${vkey}\n`)
    await grow(300)
    await using mirror = await startMirrorProcess(join(folder, 'listed'), ['--log-list', list, '--name', 'm.example/1'])
    await expect(pushLog(log, mirror)).rejects.toMatchObject({ code: 'not_found' })
    writeFileSync(list, `logs/v0\nvkey ${vkey}\nvkey ${log.vkey}\n`)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect((await pushLog(log, mirror)).size).toBe(size)
    const ready = await fetch(`${mirror.url}/readyz`)
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }])
    expect((await fetch(`${mirror.url}/healthz`)).status).toBe(200)
    const metrics = await (await fetch(`${mirror.url}/metrics`)).text()
    expect(metrics).toContain(`treehead_mirror_size{origin="${log.origin}"} ${size}`)
    expect(metrics).toContain(`treehead_mirror_entries_total ${size}`)
    expect(metrics).toContain('treehead_mirror_uploads_total{outcome="cosigned"} 1')
    expect(await (await fetch(`${mirror.url}/evidence`)).json()).toEqual({ evidence: [] })
  })

  it('names a copy that was lost, and has it back after a push', async () => {
    const dataDir = join(folder, 'lost')
    await grow(500)
    {
      await using mirror = await startMirrorProcess(dataDir, ['--log', log.vkey])
      await pushLog(log, mirror)
    }
    rmSync(join(dataDir, 'logs'), { recursive: true })
    await using mirror = await startMirrorProcess(dataDir, ['--log', log.vkey])
    const ready = await fetch(`${mirror.url}/readyz`)
    expect(ready.status).toBe(503)
    expect(await ready.text()).toContain(`the copy of ${log.origin}: it has 0 entries, and ${size} were cosigned`)
    expect((await fetch(`${mirror.url}/${hashOf(log.origin)}/checkpoint`)).status).toBe(503)
    expect((await pushLog(log, mirror)).size).toBe(size)
    expect((await fetch(`${mirror.url}/readyz`)).status).toBe(200)
  })

  it.each([
    ['no log', [], 2, /want --log, --log-list or --policy/],
    ['a bad key', ['--log', 'nobody'], 2, /--log/],
    ['the folder of a log', ['--log', 'VKEY', '--data', 'LOG'], 3, /want the folder of a mirror/],
    ['an address that is none', ['--log', 'VKEY', '--listen', 'x'], 2, /--listen/],
  ])('refuses %s in one line', async (_, args, code, message) => {
    const real = args.map((arg) => (arg === 'VKEY' ? log.vkey : arg === 'LOG' ? log.dataDir : arg))
    const outcome = await runCli(['mirror', '--data', join(folder, 'refused'), ...real])
    expect(outcome.code).toBe(code)
    expect(outcome.stderr).toMatch(message)
    expect(outcome.stderr.trim().split('\n').length).toBe(1)
  })
})
