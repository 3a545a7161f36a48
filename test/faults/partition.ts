/**
 * Partitions: a log and five witnesses with a quorum of three, as real processes behind proxies that drop, delay, repeat,
 * reorder and starve; any of them is killed, paused and restarted at any moment, while producers append. Storms and calms
 * take turns; in each calm the quorum must come back, and at the end all that was ever cosigned must be of one history.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { encodeHex } from '../../src/primitives/hex.ts'
import { checkPolicy } from '../../src/tlog/quorum.ts'
import { originHash } from '../../src/witness/records.ts'
import { entryWriter } from './entries.ts'
import { send } from './http.ts'
import { append, settle } from './load.ts'
import { Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { type Member, type PartitionCluster, startPartitionCluster, witnessCount } from './partition-cluster.ts'
import { proxyModes } from './proxy.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'

/** How long to go on. */
export interface PartitionOptions {
  readonly seconds: number
  readonly seed: number
}

/** The quorum must be back after so long; how long it really takes is reported. */
const maxHealMs = 60_000

const sizeIn = (body: Buffer): number => Number(body.toString().split('\n')[1] ?? Number.NaN)

/** Hurts a cluster and watches it. */
class Storms {
  readonly figures = { 'network changes': 0, kills: 0, pauses: 0, acked: 0, 'not acked': 0, 'heads seen': 0 }
  readonly healMs: number[] = []
  readonly oracle = new Oracle()
  readonly broken: string[] = []
  readonly #cluster: PartitionCluster
  readonly #random: Random
  readonly #sizes = new Map<number, number>()
  readonly #tasks = new Set<Promise<void>>()
  #isOver = false

  constructor(cluster: PartitionCluster, random: Random) {
    this.#cluster = cluster
    this.#random = random
    this.oracle.vkey = cluster.vkey
  }

