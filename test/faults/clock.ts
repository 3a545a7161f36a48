/**
 * R9: the wall clock jumps. Times of heads must go up, so with the clock set back the server refuses to append and goes on
 * serving; it refuses to start when the clock is behind its newest head; and it goes on when the clock is right again.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nativeLibrary } from './build.ts'
import { send } from './http.ts'
import { append, type Outcome } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogOptions, type LogProcess, startLog, startServing } from './server.ts'

/** What to try. */
export interface ClockOptions {
  /** Series of jumps. */
  readonly runs: number
  readonly seed: number
  readonly main?: string
}

const day = 86_400
const year = 365 * day
/** Jumps in seconds from the time of the newest head; most of those that stay are small, or the first would be the last. */
const jumps = [0, 0, 1, 1, 2, 60, 3600, day, year, -1, -60, -3600, -day, -year, -10 * year]

/** How far the clock may be behind the newest head before appends are refused; sooner, time goes on a millisecond a head. */
const toleranceSeconds = 1
/** Between setting the clock and the append some time passes. */
const slackSeconds = 1

interface TreeHead {
  readonly size: number
  readonly timestamp: number
}

const readTreeHead = async (server: LogProcess): Promise<TreeHead> => {
  const { body } = await send(`${server.url}/ct/v1/get-sth`)
  const { tree_size: size, timestamp } = JSON.parse(body.toString()) as { tree_size: number; timestamp: number }
  return { size, timestamp }
}

/** One log and its clock. */
class Series {
  readonly #options: LogOptions
  readonly #clockFile: string
  readonly #figures: Figures
  readonly oracle = new Oracle()
  /** The offset at which the newest head was made, and that head. */
  #newest = 0
  #last: TreeHead = { size: -1, timestamp: 0 }

  constructor(folder: string, program: { readonly main?: string }, figures: Figures) {
    this.#clockFile = join(folder, 'offset')
    const env = { LD_PRELOAD: nativeLibrary('clock'), CLOCK_FILE: this.#clockFile }
    this.#options = { dataDir: join(folder, 'data'), env, ...program }
    this.#figures = figures
    this.set(0)
  }

  /** Sets the clock relative to the time of the newest head. */
  set(jump: number): void {
    writeFileSync(this.#clockFile, String(this.#newest + jump))
  }

  async start(): Promise<LogProcess> {
    this.set(0)
    const server = await startServing(this.#options)
    this.oracle.vkey = server.vkey()
    return server
  }

  /** Sets the clock and appends: taken when the clock is ahead, refused when it is behind, and heads stay in order. */
  async jump(server: LogProcess, jump: number): Promise<void> {
    this.set(jump)
    this.#figures.jumps++
    const outcome = await append(server, this.oracle, Buffer.from(`clock ${this.#clockFile} ${this.#figures.jumps}`))
    if (outcome === 'acked') this.#figures.acked++
    if (outcome === 'refused') this.#figures['refused for the clock']++
    if (!this.#allowed(jump).includes(outcome)) this.#report(`an append with the clock set ${jump} s: ${outcome}`)
    if (outcome === 'acked') this.#newest += Math.max(0, jump)
    const head = await readTreeHead(server)
    const isLater =
      head.size > this.#last.size ? head.timestamp > this.#last.timestamp : head.timestamp >= this.#last.timestamp
    if (!isLater) this.#report(`tree head ${JSON.stringify(head)} after ${JSON.stringify(this.#last)}`)
    this.#last = head
  }

  #allowed(jump: number): readonly Outcome[] {
    if (jump >= 0) return ['acked']
    return this.#isBehind(jump) ? ['refused'] : ['acked', 'refused']
  }

  #isBehind(jump: number): boolean {
    return -jump > toleranceSeconds + slackSeconds
  }

  /** Starts with the clock set by `jump`: refused by name when that is behind the newest head. */
  async startAt(jump: number): Promise<void> {
    if (!this.#isBehind(jump)) return
    this.set(jump)
    await using early = await startLog(this.#options)
    if (await early.ready()) this.#report(`it started with the clock set ${jump} s`)
    else if (!/^treehead: clock: /m.test(early.output()))
      this.#report(`refused, but not for the clock: ${early.output()}`)
    else this.#figures['starts refused for the clock']++
  }

  #report(what: string): void {
    this.oracle.report({ invariant: 'I6', what })
  }
}

const newFigures = () => ({ jumps: 0, acked: 0, 'refused for the clock': 0, 'starts refused for the clock': 0 })
type Figures = ReturnType<typeof newFigures>

/** Runs series of twelve jumps, appending after each jump, and restarting after one in three. */
export const runClock = async ({ runs, seed, main }: ClockOptions): Promise<Report> => {
  const figures = newFigures()
  const findings: (Finding & { experiment: string })[] = []
  for (let n = 0; n < runs; n++) {
    using scratch = scratchFolder('clock')
    const random = seededRandom(derivedSeed(seed, n))
    const series = new Series(scratch.path, main === undefined ? {} : { main }, figures)
    let server = await series.start()
    for (let step = 0; step < 12; step++) {
      const jump = random.pick(jumps)
      await series.jump(server, jump)
      if (random.next() < 0.7) continue
      await server.end('SIGTERM')
      await series.startAt(jump)
      server = await series.start()
    }
    await series.jump(server, 0)
    for (const finding of await series.oracle.check(server.url))
      findings.push({ ...finding, experiment: `series ${n}` })
    await server.end('SIGKILL')
    progress(`clock ${n + 1}/${runs}, ${findings.length} broken promises`)
  }
  return { suite: 'clock', seed, experiments: figures.jumps, figures, findings }
}
