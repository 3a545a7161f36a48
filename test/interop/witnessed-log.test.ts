/** Our log is cosigned by the witnesses of four makers at once, goes on without one of them, and is stopped by each. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { verifyProofFile } from '../../src/client/receipt.ts'
import { checkpointReader } from '../../src/client/trust.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { addAll, peekCheckpoint } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { freePort, type Server, startServer } from '../support/server.ts'
import { askGo, goToolsOrSkip } from './go-tools.ts'
import { startLitewitness } from './litewitness.ts'
import { startOmniwitness } from './omniwitness.ts'
import { startSunlight } from './sunlight.ts'
import { startTreeheadWitness } from './treehead-witness.ts'
import type { WitnessOptions, WitnessPeer } from './witness-peer.ts'

const starters: Readonly<Record<string, (options: WitnessOptions) => Promise<WitnessPeer>>> = {
  treehead: startTreeheadWitness,
  litewitness: startLitewitness,
  omniwitness: startOmniwitness,
  sunlight: (options) => startSunlight({ ...options, mirrorName: 'mirror.example/sunlight' }),
}
const makers = Object.keys(starters)

/** A witness that can be killed and started again where it was. */
interface Site {
  witness: WitnessPeer
  readonly restart: () => Promise<void>
}

describe.skipIf(!goToolsOrSkip())('our log, asking witnesses of four makers', { timeout: 120_000 }, () => {
  let home: string
  let dataDir: string
  let log: Server
  let policy: string
  const sites = new Map<string, Site>()

  const siteOf = (maker: string): Site => sites.get(maker)!

  /** A policy over every key of some witnesses: a maker is a group of its keys, and `threshold` makers are the quorum. */
  const policyOf = (threshold: number, who: readonly string[]): string => {
    const lines = who.flatMap((maker) => {
      const { vkeys, url } = siteOf(maker).witness
      const names = vkeys.map((_, i) => `${maker}-${i + 1}`)
      return [...names.map((name, i) => `witness ${name} ${vkeys[i]} ${url}`), `group ${maker} all ${names.join(' ')}`]
    })
    return [`log ${log.vkey}`, ...lines, `group enough ${threshold} ${who.join(' ')}`, 'quorum enough', ''].join('\n')
  }

  const start = async (threshold: number, who = makers, folder = dataDir): Promise<void> => {
    policy = policyOf(threshold, who)
    const file = join(home, 'policy.txt')
    writeFileSync(file, policy)
    // A witness that comes back is asked when there is a new head, or when the newest is cosigned afresh.
    const args = ['--policy', file, '--witness-timeout-ms', '2000', '--witness-refresh-ms', '1000']
    log = await startServer({ dataDir: folder, args })
  }

  /** Appends and waits for the quorum; the receipt is verified by us and by torchwood. Resolves to the keys that cosigned. */
  const appendWitnessed = async (text: string): Promise<number> => {
    const response = await fetch(`${log.url}/add`, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${log.token}`,
        'Content-Type': 'application/octet-stream',
        Accept: 'text/x.tlog-proof',
        Prefer: 'wait=witnessed',
      },
      body: text,
    })
    const receipt = new Uint8Array(await response.arrayBuffer())
    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, 'wait=witnessed'])
    const entry = encodeUtf8(text)
    const request = { op: 'check-proof', policy, text: decodeUtf8(receipt) }
    const [good, bad] = askGo([
      { ...request, entry },
      { ...request, entry: encodeUtf8(`not ${text}`) },
    ])
    expect([good?.ok, bad?.ok]).toEqual([true, false])
    return verifyProofFile(receipt, { entry, policy: parsePolicy(policy) }).cosigners.length
  }

  /** Resolves once each key of a maker has cosigned the newest head. */
  const caughtUp = (maker: string): Promise<void> =>
    expect
      .poll(
        async () => {
          const { size } = await peekCheckpoint(log.url)
          const metrics = await (await fetch(`${log.url}/metrics`)).text()
          return metrics.includes(`treehead_witness_size{witness="${maker}-1"} ${size}\n`)
        },
        { timeout: 30_000, interval: 200 },
      )
      .toBe(true)

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'th-many-'))
    dataDir = join(home, 'data')
    log = await startServer({ dataDir, args: ['--origin', 'interop.example/witnessed'] })
    await log.stop()
    for (const [maker, startWitness] of Object.entries(starters)) {
      const name = `witness.example/${maker}`
      const options = { dir: join(home, maker), name, logs: [log.vkey], port: await freePort() }
      const site: Site = {
        witness: await startWitness(options),
        restart: async () => {
          site.witness = await startWitness(options)
        },
      }
      sites.set(maker, site)
    }
    return async () => {
      await log.kill()
      for (const { witness } of sites.values()) await witness.kill()
      rmSync(home, { recursive: true, force: true })
    }
  })

  it('publishes what all of them have cosigned, with every key they have', async () => {
    await start(4)
    const keys = [...sites.values()].flatMap(({ witness }) => witness.vkeys)
    expect(keys).toHaveLength(7)
    for (const count of [0, 1, 255, 3_000]) {
      const { size } = await peekCheckpoint(log.url).catch(() => ({ size: 0 }))
      await addAll(
        log,
        Array.from({ length: count }, (_, i) => encodeUtf8(`entry ${size + i}`)),
      )
      expect(await appendWitnessed(`after ${count} at once`)).toBe(keys.length)
      const bytes = new Uint8Array(await (await fetch(`${log.url}/checkpoint`)).arrayBuffer())
      const { checkpoint, cosigners } = checkpointReader({ policy: parsePolicy(policy) }).open(bytes)
      expect(cosigners).toHaveLength(keys.length)
      const text = decodeUtf8(bytes)
      const [torchwood, formats] = askGo([
        { op: 'check-checkpoint', policy, text },
        { op: 'verify-checkpoint', text, key: log.vkey, keys, origin: log.origin },
      ])
      expect(torchwood).toMatchObject({ ok: true, size: checkpoint.size })
      expect(formats).toMatchObject({ ok: true, size: checkpoint.size, unknown: [] })
    }
    await log.stop()
  })

  it.each(makers)('goes on without %s, which catches up when it is back', async (maker) => {
    await start(3)
    await siteOf(maker).witness.kill()
    for (const i of [1, 2]) expect(await appendWitnessed(`${i} without ${maker}`)).toBeLessThan(7)
    await siteOf(maker).restart()
    await appendWitnessed(`with ${maker} again`)
    await caughtUp(maker)
    await log.stop()
  })

  it('publishes nothing without two of them, and starts again with the others', async () => {
    await start(3)
    const { size } = await peekCheckpoint(log.url)
    await siteOf('omniwitness').witness.kill()
    await siteOf('treehead').witness.kill()
    await addAll(log, [encodeUtf8('waits for a quorum')])
    await siteOf('treehead').restart()
    await log.kill()
    // The three that answer are asked for the newest head that they know of, and cosign this one again.
    await start(3)
    await expect.poll(async () => (await peekCheckpoint(log.url)).size, { timeout: 20_000 }).toBe(size + 1)
    await siteOf('omniwitness').restart()
    await appendWitnessed('all are back')
    await caughtUp('omniwitness')
    await log.stop()
  })

  it('is told by each of them alone that its disk is an older copy, or another history', async () => {
    const old = join(home, 'old')
    const forked = join(home, 'forked')
    for (const copy of [old, forked]) cpSync(dataDir, copy, { recursive: true })
    await start(4)
    await appendWitnessed('the newest entry')
    await log.stop()
    const lone = await startServer({ dataDir: forked })
    await addAll(lone, [encodeUtf8('another newest entry')])
    await lone.stop()
    const said = (maker: string, folder: string): Promise<string> =>
      start(1, [maker], folder).then(
        () => 'started',
        (error: unknown) => /(behind|fork_of)_witness/.exec(String(error))?.[0] ?? String(error),
      )
    for (const maker of makers) {
      const answers = [await said(maker, old), await said(maker, forked)]
      expect([maker, ...answers]).toEqual([maker, 'behind_witness', 'fork_of_witness'])
    }
    // The forked head was signed by the log, and ours alone holds that against it until an operator has looked.
    const { url } = siteOf('treehead').witness
    const { evidence } = (await (await fetch(`${url}/evidence`)).json()) as { evidence: { id: string }[] }
    expect(evidence).toHaveLength(1)
    await expect(start(4)).rejects.toThrow(/signed two histories/)
    const data = `level:${join(home, 'treehead/data')}`
    const acknowledged = await runCli(['evidence', 'acknowledge', evidence[0]!.id, '--data', data])
    expect(acknowledged.code).toBe(0)
    await expect.poll(() => start(4).then(() => 'started', String), { timeout: 20_000 }).toBe('started')
    expect(await appendWitnessed('goes on where it was')).toBe(7)
  })
})