  async run(seconds: number, seed: number): Promise<void> {
    const entries = entryWriter(`partition ${seed}`, seed)
    const sent: Buffer[] = []
    const next = (): Buffer => {
      const entry = entries.next()
      sent.push(entry)
      return entry
    }
    const work = [this.#watch(), ...[1, 2, 3].map(() => this.#produce(next))]
    const end = performance.now() + 1_000 * seconds
    await this.#calm()
    while (performance.now() < end) {
      const stormEnd = Math.min(end, performance.now() + this.#random.pick([3_000, 5_000, 9_000, 20_000]))
      while (performance.now() < stormEnd) {
        this.#hurt()
        await pause(this.#random.integer(150, 700))
      }
      await this.#calm()
      progress(
        `partition: ${Math.round((end - performance.now()) / 1_000)} s left, ${this.broken.length} broken promises`,
      )
    }
    this.#isOver = true
    await Promise.all(work)
    await this.#checkAll(sent)
  }

  /** One more thing goes wrong. */
  #hurt(): void {
    const { proxies, logProxy, witnesses, log } = this.#cluster
    const random = this.#random
    const roll = random.next()
    const i = random.integer(0, witnessCount)
    const [proxy, witness] = [proxies[i], witnesses[i]]
    if (proxy === undefined || witness === undefined) return
    if (roll < 0.55) {
      this.figures['network changes']++
      const changed = roll < 0.4 ? [proxy] : roll < 0.47 ? [logProxy] : proxies.slice(0, random.integer(3, 6))
      for (const one of changed) one.mode = random.pick(proxyModes)
    } else if (roll < 0.57) {
      // The log is cut off from all, until the calm.
      this.figures['network changes']++
      for (const one of proxies) one.mode = 'drop'
    } else if (roll < 0.7) this.#kill(witness, () => this.#cluster.startWitness(i))
    else if (roll < 0.78) this.#kill(log, () => this.#cluster.startLog())
    else if (roll < 0.92) this.#stop(witness, witness.process)
    else this.#stop(log, log.process)
  }

  /** SIGKILL, and up again a while later. */
  #kill(member: Member<{ end(signal: 'SIGKILL'): Promise<unknown> }>, start: () => Promise<void>): void {
    const { process } = member
    if (member.isDown || process === undefined) return
    this.figures.kills++
    member.isDown = true
    const wait = this.#random.integer(0, 2_000)
    this.#background(async () => {
      await process.end('SIGKILL')
      await pause(wait)
      await start()
    })
  }

  #stop(member: Member<unknown>, process: { readonly pid: number } | undefined): void {
    if (member.isDown || member.isPaused || process === undefined) return
    this.figures.pauses++
    member.isPaused = true
    const ms = this.#random.integer(200, 3_000)
    signal(process.pid, 'SIGSTOP')
    this.#background(async () => {
      await pause(ms)
      signal(process.pid, 'SIGCONT')
      member.isPaused = false
    })
  }

  #background(work: () => Promise<void>): void {
    const task = work()
      .catch((error: unknown) => void this.broken.push(error instanceof Error ? error.message : String(error)))
      .finally(() => this.#tasks.delete(task))
    this.#tasks.add(task)
  }

  /** The network heals and everything is up; then the quorum must come back. */
  async #calm(): Promise<void> {
    const { proxies, logProxy, log } = this.#cluster
    for (const proxy of [...proxies, logProxy]) proxy.mode = 'pass'
    await Promise.all(this.#tasks)
    const start = performance.now()
    const { url } = log.process ?? { url: '' }
    const wanted = sizeIn((await send(`${url}/checkpoint/signed`)).body)
    while (!(sizeIn((await send(`${url}/checkpoint`)).body) >= wanted)) {
      if (performance.now() - start > maxHealMs) {
        const ready = await send(`${url}/readyz`)
        return void this.broken.push(`no quorum ${maxHealMs} ms after all healed: ${ready.body.toString()}`)
      }
      await pause(20)
    }
    this.healMs.push(Math.round(performance.now() - start))
  }

  async #produce(next: () => Buffer): Promise<void> {
    while (!this.#isOver) {
      const { process, isDown } = this.#cluster.log
      const entry = process === undefined || isDown ? undefined : next()
      const outcome = process && entry && (await append(process, this.oracle, entry))
      if (outcome === 'acked') this.figures.acked++
      else if (outcome !== undefined) this.figures['not acked']++
      // One that was turned away is sent again at the end, as any producer would.
      if (outcome === 'refused' && entry !== undefined) this.oracle.unsettled.push(entry)
      await pause(outcome === 'acked' ? 30 : 200)
    }
  }

  /** Takes down every head that anybody serves, and whether anybody holds evidence. */
  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await this.#look()
      await pause(150)
    }
  }

  async #look(): Promise<void> {
    const { log, witnesses, policy, origin } = this.#cluster
    const published = await send(`${log.process?.url}/checkpoint`, { timeoutMs: 1_000 })
    if (published.status === 200) this.#judge('the log', () => checkPolicy(policy, published.body))
    if (published.status === 200) this.#judge('the log', () => this.oracle.saw(published.body.toString()))
    await Promise.all(
      witnesses.map(async ({ process, isDown, isPaused }, i) => {
        if (process === undefined || isDown || isPaused) return
        const path = `${encodeHex(originHash(origin))}/checkpoint`
        const latest = await send(`${process.url}/${path}`, { timeoutMs: 1_000 })
        if (latest.status === 200) this.#judge(`w${i}`, () => this.#sawOf(i, latest.body))
        const held = await send(`${process.url}/evidence`, { timeoutMs: 1_000 })
        if (held.status === 200 && held.body.toString() !== '{"evidence":[]}')
          this.broken.push(`w${i} holds evidence against an honest log: ${held.body.toString()}`)
      }),
    )
  }

  #sawOf(witness: number, body: Buffer): void {
    const { size } = this.oracle.saw(body.toString())
    // Answers of one process may overtake each other by one look, not more: looks wait for all of theirs.
    const before = this.#sizes.get(witness) ?? 0
    if (size < before) this.broken.push(`w${witness} went back from size ${before} to ${size}`)
    this.#sizes.set(witness, size)
  }

  #judge(who: string, look: () => unknown): void {
    try {
      look()
      this.figures['heads seen']++
    } catch (error) {
      this.broken.push(`${who} serves a head that does not verify: ${error instanceof Error ? error.message : error}`)
    }
  }

  /** All that was acknowledged is there and proven by a witnessed head, and all heads ever seen are of that history. */
  async #checkAll(sent: readonly Buffer[]): Promise<void> {
    const { process } = this.#cluster.log
    if (process === undefined) return void this.broken.push('the log is gone')
    await settle(process, this.oracle)
    await this.#calm()
    await this.#look()
    for (const entry of sent.slice(0, 10).concat(sent.slice(-10))) await append(process, this.oracle, entry, true)
    for (const { invariant, what } of await this.oracle.check(process.url)) this.broken.push(`${invariant} ${what}`)
  }
}

const signal = (pid: number, name: 'SIGSTOP' | 'SIGCONT'): void => {
  try {
    process.kill(pid, name)
  } catch {
    // It was killed meanwhile.
  }
}

const percentile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0

/** Storms for that many seconds, and reports. */
export const runPartition = async ({ seconds, seed }: PartitionOptions): Promise<Report> => {
  using scratch = scratchFolder('partition')
  await using cluster = await startPartitionCluster(scratch.path, seededRandom(derivedSeed(seed, 0)))
  const storms = new Storms(cluster, seededRandom(derivedSeed(seed, 1)))
  await storms.run(seconds, seed)
  const modes = proxyModes.map((mode) => {
    const count = [...cluster.proxies, cluster.logProxy].reduce((sum, { counts }) => sum + counts[mode], 0)
    return [`requests: ${mode}`, count] as const
  })
  const heal = storms.healMs.slice(1).toSorted((a, b) => a - b)
  const { figures } = storms
  return {
    suite: 'partition',
    seed,
    experiments: figures['network changes'] + figures.kills + figures.pauses,
    figures: {
      seconds,
      ...figures,
      'starts refused for silent witnesses': cluster.refusedStarts(),
      ...Object.fromEntries(modes),
      'different heads': storms.oracle.released,
      heals: heal.length,
      'quorum back p50 ms': percentile(heal, 0.5),
      'quorum back max ms': heal.at(-1) ?? 0,
    },
    findings: storms.broken.map((what) => ({ invariant: 'I2' as const, what, experiment: `seed ${seed}` })),
  }
}
