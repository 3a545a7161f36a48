/** A log that pushes to a mirror, both as real processes: a second copy that is behind by seconds, and a start that asks it. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startNode } from '../support/cluster.ts'
import { freePort } from '../support/server.ts'

describe('[MIRROR-20] a log with a mirror', { timeout: 120_000 }, () => {
  it('has a copy of every entry there, warns while it has not, and does not start on an older disk', async () => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-mirrored-'))
    try {
      const [folder, list] = [join(home, 'log'), join(home, 'mirrors.txt')]
      const ports = { log: await freePort(), mirror: await freePort() }
      const first = await startNode({ args: ['serve'], folder, port: ports.log })
      await first.end('SIGTERM')
      const vkey = readFileSync(join(folder, 'log.vkey'), 'utf8').trim()
      const token = readFileSync(join(folder, 'append.token'), 'utf8').trim()
      const startMirror = () =>
        startNode({
          args: ['mirror', '--log', vkey, '--name', 'm.example'],
          folder: join(home, 'm'),
          port: ports.mirror,
        })
      const mirror = await startMirror()
      const [key] = readFileSync(join(home, 'm/mirror.vkeys'), 'utf8').split('\n')
      writeFileSync(list, `witness m ${key} ${mirror.url}\nquorum none\n`)
      const startLog = () =>
        startNode({ args: ['serve', '--mirrors', list, '--mirror-refresh-ms', '500'], folder, port: ports.log })
      let log = await startLog()
      const append = (text: string): Promise<Response> =>
        fetch(`${log.url}/add`, { method: 'POST', body: text, headers: { Authorization: `Bearer ${token}` } })
      for (let i = 0; i < 300; i++) await append(`entry ${i}`)
      const metric = async (): Promise<string> => (await fetch(`${log.url}/metrics`)).text()
      await expect.poll(metric, { timeout: 20_000 }).toMatch(/treehead_mirror_size\{mirror="m"\} 300/)
      const { size } = (await (await fetch(`${log.url}/readyz`)).json()) as { readonly size: number }
      expect(size).toBe(300)
      await mirror.end('SIGKILL')
      expect((await append('while the mirror is away')).status).toBe(200)
      const ready = async (): Promise<string> => (await fetch(`${log.url}/readyz`)).text()
      await expect.poll(ready, { timeout: 20_000 }).toMatch(/"ready":true.*unmirrored/)
      await log.end('SIGTERM')
      cpSync(folder, join(home, 'old'), { recursive: true })
      const again = await startMirror()
      log = await startLog()
      await append('one more')
      await expect.poll(metric, { timeout: 20_000 }).toMatch(/treehead_mirror_size\{mirror="m"\} 302/)
      await log.end('SIGTERM')
      rmSync(folder, { recursive: true })
      cpSync(join(home, 'old'), folder, { recursive: true })
      await expect(startLog()).rejects.toThrow(/behind_witness: m: it has cosigned size 302, over 301/)
      await again.end('SIGTERM')
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })
})
