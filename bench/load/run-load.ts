/** Runs one load in a process of its own, and watches the server from outside meanwhile. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { repositoryRoot } from '../../test/support/root.ts'
import { machineCpuSeconds, readProcess } from '../proc.ts'
import { deferred } from './deferred.ts'
import type { Job, Report } from './generator.ts'
import type { LoadResult } from './load.ts'
import type { OpenResult } from './open-loop.ts'
import type { RequestKind } from './requests.ts'

/** What all loads append: entries of so many bytes, and so many of them in a batch. */
export const ENTRY_BYTES = 256
export const BATCH = 1_000

/** What a load showed, and what it cost. */
export interface Measured<Result extends LoadResult = LoadResult> {
  readonly result: Result
  /** Processor time of the server for each request of the window, in microseconds. */
  readonly serverMicros: number
  /** Cores kept busy in the window: by the server, its load generator, and all others on this machine. */
  readonly serverCores: number
  readonly generatorCores: number
  readonly otherCores: number
  /** Of the server, at the end of the window. */
  readonly rssBytes: number
}

/** The bundled generator. */
const generatorPath = join(repositoryRoot, '.cache/bench/generator.js')

interface Reading {
  readonly at: number
  readonly server: number
  readonly generator: number
  readonly machine: number
  readonly rssBytes: number
}

/** Runs the job against the server with that process id. Rejects when an answer was wrong. */
export const runLoad = async <J extends Job>(
  job: J,
  serverPid: number,
): Promise<Measured<J['generator'] extends 'open loop' ? OpenResult : LoadResult>> => {
  const child = fork(generatorPath, { stdio: 'inherit' })
  const exited = once(child, 'exit')
  const read = (): Reading => {
    const { cpuSeconds: server, rssBytes } = readProcess(serverPid)
    const generator = readProcess(child.pid ?? 0).cpuSeconds
    return { at: performance.now() / 1000, server, generator, machine: machineCpuSeconds(), rssBytes }
  }
  const readings: Reading[] = []
  const end = deferred<LoadResult | OpenResult>()
  child.on('message', (report: Report) => {
    if (report.kind === 'window') readings.push(read())
    else if (report.kind === 'result') end.resolve(report.result)
    else end.reject(new Error(report.message))
  })
  child.on('exit', (code) => end.reject(new Error(`the load generator ended with ${code}`)))
  child.send(job)
  const result = await end.promise
  await exited
  const [from, to] = readings as [Reading, Reading]
  const seconds = to.at - from.at
  const server = to.server - from.server
  const generator = to.generator - from.generator
  const measured = {
    result,
    serverMicros: (server * 1e6) / result.requests,
    serverCores: server / seconds,
    generatorCores: generator / seconds,
    otherCores: Math.max(0, to.machine - from.machine - server - generator) / seconds,
    rssBytes: to.rssBytes,
  }
  return measured as Measured<J['generator'] extends 'open loop' ? OpenResult : LoadResult>
}

/** A request of a batch in the form that costs a generator the least. */
export const batchRequest = (token: string, encoding: 'octet-stream' | 'cbor-seq' = 'octet-stream'): RequestKind => ({
  kind: 'add-batch',
  entryBytes: ENTRY_BYTES,
  entries: BATCH,
  encoding,
  token,
})

/** Appends `count` new entries, which must be whole batches. */
export const fill = (
  { url, pid }: { readonly url: string; readonly pid: number },
  token: string,
  count: number,
): Promise<Measured> => {
  if (count % BATCH !== 0) throw new RangeError(`want a multiple of ${BATCH} entries, got ${count}`)
  const load = { url, request: batchRequest(token), connections: 8, requests: count / BATCH }
  return runLoad({ generator: 'closed loop', load }, pid)
}
