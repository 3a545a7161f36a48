/** A log and its witnesses as real processes: only what a quorum has cosigned is published, and old copies do not start. */
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verifyProofFile } from '../../src/client/receipt.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { checkPolicy } from '../../src/tlog/quorum.ts'
import { type Cluster, startCluster, startNode } from '../support/cluster.ts'

const checkpointOf = async (cluster: Cluster): Promise<{ size: number; cosigners: readonly string[] } | undefined> => {
  const response = await fetch(`${cluster.log.url}/checkpoint`)
  if (response.status !== 200) return undefined
  const bytes = new Uint8Array(await response.arrayBuffer())
  const { checkpoint, cosigners } = checkPolicy(parsePolicy(readFileSync(cluster.policy)), bytes)
  return { size: checkpoint.size, cosigners: cosigners.map(({ witness }) => witness.name) }
}

const readyOf = async (cluster: Cluster): Promise<{ status: number; text: string }> => {
  const response = await fetch(`${cluster.log.url}/readyz`)
  return { status: response.status, text: await response.text() }
}

describe('a log with three witnesses, of which two are wanted', { timeout: 120_000 }, () => {
  it('[QUORUM-1] publishes what two have cosigned, and an append that waits gets their cosignatures', async () => {
    await using cluster = await startCluster(3, 2)
    await expect.poll(async () => (await checkpointOf(cluster))?.size, { timeout: 10_000 }).toBe(0)
    const entry = new TextEncoder().encode('hello, witnesses')
    const response = await cluster.append('hello, witnesses', { Accept: 'text/x.tlog-proof', Prefer: 'wait=witnessed' })
    expect(response.status).toBe(200)
    expect(response.headers.get('preference-applied')).toBe('wait=witnessed')
    const proof = new Uint8Array(await response.arrayBuffer())
    const policy = parsePolicy(readFileSync(cluster.policy))
    expect(verifyProofFile(proof, { entry, policy }).cosigners.length).toBeGreaterThanOrEqual(2)
    expect((await checkpointOf(cluster))?.size).toBe(1)
    // A stranger with the policy alone checks it too; what was not witnessed is a failure for them, never a warning.
    const signed = new Uint8Array(await (await fetch(`${cluster.log.url}/checkpoint/signed`)).arrayBuffer())
    expect(() => checkPolicy(policy, signed)).toThrow(expect.objectContaining({ code: 'untrusted' }))
  })

  it('[QUORUM-2] goes on with one witness down, takes entries with two down, and publishes them when one is back', async () => {
    await using cluster = await startCluster(3, 2, { log: ['--witness-timeout-ms', '1000'] })
    await cluster.witnesses[0]?.end('SIGKILL')
    expect((await cluster.append('one', { Prefer: 'wait=witnessed' })).status).toBe(200)
    await cluster.witnesses[1]?.end('SIGKILL')
    expect((await cluster.append('two')).status).toBe(200)
    await expect.poll(async () => (await readyOf(cluster)).text, { timeout: 15_000 }).toMatch(/w1 is failing/)
    expect((await readyOf(cluster)).status).toBe(200)
    expect((await checkpointOf(cluster))?.size).toBe(1)
    expect(await (await fetch(`${cluster.log.url}/metrics`)).text()).toMatch(
      /treehead_witness_cosigning\{witness="w0"\} 0/,
    )
    // A proof that would lack its quorum is not handed out.
    expect((await fetch(`${cluster.log.url}/proof/0`)).status).toBe(200)
    expect((await fetch(`${cluster.log.url}/proof/1`)).status).toBe(404)
    await cluster.restartWitness(1)
    await expect.poll(async () => (await checkpointOf(cluster))?.size, { timeout: 15_000 }).toBe(2)
    expect((await fetch(`${cluster.log.url}/proof/1`)).status).toBe(200)
    // The one that is still down is named, and that is all.
    await expect.poll(async () => (await readyOf(cluster)).text, { timeout: 5_000 }).not.toMatch(/unwitnessed/)
    expect((await readyOf(cluster)).text).toMatch(/"witness_missing","detail":"w0 is failing[^;]*"/)
  })

  it('[QUORUM-3] takes only so many entries without a quorum, says so, and an append that waits in vain is told to retry', async () => {
    await using cluster = await startCluster(3, 2, {
      log: ['--max-unwitnessed', '3', '--witness-wait-ms', '1000', '--witness-timeout-ms', '1000'],
    })
    expect((await cluster.append('zero', { Prefer: 'wait=witnessed' })).status).toBe(200)
    for (const witness of cluster.witnesses) await witness.end('SIGKILL')
    const waited = await cluster.append('one', { Prefer: 'wait=witnessed' })
    expect([waited.status, await waited.text()]).toEqual([503, expect.stringMatching(/replays are safe/)])
    const statuses = []
    for (const text of ['two', 'three', 'four', 'five']) statuses.push((await cluster.append(text)).status)
    expect(statuses).toEqual([200, 200, 200, 503])
    const ready = await readyOf(cluster)
    expect([ready.status, ready.text]).toEqual([503, expect.stringMatching(/quorum_missing/)])
    for (const i of [0, 1]) await cluster.restartWitness(i)
    await expect.poll(async () => (await cluster.append('five')).status, { timeout: 20_000 }).toBe(200)
    // What was answered with "retry" kept its place.
    expect(await (await cluster.append('one')).text()).toBe('1')
  })

  it('[QUORUM-4] serves the newest witnessed checkpoint again after a restart, also while no witness answers', async () => {
    await using cluster = await startCluster(3, 2)
    await cluster.append('one', { Prefer: 'wait=witnessed' })
    await cluster.witnesses[2]?.end('SIGKILL')
    await cluster.restartLog()
    expect((await checkpointOf(cluster))?.size).toBe(1)
  })

  it('[QUORUM-5] cosigns the newest head again when nothing is appended, so that its times stay fresh', async () => {
    await using cluster = await startCluster(1, 1, { log: ['--witness-refresh-ms', '500'] })
    const line = async (): Promise<string | undefined> =>
      (await (await fetch(`${cluster.log.url}/checkpoint`)).text()).split('\n').at(-2)
    await expect.poll(line, { timeout: 10_000 }).toMatch(/w0\.example/)
    const before = await line()
    await expect.poll(line, { timeout: 15_000, interval: 500 }).not.toBe(before)
  })
})

