/**
 * R4: the disk is full. Without the watermark the server meets ENOSPC in the middle of writes and must stop at the first
 * one; with it appends are refused before that, reads go on, and appends resume when there is room again. Where no volume
 * may be mounted, a limit on the size of files takes the place of the first kind.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { entryWriter } from './entries.ts'
import { append, look, runLoad, settle } from './load.ts'
import { type Finding, Oracle } from './oracle.ts'
import { progress } from './parallel.ts'
import { derivedSeed, type Random, seededRandom } from './random.ts'
import type { Report } from './report.ts'
import { scratchFolder } from './scratch.ts'
import { type LogProcess, startLog, startServing, unstarted } from './server.ts'
import { mountVolume, type Volume } from './volume.ts'

/** The kinds of full disk. */
export const diskKinds = ['full', 'watermark', 'ledger', 'limit'] as const
/** One of them: `limit` is a limit on the size of files. */
export type DiskKind = (typeof diskKinds)[number]

/** What to try. */
export interface DiskOptions {
  readonly runs: number
  readonly seed: number
  readonly kinds?: readonly DiskKind[]
  readonly main?: string
}

/** One experiment. */
interface Run {
  readonly folder: string
  readonly random: Random
  readonly seed: number
  readonly oracle: Oracle
  readonly program: { readonly main?: string }
  readonly figures: Record<string, number>
}

const largest = 8192

const isRefusing = async (server: LogProcess, oracle: Oracle, label: string): Promise<boolean> =>
  (await append(server, oracle, Buffer.from(label))) === 'refused'

/** Appends until a write fails, makes room, and goes on appending, which only a server that did not stop would take. */
const loadPastFailure = async (server: LogProcess, run: Run, makeRoom: () => void): Promise<void> => {
  const { oracle, seed, figures } = run
  const load = { server, oracle, producers: 4, stop: AbortSignal.timeout(60_000) }
  await runLoad({ ...load, entries: entryWriter(`fill ${seed}`, seed, 32, largest), each: 6000, untilFailure: true })
  makeRoom()
  const late = entryWriter(`late ${seed}`, seed + 1, 32, largest)
  const after = await runLoad({ ...load, entries: late, producers: 2, each: 40 })
  figures['acked after the failure'] = (figures['acked after the failure'] ?? 0) + after.acked
  const exit = await Promise.race([server.ended, pause(3000, undefined, { ref: false })])
  if (exit?.code === 70) figures['stopped itself (70)'] = (figures['stopped itself (70)'] ?? 0) + 1
  else if (exit === undefined) {
    oracle.report({ invariant: 'I9', what: 'the server lives on after a failed write' })
    await server.end('SIGKILL')
  } else oracle.report({ invariant: 'other', what: `a failed write ended the server with ${exit.code ?? exit.signal}` })
}

const checkRestarted = async ({ oracle, program }: Run, dataDir: string): Promise<readonly Finding[]> => {
  await using server = await startLog({ dataDir, ...program, args: ['--min-free-bytes', '0'] })
  if (!(await server.ready())) return [...oracle.takeReported(), unstarted(server)]
  await settle(server, oracle)
  const outcome = await append(server, oracle, Buffer.from('after'))
  if (outcome !== 'acked') oracle.report({ invariant: 'other', what: `an append once there is room: ${outcome}` })
  return await oracle.check(server.url)
}

const full = async (run: Run, volume: Volume): Promise<readonly Finding[]> => {
  const dataDir = join(volume.path, 'data')
  {
    await using server = await startServing({ dataDir, ...run.program, args: ['--min-free-bytes', '0'] })
    run.oracle.vkey = server.vkey()
    volume.fillTo(run.random.integer(2 ** 16, 4 * 2 ** 20))
    await loadPastFailure(server, run, () => volume.relieve())
  }
  return checkRestarted(run, dataDir)
}

