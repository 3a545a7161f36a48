/**
 * R3: system calls that fail. Every call by which the server touches its data is made to fail once, with each error that
 * fits it or with SIGKILL, while it starts, appends and stops; also pairs, the second fault hitting the restart.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { entryWriter } from './entries.ts'
import { append, look, runLoad, settle } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { inParallel, progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogProcess, startLog, startServing, unstarted } from './server.ts'

/** Which calls, and what may become of each; all of them may also be the last thing the process does. */
const errorsOf = {
  openat: ['EIO', 'ENOSPC', 'EMFILE', 'EACCES'],
  read: ['EIO'],
  pread64: ['EIO'],
  write: ['EIO', 'ENOSPC'],
  pwrite64: ['EIO', 'ENOSPC'],
  fdatasync: ['EIO', 'ENOSPC'],
  fsync: ['EIO', 'ENOSPC'],
  rename: ['EIO', 'ENOSPC'],
  link: ['EIO', 'EMFILE'],
  unlink: ['EIO', 'EACCES'],
  mkdir: ['ENOSPC', 'EACCES'],
  ftruncate: ['EIO'],
  mmap: ['ENOMEM'],
  close: ['EIO'],
} as const

type Call = keyof typeof errorsOf
const calls = Object.keys(errorsOf) as Call[]

/** The n-th of one call on the server's data, and what becomes of it. */
interface Fault {
  readonly call: Call
  readonly ordinal: number
  readonly effect: string
}

/** The faults of each run of the server, one run after the other. */
type Plan = readonly (readonly Fault[])[]

const nameOf = ({ call, ordinal, effect }: Fault): string => `${call} ${ordinal} ${effect}`
const injection = ({ call, ordinal, effect }: Fault): string => `inject=${call}:${effect}:when=${ordinal}`

/** What to try. */
export interface SyscallOptions {
  /** Single faults; more than there are means all of them. */
  readonly singles: number
  /** Pairs of faults: in turn both in one process, and the second one in the restart after the first. */
  readonly pairs: number
  readonly seed: number
  readonly main?: string
  /** Only faults of these calls with these effects; default: all. */
  readonly only?: { readonly call: Call; readonly effect: string }
}

const strace = (...options: readonly string[]): readonly string[] => [
  // The tracer goes aside (-D), so that signals reach the server itself.
  'strace',
  '-f',
  '-D',
  '-qq',
  '-y',
  '-e',
  `trace=${calls.join(',')}`,
  ...options,
]

/** One thread does all file work but LevelDB's compaction, so that the n-th call is the same in each run. */
const oneThread = { UV_THREADPOOL_SIZE: '1', UV_USE_IO_URING: '0' }

/** Appends six entries one after the other and reads the checkpoint after each; false when an append fails. */
const work = async (server: LogProcess, oracle: Oracle, label: string): Promise<boolean> => {
  const entries = entryWriter(label, 1)
  for (let n = 0; n < 6 && server.exit() === undefined; n++) {
    if ((await append(server, oracle, entries.next())) !== 'acked') return false
    await look(server, oracle)
  }
  return true
}