describe('[QUORUM-6] the rollback guard', { timeout: 120_000 }, () => {
  it('refuses to start on an older copy of everything that is on disk, and says how to recover', async () => {
    await using cluster = await startCluster(3, 2)
    await cluster.append('one', { Prefer: 'wait=witnessed' })
    await cluster.log.end('SIGTERM')
    cpSync(cluster.log.folder, `${cluster.log.folder}-old`, { recursive: true })
    await cluster.restartLog()
    await cluster.append('two', { Prefer: 'wait=witnessed' })
    await cluster.log.end('SIGTERM')
    rmSync(cluster.log.folder, { recursive: true })
    // Database and ledger alike: nothing on this machine knows better.
    cpSync(`${cluster.log.folder}-old`, cluster.log.folder, { recursive: true })
    await expect(cluster.restartLog()).rejects.toThrow(/behind_witness[\s\S]*treehead recover --from/)
    await expect(cluster.restartLog(['--proceed-without', 'w0,w1,w2'])).rejects.toThrow(/behind_witness/)
  })

  it('refuses while so many witnesses are silent that they could know of a newer head, unless an operator decides', async () => {
    await using cluster = await startCluster(3, 2, { log: ['--witness-timeout-ms', '1000'] })
    await cluster.append('one', { Prefer: 'wait=witnessed' })
    await cluster.witnesses[0]?.end('SIGKILL')
    await cluster.restartLog()
    await cluster.witnesses[1]?.end('SIGKILL')
    await expect(cluster.restartLog()).rejects.toThrow(/witness_unreachable/)
    await expect(cluster.restartLog(['--proceed-without', 'w0'])).rejects.toThrow(/witness_unreachable/)
    await expect(cluster.restartLog(['--proceed-without', 'w9'])).rejects.toThrow(/is no witness w9/)
    const log = await cluster.restartLog(['--proceed-without', 'w0,w1'])
    expect(log.stderr()).toMatch(/could not be asked/)
  })

  it('refuses a head that a witness has seen otherwise', async () => {
    await using cluster = await startCluster(1, 1)
    cpSync(cluster.log.folder, join(cluster.home, 'never'), { recursive: true })
    await cluster.append('one', { Prefer: 'wait=witnessed' })
    await cluster.log.end('SIGKILL')
    rmSync(cluster.log.folder, { recursive: true })
    // The copy was taken while the log ran; a second log grows another entry on it, with the same key and no witness.
    cpSync(join(cluster.home, 'never'), cluster.log.folder, { recursive: true })
    const lone = await startNode({ args: ['serve'], folder: cluster.log.folder })
    await fetch(`${lone.url}/add`, {
      method: 'POST',
      body: 'another',
      headers: { Authorization: `Bearer ${cluster.token}` },
    })
    await lone.end('SIGTERM')
    await expect(cluster.restartLog()).rejects.toThrow(/fork_of_witness/)
    // And the witness has it on file: two signed heads of one size.
    await expect
      .poll(async () => (await fetch(`${cluster.witnesses[0]?.url}/evidence`)).text(), { timeout: 5_000 })
      .toMatch(/"kind":"fork"/)
  })
})
