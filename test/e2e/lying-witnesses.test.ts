/** Witnesses that lie to a log: it publishes what the honest quorum cosigned, as quickly as ever, and names the others. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { serve } from '../../src/http/serve.node.ts'
import { Witnessing } from '../../src/log/witnesses/witnessing.ts'
import { COSIGNATURE_V1 } from '../../src/note/algorithm.ts'
import { signerKey } from '../../src/note/key.ts'
import { openStorage } from '../../src/storage/backends.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { checkPolicy } from '../../src/tlog/quorum.ts'
import { startNode } from '../support/cluster.ts'
import { type LyingWitness, lies, lyingWitness, pests } from '../support/lying-witness.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'
import { memoryWitness } from '../support/memory-witness.ts'

const honestSeed = 40

const liars = (kinds: typeof lies): Promise<readonly LyingWitness[]> =>
  Promise.all(
    Object.entries(kinds).map(([name, lie]) =>
      lyingWitness(
        `${name}.example`,
        lie,
        signerKey('h0.example', COSIGNATURE_V1, new Uint8Array(32).fill(honestSeed)),
      ),
    ),
  )

const policyLines = (kinds: typeof lies, made: readonly LyingWitness[]): readonly string[] =>
  Object.keys(kinds).map((name, i) => `witness ${name} ${made[i]?.vkey} ${made[i]?.url}`)

const residentBytes = async (url: string): Promise<number> => {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(metrics)?.[1])
}

describe('[FAULT-18] a log with witnesses that lie', { timeout: 180_000 }, () => {
  it('publishes on the quorum of the honest ones, in bounded memory and without delay, and names the liars', async () => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-liars-'))
    const folder = join(home, 'log')
    await (await startNode({ args: ['serve', '--origin', 'log.example/liars'], folder })).end('SIGTERM')
    const vkey = readFileSync(join(folder, 'log.vkey'), 'utf8').trim()
    const all = { ...lies, ...pests }
    const made = await liars(all)
    const honest = await Promise.all(
      [0, 1, 2].map(async (i) => {
        const witness = await memoryWitness({ vkeys: [vkey], name: `h${i}.example`, seed: honestSeed + 2 * i })
        witness.setTime(Date.now())
        return { witness, server: await serve(witness.app, { host: '127.0.0.1', port: 0 }) }
      }),
    )
    const policy = [
      `log ${vkey}`,
      ...policyLines(all, made),
      ...honest.map(({ witness, server }, i) => `witness h${i} ${witness.vkeys[0]} ${server.url}`),
      'group honest all h0 h1 h2',
      `group pests all ${Object.keys(pests).join(' ')}`,
      // What the pests say counts: each head waits for their signatures too.
      'group both all honest pests',
      'quorum both',
    ]
    writeFileSync(join(home, 'policy.txt'), `${policy.join('\n')}\n`)
    const flags = ['--policy', join(home, 'policy.txt'), '--witness-timeout-ms', '2000']
    const log = await startNode({ args: ['serve', ...flags], folder })
    try {
      const token = readFileSync(join(folder, 'append.token'), 'utf8').trim()
      const before = await residentBytes(log.url)
      for (const liar of made) liar.isLying = true
      const headers = { Authorization: `Bearer ${token}`, Prefer: 'wait=witnessed' }
      for (let i = 0; i < 25; i++) {
        const response = await fetch(`${log.url}/add`, { method: 'POST', body: `entry ${i}`, headers })
        expect([response.status, await response.text()]).toEqual([200, String(i)])
      }
      const bytes = new Uint8Array(await (await fetch(`${log.url}/checkpoint`)).arrayBuffer())
      const { checkpoint, cosigners } = checkPolicy(parsePolicy(`${policy.join('\n')}\n`), bytes)
      expect(checkpoint.size).toBe(25)
      const names = cosigners.map(({ witness }) => witness.name)
      expect(names.filter((name) => name in lies)).toEqual([])
      // One line for each key, however many were sent.
      expect(new TextDecoder().decode(bytes).match(/sixty-times/g)).toHaveLength(1)
      await expect
        .poll(
          async () => {
            // An idle log asks nobody, so those that were left alone for a while have to be given cause to lie.
            await fetch(`${log.url}/add`, { method: 'POST', body: `more ${Math.random()}`, headers })
            const ready = await fetch(`${log.url}/readyz`)
            const text = await ready.text()
            return [ready.status, Object.keys(lies).filter((name) => !text.includes(`${name} is failing`))]
          },
          { timeout: 60_000, interval: 300 },
        )
        .toEqual([200, []])
      for (const liar of made) expect(liar.asked()).toBeGreaterThan(0)
      expect((await residentBytes(log.url)) - before).toBeLessThan(150 * 2 ** 20)
    } finally {
      await log.end('SIGKILL')
      for (const liar of made) await liar[Symbol.asyncDispose]()
      for (const { server } of honest) await server.stop(0)
      rmSync(home, { recursive: true, force: true })
    }
  })

  it('publishes nothing while only liars answer, of which one would be enough', async () => {
    const made = await liars(lies)
    const real = await memoryLog()
    await real.append(numbered(0, 5))
    const names = Object.keys(lies)
    const lines = [`log ${real.vkey}`, ...policyLines(lies, made), `group any-of-them any ${names.join(' ')}`]
    for (const liar of made) liar.isLying = true
    const failures: unknown[] = []
    const witnessing = await Witnessing.open({
      policy: parsePolicy(`${lines.join('\n')}\nquorum any-of-them\n`),
      store: (await openStorage('memory:', { create: true })).keyValue('witnessed'),
      head: () => real.log.reader.published,
      now: () => performance.now(),
      random: () => 0.5,
      limits: { intervalMs: 20, timeoutMs: 500, refreshMs: 60_000, maxUnwitnessed: 1_000 },
      observe: (event) => {
        if (event.kind !== 'no quorum') failures.push(event)
      },
    })
    try {
      witnessing.start()
      await expect.poll(() => made.every((liar) => liar.asked() >= 2), { timeout: 30_000 }).toBe(true)
      expect(witnessing.witnessed).toBeUndefined()
      expect(witnessing.links.map(({ state }) => state)).toEqual(names.map(() => 'failing'))
      expect(failures).toEqual([])
    } finally {
      await witnessing.stop()
      for (const liar of made) await liar[Symbol.asyncDispose]()
    }
  })

  it('is told by name of one that claims to have cosigned a larger tree, and goes on publishing', async () => {
    const real = await memoryLog()
    await real.append(numbered(0, 5))
    const honest = await memoryWitness({ vkeys: [real.vkey], name: 'h0.example', seed: honestSeed })
    const server = await serve(honest.app, { host: '127.0.0.1', port: 0 })
    const key = signerKey('h0.example', COSIGNATURE_V1, new Uint8Array(32).fill(honestSeed))
    const claims = await lyingWitness(
      'boaster.example',
      ({ response }) => void response.writeHead(409).end('999999\n'),
      key,
    )
    claims.isLying = true
    const lines = [
      `log ${real.vkey}`,
      `witness boaster ${claims.vkey} ${claims.url}`,
      `witness h0 ${honest.vkeys[0]} ${server.url}`,
      'quorum h0',
    ]
    const witnessing = await Witnessing.open({
      policy: parsePolicy(`${lines.join('\n')}\n`),
      store: (await openStorage('memory:', { create: true })).keyValue('witnessed'),
      head: () => real.log.reader.published,
      now: () => performance.now(),
      random: () => 0.5,
      limits: { intervalMs: 20, timeoutMs: 2_000, refreshMs: 60_000, maxUnwitnessed: 1_000 },
      observe: () => {},
    })
    try {
      witnessing.start()
      for (const size of [5, 6, 7]) {
        expect((await witnessing.reach(size, 20_000))?.size).toBe(size)
        await real.append(numbered(size, size + 1))
        witnessing.nudge()
      }
      const { state, detail } = witnessing.links[0] ?? {}
      expect([state, detail]).toEqual(['ahead', expect.stringMatching(/999999/)])
    } finally {
      await witnessing.stop()
      await claims[Symbol.asyncDispose]()
      await server.stop(0)
    }
  })
})
