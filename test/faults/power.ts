/** R2: the power cut. A server is recorded under load; then many images of the moment of a cut are started and checked. */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nativeLibrary } from './build.ts'
import { entryWriter } from './entries.ts'
import { append, runLoad } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { inParallel, progress } from './parallel.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import { type Cut, type NameRule, PowerCuts, type Recording } from './replay.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { startLog, startServing, unstarted } from './server.ts'
import { type Tail, tails } from './tail.ts'

/** One recording to make, and how many images of it. */
export interface PowerOptions {
  readonly images: number
  readonly seed: number
  readonly main?: string
  /** Entries that each of eight producers sends while recorded. */
  readonly each: number
  /** The largest entry; large ones make LevelDB change log files and write tables. */
  readonly maxBytes: number
  readonly names?: readonly NameRule[]
  readonly tails?: readonly Tail[]
}

/** A recording and what the clients knew while it was made. */
interface Recorded {
  readonly recording: Recording
  readonly oracle: Oracle
}

/** Environment that loads the recorder into a server and gives it its folders under `folder`. */
export const recorded = (folder: string): { readonly env: Record<string, string>; readonly recording: Recording } => {
  const recording = { trace: join(folder, 'trace'), root: join(folder, 'root'), grave: join(folder, 'grave') }
  mkdirSync(recording.root)
  mkdirSync(recording.grave)
  writeFileSync(recording.trace, '')
  const env = {
    LD_PRELOAD: nativeLibrary('power'),
    POWER_ROOT: recording.root,
    POWER_TRACE: recording.trace,
    POWER_GRAVE: recording.grave,
    POWER_DELAY: join(folder, 'delay'),
  }
  return { env, recording }
}

/** Two sessions under load, each killed at its end, so that the trace also holds a recovery. */
const record = async (folder: string, { seed, main, each, maxBytes }: PowerOptions): Promise<Recorded> => {
  const { env, recording } = recorded(folder)
  // As slow as a disk, so that what happens before and after a sync is told apart.
  writeFileSync(env['POWER_DELAY'] ?? '', '2')
  const oracle = new Oracle(() => statSync(recording.trace).size)
  const entries = entryWriter(`power ${seed}`, seed, 32, maxBytes)
  for (let session = 0; session < 2; session++) {
    const dataDir = join(recording.root, 'data')
    await using server = await startServing({ dataDir, env, ...(main === undefined ? {} : { main }) })
    oracle.vkey = server.vkey()
    const stop = AbortSignal.timeout(120_000)
    await runLoad({ server, oracle, entries, producers: 8, stop, each: Math.ceil(each / 2) })
    await server.end('SIGKILL')
  }
  return { recording, oracle }
}

/** Half of the cuts anywhere; half near a change of names, which is where log files and tables come and go. */
const chooseCut = (cuts: PowerCuts, random: Random): number => {
  const named = cuts.events.flatMap((event, at) => ('path' in event ? [at] : []))
  const at = random.next() < 0.5 ? random.integer(1, cuts.events.length) : random.pick(named) + random.integer(-4, 9)
  return Math.min(cuts.events.length, Math.max(1, at))
}

/** Cuts the power `images` times over one recording. */
export const runPower = async (options: PowerOptions): Promise<Report> => {
  const { images, seed, main, names = ['late', 'early', 'strict'] } = options
  using scratch = scratchFolder('power')
  const { recording, oracle } = await record(scratch.path, options)
  const cuts = new PowerCuts(recording)
  const created = (name: RegExp): number =>
    cuts.events.filter((event) => event.kind === 'create' && name.test(event.path)).length
  const figures = {
    events: cuts.events.length,
    'log files': created(/\.log$/),
    tables: created(/\.ldb$/),
    acked: oracle.acknowledged,
    released: oracle.released,
    started: 0,
  }
  const refusals = { 'refused before anything was acknowledged': 0 }
  const findings: (Finding & { experiment: string })[] = []
  await inParallel(images, async (n) => {
    const random = seededRandom(derivedSeed(seed, n))
    const tail = (options.tails ?? tails)[n % (options.tails ?? tails).length] as Tail
    const cut: Cut = { at: chooseCut(cuts, random), tail, names: random.pick(names), seed: derivedSeed(seed, n) }
    const image = join(scratch.path, `image-${n}`)
    cuts.write(cut, image)
    const experiment = JSON.stringify(cut)
    for (const finding of await judge(image, cut)) findings.push({ ...finding, experiment })
    rmSync(image, { recursive: true })
    progress(`power ${n + 1}/${images}, ${findings.length} broken promises`)
  })
  return { suite: 'power', seed, experiments: images, figures: { ...figures, ...refusals }, findings }

  async function judge(image: string, cut: Cut): Promise<readonly Finding[]> {
    const at = cuts.events[cut.at - 1]?.end ?? 0
    await using server = await startLog({ dataDir: join(image, 'data'), ...(main === undefined ? {} : { main }) })
    if (!(await server.ready())) {
      if (oracle.knows({ at })) return [unstarted(server)]
      refusals['refused before anything was acknowledged']++
      return []
    }
    figures.started++
    if (!oracle.knows({ at })) return []
    const findings = await oracle.check(server.url, { at })
    if (findings.length > 0) return findings
    const after = new Oracle()
    after.vkey = oracle.vkey
    const outcome = await append(server, after, Buffer.from(`after the cut ${cut.seed}`))
    return outcome === 'acked' ? [] : [{ invariant: 'other', what: `an append after the cut: ${outcome}` }]
  }
}
