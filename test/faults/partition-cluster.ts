/** A log and five witnesses as real processes, each behind a proxy, all of which may be killed, stopped and started again. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { formatVerifierKey } from '../../src/note/key.ts'
import { type Policy, parsePolicy } from '../../src/tlog/policy.ts'
import { openWitnessDir } from '../../src/witness/witness-dir.node.ts'
import { type Node, startNode } from '../support/cluster.ts'
import { freePort } from '../support/server.ts'
import { send } from './http.ts'
import { type NetworkProxy, startProxy } from './proxy.ts'
import type { Random } from './random.ts'
import { type LogProcess, startLog } from './server.ts'

/** How many witnesses, and how many of them are a quorum. */
export const witnessCount = 5
const quorum = 3

/** One of the processes, which is there or is not. */
export interface Member<T> {
  process: T | undefined
  /** True while SIGSTOP holds it. */
  isPaused: boolean
  /** True while it is down on purpose or on its way up. */
  isDown: boolean
}

/** The cluster. Disposing ends all of it. */
export interface PartitionCluster extends AsyncDisposable {
  readonly origin: string
  readonly vkey: string
  readonly policy: Policy
  readonly log: Member<LogProcess>
  readonly witnesses: readonly Member<Node>[]
  /** In front of each witness, for the log. */
  readonly proxies: readonly NetworkProxy[]
  /** In front of the log, for the witnesses. */
  readonly logProxy: NetworkProxy
  /** Starts that the log refused because too many witnesses were silent. */
  readonly refusedStarts: () => number
  /** Starts the log, again and again while witnesses are silent. Rejects when it does not start for another reason. */
  startLog(): Promise<void>
  startWitness(i: number): Promise<void>
}

const isHealthy = async (url: string): Promise<boolean> =>
  (await send(`${url}/healthz`, { timeoutMs: 2_000 })).status === 200

const origin = 'log.example/partition'

/** Makes the keys of all, so that everybody can be told of everybody before anything runs. */
const makeKeys = async (home: string): Promise<{ vkey: string; witnessKeys: readonly (readonly string[])[] }> => {
  const witnessKeys: string[][] = []
  for (let i = 0; i < witnessCount; i++) {
    await using dir = await openWitnessDir({ path: join(home, `w${i}`), name: `w${i}.example` })
    witnessKeys.push(dir.keys.map(formatVerifierKey))
  }
  await using first = await startLog({ dataDir: join(home, 'log'), args: ['--origin', origin] })
  if (!(await first.ready())) throw new Error(`the log did not start:\n${first.output()}`)
  const vkey = first.vkey()
  await first.end('SIGTERM')
  return { vkey, witnessKeys }
}

/** Starts everything in a folder. */
export const startPartitionCluster = async (home: string, random: Random): Promise<PartitionCluster> => {
  const { vkey, witnessKeys } = await makeKeys(home)
  const proxies: NetworkProxy[] = []
  const ports: number[] = []
  for (let i = 0; i < witnessCount; i++) {
    proxies.push(await startProxy(random))
    ports.push(await freePort())
  }
  const logProxy = await startProxy(random)
  const policyWith = (urls: readonly string[], logUrl: string): string =>
    [
      `log ${vkey} ${logUrl}`,
      ...urls.map((url, i) => `witness w${i} ${witnessKeys[i]?.[0]} ${url}`),
      `group some ${quorum} ${urls.map((_, i) => `w${i}`).join(' ')}`,
      'quorum some',
      '',
    ].join('\n')
  const logPolicy = policyWith(
    proxies.map(({ url }) => url),
    logProxy.url,
  )
  writeFileSync(join(home, 'log-policy.txt'), logPolicy)
  const direct = ports.map((port) => `http://127.0.0.1:${port}`)
  writeFileSync(join(home, 'witness-policy.txt'), policyWith(direct, logProxy.url))
  const log: Member<LogProcess> = { process: undefined, isPaused: false, isDown: true }
  const witnesses = proxies.map((): Member<Node> => ({ process: undefined, isPaused: false, isDown: true }))
  let refused = 0
  const cluster: PartitionCluster = {
    origin,
    vkey,
    policy: parsePolicy(logPolicy),
    log,
    witnesses,
    proxies,
    logProxy,
    refusedStarts: () => refused,
    startLog: async () => {
      const args = ['--policy', join(home, 'log-policy.txt'), '--witness-timeout-ms', '1500']
      for (let attempt = 0; attempt < 200; attempt++) {
        const started = await startLog({ dataDir: join(home, 'log'), args })
        while (started.exit() === undefined && !(await isHealthy(started.url))) await pause(50)
        if (started.exit() === undefined) {
          logProxy.target = started.url
          Object.assign(log, { process: started, isPaused: false, isDown: false })
          return
        }
        if (!/witness_unreachable/.test(started.output())) throw new Error(`the log: ${started.output().slice(-600)}`)
        refused++
        await pause(300)
      }
      throw new Error('the log did not start in 200 attempts')
    },
    startWitness: async (i) => {
      const args = ['witness', '--name', `w${i}.example`, '--policy', join(home, 'witness-policy.txt')]
      const process = await startNode({
        args: [...args, '--gossip-ms', '500', '--log-level', 'error'],
        folder: join(home, `w${i}`),
        port: ports[i] ?? 0,
      })
      const [proxy, member] = [proxies[i], witnesses[i]]
      if (proxy === undefined || member === undefined) throw new RangeError(`no witness ${i}`)
      proxy.target = process.url
      Object.assign(member, { process, isPaused: false, isDown: false })
    },
    async [Symbol.asyncDispose]() {
      await log.process?.end('SIGKILL')
      for (const { process } of witnesses) await process?.end('SIGKILL')
      for (const proxy of [...proxies, logProxy]) await proxy[Symbol.asyncDispose]()
    },
  }
  await Promise.all(witnesses.map((_, i) => cluster.startWitness(i)))
  await cluster.startLog()
  return cluster
}
