/**
 * One race: Tessera's hammer writes as fast as a log answers, while we watch from outside.
 *
 * Nothing is taken from what the log or the hammer claims. Appends per second are how fast the size in the signed
 * checkpoint grows; the time to publish is what a probe of ours sees, from sending an entry to the first checkpoint
 * that covers it. Both are read through plain HTTP, alike for every log.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { goTool } from '../../test/interop/go-tools.ts'
import { readProcess } from '../proc.ts'

/** A log to race, however it was started. */
export interface RunningLog {
  readonly url: string
  readonly vkey: string
  readonly pid: number
  /** The bearer token of `POST /add`, where one is needed. */
  readonly token?: string
}

/** How hard and for how long. */
export interface Load {
  readonly writers: number
  readonly leafBytes: number
  readonly warmUpMs: number
  readonly windowMs: number
}

/** What one race showed. Times are milliseconds. */
export interface Result {
  readonly appendsPerSecond: number
  /** From sending an entry to the answer. */
  readonly answerMs: Percentiles
  /** From sending an entry to seeing a checkpoint that covers it. */
  readonly publishMs: Percentiles
  readonly peakRssBytes: number
  /** Processor seconds per second of the window; 1 is one core kept busy. */
  readonly cores: number
  readonly cpuMicrosPerAppend: number
  readonly writtenBytesPerAppend: number
  readonly size: number
  /** What the load generator itself costs: on a machine it shares with the log, this bounds what any log can show. */
  readonly hammerCores: number
  /** Lines of the hammer's own log that tell of failed writes or reads. */
  readonly hammerErrors: number
}

/** Three points of a distribution. */
export interface Percentiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

const PROBES = 16
const POLL_MS = 10

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** The size in the log's checkpoint now. */
export const checkpointSize = async (url: string): Promise<number> => {
  const text = await (await fetch(`${url}/checkpoint`)).text()
  const size = Number(text.split('\n')[1])
  if (!Number.isSafeInteger(size)) throw new Error(`not a checkpoint: ${text.slice(0, 200)}`)
  return size
}

const percentiles = (values: readonly number[]): Percentiles => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

const startHammer = (
  { url, vkey, token }: RunningLog,
  load: Load,
): { readonly pid: number; stop(): Promise<string> } => {
  const args = [
    '--show_ui=false',
    `--log_url=${url}`,
    `--log_public_key=${vkey}`,
    `--num_writers=${load.writers}`,
    '--max_write_ops=200000', // far above what any contender reaches: the writers are never held back
    `--leaf_min_size=${load.leafBytes}`,
    '--dup_chance=0',
    ...(token === undefined ? [] : [`--bearer_token_write=${token}`]),
  ]
  const child = spawn(goTool('hammer'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  running.add(child)
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const closed = once(child, 'close').finally(() => running.delete(child))
  const stop = async (): Promise<string> => {
    if (child.exitCode !== null) throw new Error(`the hammer ended by itself (${child.exitCode}):\n${output}`)
    child.kill('SIGKILL')
    await closed
    return output
  }
  return { pid: child.pid ?? 0, stop }
}

/** Follows the checkpoint, remembering when each size was first seen. */
class Watcher {
  readonly seen: { readonly size: number; readonly at: number }[] = []
  #stopped = false
  readonly #waiting = new Set<{ readonly index: number; readonly wake: (at: number) => void }>()

  async run(url: string): Promise<void> {
    while (!this.#stopped) {
      const size = await checkpointSize(url)
      const at = performance.now()
      if (size > (this.seen.at(-1)?.size ?? -1)) {
        this.seen.push({ size, at })
        for (const waiter of this.#waiting) {
          if (waiter.index >= size) continue
          this.#waiting.delete(waiter)
          waiter.wake(at)
        }
      }
      await pause(POLL_MS)
    }
  }

  /** Resolves with the time at which a checkpoint that covers `index` was first seen. */
  covers(index: number): Promise<number> {
    const early = this.seen.find(({ size }) => size > index)
    if (early !== undefined) return Promise.resolve(early.at)
    return new Promise((wake) => this.#waiting.add({ index, wake }))
  }

  stop(): void {
    this.#stopped = true
  }

  /** Growth per second between the first and last checkpoint that came out in the window. */
  growth(from: number, to: number): number {
    const inside = this.seen.filter(({ at }) => at >= from && at <= to)
    const [first, last] = [inside[0], inside.at(-1)]
    if (first === undefined || last === undefined || first === last)
      throw new Error('fewer than two checkpoints in the window')
    return ((last.size - first.size) * 1000) / (last.at - first.at)
  }
}

const probe = async (
  log: RunningLog,
  load: Load,
  watcher: Watcher,
  name: string,
  until: number,
): Promise<[number, number][]> => {
  const samples: [number, number][] = []
  const headers: Record<string, string> = log.token === undefined ? {} : { authorization: `Bearer ${log.token}` }
  for (let n = 0; performance.now() < until; n++) {
    // At random moments: one that followed each checkpoint at once would always meet the longest wait for the next.
    await pause(Math.random() * 1000)
    const sent = performance.now()
    const body = `${name} ${n} `.padEnd(load.leafBytes, 'p')
    const response = await fetch(`${log.url}/add`, { method: 'POST', headers, body })
    const text = await response.text()
    if (response.status === 429 || response.status === 503) {
      await pause(1000)
      continue
    }
    if (response.status !== 200) throw new Error(`probe: ${response.status} ${text}`)
    const answered = performance.now()
    samples.push([answered - sent, (await watcher.covers(Number(text))) - sent])
  }
  return samples
}

/** Races one contender, which must be running on fresh data. */
export const race = async (log: RunningLog, load: Load): Promise<Result> => {
  const watcher = new Watcher()
  const watching = watcher.run(log.url)
  const hammer = startHammer(log, load)
  await pause(load.warmUpMs)
  const from = performance.now()
  const before = readProcess(log.pid)
  const hammerBefore = readProcess(hammer.pid)
  const names = Array.from({ length: PROBES }, (_, i) => `probe ${i}`)
  const probing = Promise.all(names.map((name) => probe(log, load, watcher, name, from + load.windowMs)))
  await pause(load.windowMs)
  const to = performance.now()
  const after = readProcess(log.pid)
  const hammerAfter = readProcess(hammer.pid)
  const samples = (await probing).flat()
  const output = await hammer.stop()
  watcher.stop()
  await watching
  const appendsPerSecond = watcher.growth(from, to)
  const appends = (appendsPerSecond * (to - from)) / 1000
  const cpu = after.cpuSeconds - before.cpuSeconds
  return {
    appendsPerSecond,
    answerMs: percentiles(samples.map(([answer]) => answer)),
    publishMs: percentiles(samples.map(([, publish]) => publish)),
    peakRssBytes: readProcess(log.pid).peakRssBytes,
    cores: (cpu * 1000) / (to - from),
    cpuMicrosPerAppend: (cpu * 1e6) / appends,
    writtenBytesPerAppend: (after.writtenBytes - before.writtenBytes) / appends,
    hammerCores: ((hammerAfter.cpuSeconds - hammerBefore.cpuSeconds) * 1000) / (to - from),
    size: watcher.seen.at(-1)?.size ?? 0,
    hammerErrors: output.split('\n').filter((line) => /^[WE]/.test(line)).length,
  }
}