const limited = async (run: Run): Promise<readonly Finding[]> => {
  const dataDir = join(run.folder, 'data')
  const kibibytes = run.random.integer(128, 2048)
  {
    const under = ['bash', '-c', `ulimit -f ${kibibytes} && exec "$@"`, 'limited']
    await using server = await startServing({ dataDir, ...run.program, under, args: ['--min-free-bytes', '0'] })
    run.oracle.vkey = server.vkey()
    await loadPastFailure(server, run, () => {})
  }
  return checkRestarted(run, dataDir)
}

const watermark = async ({ oracle, seed, program }: Run, volume: Volume): Promise<readonly Finding[]> => {
  await using server = await startServing({ dataDir: join(volume.path, 'data'), ...program })
  oracle.vkey = server.vkey()
  const entries = entryWriter(`watermark ${seed}`, seed, 32, largest)
  const load = { server, oracle, entries, producers: 4, each: 20, stop: AbortSignal.timeout(30_000) }
  await runLoad(load)
  volume.fillTo(32 * 2 ** 20)
  await eventually(
    () => isRefusing(server, oracle, `refused ${seed}`),
    'appends are refused under the watermark',
    oracle,
  )
  await look(server, oracle)
  const findings = await oracle.check(server.url)
  volume.relieve()
  const isTaken = async (): Promise<boolean> => !(await isRefusing(server, oracle, `taken ${seed}`))
  await eventually(isTaken, 'appends resume once there is room', oracle)
  await runLoad(load)
  return [...findings, ...(await oracle.check(server.url))]
}

/** The ledger is alone on a full volume: its room was taken when it was made, so nothing may fail. */
const ledgerVolume = async ({ folder, oracle, seed, program }: Run, volume: Volume): Promise<readonly Finding[]> => {
  const args = ['--ledger', join(volume.path, 'ledger'), '--min-free-bytes', '0']
  await using server = await startServing({ dataDir: join(folder, 'data'), ...program, args })
  oracle.vkey = server.vkey()
  volume.fillTo(0)
  const entries = entryWriter(`ledger ${seed}`, seed, 32, largest)
  const count = await runLoad({ server, oracle, entries, producers: 4, each: 20, stop: AbortSignal.timeout(30_000) })
  if (count.acked !== 80) oracle.report({ invariant: 'other', what: `${count.acked} of 80 acked, full ledger volume` })
  return await oracle.check(server.url)
}

const eventually = async (holds: () => Promise<boolean>, what: string, oracle: Oracle): Promise<void> => {
  for (const end = performance.now() + 10_000; performance.now() < end; await pause(100)) if (await holds()) return
  oracle.report({ invariant: 'other', what: `not within 10 s: ${what}` })
}

/** Fills disks `runs` times, kind after kind. */
export const runDiskFull = async ({ runs, seed, kinds = diskKinds, main }: DiskOptions): Promise<Report> => {
  const figures: Record<string, number> = {}
  const findings: (Finding & { experiment: string })[] = []
  for (let n = 0; n < runs; n++) {
    const wanted = kinds[n % kinds.length] ?? 'limit'
    using scratch = scratchFolder('disk-full')
    using volume = mountVolume(join(scratch.path, 'volume'), wanted === 'watermark' ? 160 : 24)
    const kind = volume === undefined ? 'limit' : wanted
    const run = {
      folder: scratch.path,
      random: seededRandom(derivedSeed(seed, n)),
      seed: derivedSeed(seed, n),
      oracle: new Oracle(),
      program: main === undefined ? {} : { main },
      figures,
    }
    const found =
      volume === undefined || kind === 'limit'
        ? await limited(run)
        : await { full, watermark, ledger: ledgerVolume }[kind](run, volume)
    figures[kind] = (figures[kind] ?? 0) + 1
    figures['acked'] = (figures['acked'] ?? 0) + run.oracle.acknowledged
    for (const finding of found) findings.push({ ...finding, experiment: `${kind} ${n}` })
    progress(`disk-full ${n + 1}/${runs}, ${findings.length} broken promises`)
  }
  return { suite: 'disk-full', seed, experiments: runs, figures, findings }
}