/** Runs the program once without faults and answers the calls it made on files under `folder`, and their paths. */
const survey = async (
  folder: string,
  dataDir: string,
  main: { readonly main?: string },
): Promise<{ readonly faults: readonly Fault[]; readonly paths: readonly string[] }> => {
  const log = join(folder, 'survey')
  const oracle = new Oracle()
  {
    await using server = await startServing({ dataDir, ...main, env: oneThread, under: strace('-o', log) })
    oracle.vkey = server.vkey()
    await work(server, oracle, 'survey')
    await server.end('SIGTERM')
  }
  const most = new Map<Call, number>()
  const perThread = new Map<string, number>()
  const paths = new Set<string>()
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, thread = '', call = ''] = /^(\d+) +(\w+)\(/.exec(line) ?? []
    const touched = [...line.matchAll(/["<](\/[^">]*)[">]/g)].map(([, path = '']) => path)
    const ours = touched.filter((path) => path === dataDir || path.startsWith(`${dataDir}/`))
    if (ours.length === 0 || !(call in errorsOf)) continue
    for (const path of ours) paths.add(path)
    const count = (perThread.get(thread + call) ?? 0) + 1
    perThread.set(thread + call, count)
    most.set(call as Call, Math.max(most.get(call as Call) ?? 0, count))
  }
  const faults = [...most].flatMap(([call, count]) =>
    Array.from({ length: count }, (_, i) => i + 1).flatMap((ordinal) => [
      ...errorsOf[call].map((error) => ({ call, ordinal, effect: `error=${error}` })),
      { call, ordinal, effect: 'signal=KILL' },
    ]),
  )
  return { faults, paths: [...paths].map((path) => path.slice(dataDir.length)) }
}

/** Injects single faults and pairs of them. */
export const runSyscalls = async ({ singles, pairs, seed, main, only }: SyscallOptions): Promise<Report> => {
  using scratch = scratchFolder('syscalls')
  const program = main === undefined ? {} : { main }
  const golden = join(scratch.path, 'golden')
  const history = await makeGolden(golden, seed, program)
  const surveyed = join(scratch.path, 'surveyed')
  cpSync(golden, surveyed, { recursive: true })
  const { faults: all, paths } = await survey(scratch.path, surveyed, program)
  const faults = all.filter(({ call, effect }) => only === undefined || (call === only.call && effect === only.effect))
  const random = seededRandom(seed)
  const order = faults.map((fault) => ({ fault, key: random.next() })).sort((a, b) => a.key - b.key)
  const plans: Plan[] = order.slice(0, singles).map(({ fault }) => [[fault]])
  for (let n = 0; n < pairs; n++) {
    const first = random.pick(faults)
    // Of another call, since strace keeps one injection for each call.
    const second = random.pick(faults.filter(({ call }) => call !== first.call))
    plans.push(n % 2 === 0 ? [[first, second]] : [[first], [second]])
  }
  const figures = {
    'fault sites': faults.length,
    singles: Math.min(singles, faults.length),
    pairs,
    'did not start': 0,
    'stopped itself (70)': 0,
    'killed by the fault': 0,
    'went on': 0,
  }
  const findings: (Finding & { experiment: string })[] = []
  await inParallel(plans.length, async (n) => {
    const plan = plans[n] as Plan
    const dataDir = join(scratch.path, `run-${n}`)
    cpSync(golden, dataDir, { recursive: true })
    const oracle = history.copy()
    for (const [step, hits] of plan.entries()) await hurt(dataDir, hits, oracle, `${n}.${step}`)
    const experiment = plan.map((run) => run.map(nameOf).join(' and ')).join(', then ')
    for (const finding of await heal(dataDir, oracle)) findings.push({ ...finding, experiment })
    rmSync(dataDir, { recursive: true })
    progress(`syscalls ${n + 1}/${plans.length}, ${findings.length} broken promises`)
  })
  return { suite: 'syscalls', seed, experiments: plans.length, figures, findings }

  async function hurt(dataDir: string, hits: readonly Fault[], oracle: Oracle, label: string): Promise<void> {
    const ours = paths.flatMap((path) => ['-P', dataDir + path])
    const under = strace('-o', '/dev/null', ...ours, ...hits.flatMap((fault) => ['-e', injection(fault)]))
    await using server = await startLog({ dataDir, ...program, env: oneThread, under })
    if (await server.ready()) {
      const allAcked = await work(server, oracle, `fault ${seed}.${label}`)
      // A failed write must end the process by itself.
      if (!allAcked && server.exit() === undefined) await mustStop(server, oracle)
      if (server.exit() === undefined) await server.end('SIGTERM')
    }
    const exit = server.exit()
    if (exit?.signal === 'SIGKILL') figures['killed by the fault']++
    else if (exit?.code === 70) figures['stopped itself (70)']++
    else if (exit?.code === 0) figures['went on']++
    else figures['did not start']++
  }

  async function heal(dataDir: string, oracle: Oracle): Promise<readonly Finding[]> {
    await using server = await startLog({ dataDir, ...program })
    if (!(await server.ready())) return [...oracle.takeReported(), unstarted(server)]
    await settle(server, oracle)
    return await oracle.check(server.url)
  }
}

const mustStop = async (server: LogProcess, oracle: Oracle): Promise<void> => {
  const late = entryWriter(`late ${basename(server.dataDir)}`, 1).next()
  if ((await append(server, oracle, late)) === 'acked') {
    oracle.report({ invariant: 'I9', what: 'an append was acknowledged after a failed write' })
  }
  const ended = await Promise.race([server.ended, new Promise<undefined>((done) => setTimeout(done, 5000, undefined))])
  if (ended === undefined) oracle.report({ invariant: 'I9', what: 'the server lives on 5 s after a failed write' })
}

/** A log that has been killed once, so that its start has records to recover. */
const makeGolden = async (dataDir: string, seed: number, program: { readonly main?: string }): Promise<Oracle> => {
  const oracle = new Oracle()
  await using server = await startServing({ dataDir, ...program })
  oracle.vkey = server.vkey()
  const entries = entryWriter(`golden ${seed}`, derivedSeed(seed, 0))
  await runLoad({ server, oracle, entries, producers: 8, each: 40, stop: AbortSignal.timeout(30_000) })
  await server.end('SIGKILL')
  return oracle
}
