/** Our witness gossips with those of other people: it reads what they publish, and what they do not speak of breaks nothing. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { decodeUtf8 } from '../../src/primitives/bytes.ts'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { freePort } from '../support/server.ts'
import { type SignedLog, signedLog } from '../support/signed-log.ts'
import { goToolsOrSkip } from './go-tools.ts'
import { startLitewitness } from './litewitness.ts'
import { type SunlightPeer, startSunlight } from './sunlight.ts'
import { startTreeheadWitness } from './treehead-witness.ts'
import type { WitnessOptions, WitnessPeer } from './witness-peer.ts'

describe.skipIf(!goToolsOrSkip())('gossip of our witness', () => {
  const honest = signedLog('honest.example/log', 1)
  const lying = signedLog('lying.example/log', 2)
  let home: string
  let litewitness: WitnessPeer
  let litewitnessOptions: WitnessOptions
  let sunlight: SunlightPeer
  let ours: WitnessPeer

  const show = async ({ url }: WitnessPeer, log: SignedLog, oldSize: number, size: number): Promise<void> => {
    const body = decodeUtf8(log.request(oldSize, size))
    const response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
    expect([response.status, await response.text()]).toEqual([200, expect.stringMatching(/^— /)])
  }
  const calls = async (call: string, outcome: string): Promise<number> => {
    const metrics = await (await fetch(`${ours.url}/metrics`)).text()
    const line = new RegExp(`treehead_gossip_calls_total\\{call="${call}",outcome="${outcome}"\\} (\\d+)`)
    return Number(line.exec(metrics)?.[1] ?? 0)
  }
  const listed = async (): Promise<readonly { id: string; origin: string; sizes: readonly number[] }[]> =>
    ((await (await fetch(`${ours.url}/evidence`)).json()) as { evidence: [] }).evidence

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'th-gossip-'))
    const logs = [honest.vkey, lying.vkey]
    const options = (name: string) => ({ dir: join(home, name), name: `witness.example/${name}`, logs })
    litewitnessOptions = { ...options('litewitness'), port: await freePort() }
    litewitness = await startLitewitness(litewitnessOptions)
    sunlight = await startSunlight({ ...options('sunlight'), mirrorName: 'mirror.example/sunlight' })
    // Litewitness publishes no checkpoints; Sunlight's submission prefix does not either, but its monitoring prefix does.
    const peers = [litewitness.url, sunlight.url, sunlight.monitoringUrl].flatMap((url) => ['--peer', url])
    ours = await startTreeheadWitness({ ...options('treehead'), args: [...peers, '--gossip-ms', '100'] })
    return async () => {
      for (const witness of [ours, litewitness, sunlight]) await witness.kill()
      rmSync(home, { recursive: true, force: true })
    }
  })

  it('goes on cosigning among peers that know no gossip, and calls none of their answers a failure', async () => {
    let size = 0
    for (const next of [1, 7, 256]) {
      for (const witness of [litewitness, sunlight, ours]) await show(witness, honest, size, next)
      size = next
    }
    const [asked, told] = [await calls('checkpoint', 'ok'), await calls('tell', 'ok')]
    await expect.poll(() => calls('checkpoint', 'ok'), { timeout: 10_000 }).toBeGreaterThan(asked + 12)
    expect(told).toBeGreaterThan(0)
    expect(await listed()).toEqual([])
    const ready = await fetch(`${ours.url}/readyz`)
    expect(ready.status).toBe(200)
    for (const call of ['checkpoint', 'tell', 'evidence'])
      expect([call, await calls(call, 'failed')]).toEqual([call, 0])
  })

  it("finds the other branch of a fork in what Sunlight's witness publishes", async () => {
    await show(ours, lying, 0, 9)
    await show(sunlight, lying.fork(5), 0, 9)
    await expect.poll(listed, { timeout: 20_000 }).toHaveLength(1)
    const [fork] = await listed()
    expect(fork).toMatchObject({ origin: lying.origin, sizes: [9, 9] })
    const bytes = new Uint8Array(await (await fetch(`${ours.url}/evidence/${fork?.id}`)).arrayBuffer())
    const evidence = parseEvidence(bytes)
    expect(verifyEvidence(evidence)).toMatchObject({ origin: lying.origin })
    // The log that forked is not cosigned any more, others are.
    const refused = await fetch(`${ours.url}/add-checkpoint`, {
      method: 'POST',
      body: decodeUtf8(lying.request(9, 10)),
    })
    expect(refused.status).toBe(422)
    await show(ours, honest, 256, 300)
  })

  it('goes on without a peer that is gone, and finds it again', async () => {
    await litewitness.kill()
    const before = await calls('checkpoint', 'failed')
    await expect.poll(() => calls('checkpoint', 'failed'), { timeout: 10_000 }).toBeGreaterThan(before)
    await show(ours, honest, 300, 301)
    litewitness = await startLitewitness(litewitnessOptions)
    const failuresIn = async (ms: number): Promise<number> => {
      const counted = await calls('checkpoint', 'failed')
      await pause(ms)
      return (await calls('checkpoint', 'failed')) - counted
    }
    await expect.poll(() => failuresIn(500), { timeout: 20_000 }).toBe(0)
  })
})
