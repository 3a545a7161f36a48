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
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogProcess, startLog, startServing } from './server.ts'

/** What to try. */
export interface ClockOptions {
  /** Series of jumps. */
  readonly runs: number
  readonly seed: number
  readonly main?: string
}

const day = 86_400
const year = 365 * day
/** Jumps in seconds from the true time. */
const jumps = [0, 0, 1, -1, 60, -60, 3600, -3600, day, -day, year, -year, 10 * year, -10 * year]

/** How far the clock may be behind the newest head before appends are refused; sooner, time goes on a millisecond a head. */
const toleranceSeconds = 1

interface TreeHead {
  readonly size: number
  readonly timestamp: number
}

const treeHead = async (server: LogProcess): Promise<TreeHead | undefined> => {
  const { status, body } = await send(`${server.url}/ct/v1/get-sth`)
  if (status !== 200) return undefined
  const { tree_size: size, timestamp } = JSON.parse(body.toString()) as { tree_size: number; timestamp: number }
  return { size, timestamp }
}

/** Jumps about, appending after each jump, and restarting now and then. */
export const runClock = async ({ runs, seed, main }: ClockOptions): Promise<Report> => {
  const figures = { jumps: 0, acked: 0, 'refused for the clock': 0, 'starts refused for the clock': 0, 'tree heads': 0 }
  const findings: (Finding & { experiment: string })[] = []
  for (let n = 0; n < runs; n++) await series(n)
  return { suite: 'clock', seed, experiments: figures.jumps, figures, findings }

  async function series(n: number): Promise<void> {
    using scratch = scratchFolder('clock')
    const random = seededRandom(derivedSeed(seed, n))
    const file = join(scratch.path, 'offset')
    const env = { LD_PRELOAD: nativeLibrary('clock'), CLOCK_FILE: file }
    const options = { dataDir: join(scratch.path, 'data'), env, ...(main === undefined ? {} : { main }) }
    const oracle = new Oracle()
    let newest = 0
    let last: TreeHead = { size: -1, timestamp: 0 }
    const set = (offset: number): void => writeFileSync(file, String(offset))
    set(0)
    const report = (what: string): void => oracle.report({ invariant: 'I6', what })

    const appendAt = async (server: LogProcess, offset: number): Promise<void> => {
      figures.jumps++
      const outcome = await append(server, oracle, Buffer.from(`clock ${n} ${figures.jumps}`))
      if (outcome === 'acked') figures.acked++
      if (outcome === 'refused') figures['refused for the clock']++
      const want: readonly Outcome[] =
        offset >= newest ? ['acked'] : newest - offset > toleranceSeconds + 1 ? ['refused'] : ['acked', 'refused']
      if (!want.includes(outcome))
        report(`an append with the clock ${offset - newest} s off the newest head: ${outcome}`)
      if (outcome === 'acked') newest = Math.max(newest, offset)
      await compare(server)
    }
    const compare = async (server: LogProcess): Promise<void> => {
      const head = await treeHead(server)
      if (head === undefined) return
      figures['tree heads']++
      const isLater = head.size > last.size ? head.timestamp > last.timestamp : head.timestamp >= last.timestamp
      if (!isLater) report(`tree head ${head.size} is of ${head.timestamp}, head ${last.size} of ${last.timestamp}`)
      last = head
    }

    await using first = await startServing(options)
    let server: LogProcess = first
    oracle.vkey = server.vkey()
    for (let step = 0; step < 12; step++) {
      const offset = random.pick(jumps)
      set(offset)
      await appendAt(server, offset)
      if (random.next() < 0.7) continue
      await server.end('SIGTERM')
      if (newest - offset > toleranceSeconds + 1) await refusesToStart(offset)
      set(newest)
      server = await startServing(options)
      await compare(server)
    }
    set(newest)
    await appendAt(server, newest)
    const found = await oracle.check(server.url)
    for (const finding of found) findings.push({ ...finding, experiment: `series ${n}` })
    await server.end('SIGKILL')

    async function refusesToStart(offset: number): Promise<void> {
      await using early = await startLog(options)
      const started = await early.ready()
      if (started) report(`it started with the clock ${newest - offset} s behind its newest head`)
      else if (!/treehead: clock: /.test(early.output())) report(`refused, but not for the clock: ${early.output()}`)
      else figures['starts refused for the clock']++
    }
  }
}
