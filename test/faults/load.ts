/** Producers and readers that work a log until they are told to stop, and tell an oracle what they saw. */
import type { EntryWriter } from './entries.ts'
import { send } from './http.ts'
import type { Oracle } from './oracle.ts'
import type { LogProcess } from './server.ts'
import { framed } from './tiles.ts'
import { leafHashOf, rootFromInclusion } from './tree.ts'

/** What came of the requests of a load, a batch being one of them. */
export interface LoadCount {
  acked: number
  /** Answered with an error. */
  refused: number
  /** No answer: the entry may be in the log. */
  unknown: number
  /** Acknowledged although sent after the process had answered that a write failed: none is allowed (I9). */
  ackedAfterFailure: number
}

/** Work to do: how many producers, of what, until when. */
export interface LoadOptions {
  readonly server: LogProcess
  readonly oracle: Oracle
  readonly entries: EntryWriter
  readonly producers: number
  readonly stop: AbortSignal
  /** Each producer stops after so many entries. */
  readonly each?: number
  /** All stop once the server has said that a write failed. */
  readonly untilFailure?: boolean
}

const checkpointOfProof = (proof: string): string => proof.slice(proof.indexOf('\n\n') + 2)

const checkProof = (entry: Buffer, text: string, oracle: Oracle): number => {
  const [first = '', second = '', ...rest] = text.slice(0, text.indexOf('\n\n')).split('\n')
  const index = Number(/^index (\d+)$/.exec(second)?.[1])
  const checkpoint = oracle.saw(checkpointOfProof(text))
  const hashes = rest.filter((line) => !line.startsWith('extra ')).map((line) => Buffer.from(line, 'base64'))
  const root = rootFromInclusion({ index, size: checkpoint.size, leafHash: leafHashOf(entry), hashes })
  if (!first.startsWith('c2sp.org/tlog-proof@') || !root.equals(checkpoint.root)) {
    oracle.report({ invariant: 'I1', what: `the proof of entry ${index} does not lead to its checkpoint` })
  }
  return index
}

/** What came of an append. */
export type Outcome = 'acked' | 'refused' | 'writeFailed' | 'unknown'

/** Sends one entry and takes down what came of it. */
export const append = async (
  server: LogProcess,
  oracle: Oracle,
  entry: Buffer,
  wantsProof = false,
): Promise<Outcome> => {
  oracle.submitting(entry)
  const accept = wantsProof ? { Accept: 'text/x.tlog-proof' } : {}
  const headers = { Authorization: `Bearer ${server.token()}`, ...accept }
  const { status, body } = await send(`${server.url}/add`, { method: 'POST', body: entry, headers })
  const text = body.toString()
  if (status !== 200) return judge(status, text, oracle, [entry])
  oracle.acked(entry, wantsProof ? checkProof(entry, text, oracle) : Number(text))
  return 'acked'
}

const judge = (status: number | undefined, text: string, oracle: Oracle, entries: readonly Buffer[]): Outcome => {
  if (status !== undefined && status < 500 && status !== 429) {
    oracle.report({ invariant: 'other', what: `an append was answered ${status} ${text.slice(0, 200)}` })
  }
  if (status === undefined || /^unknown_outcome/.test(text) || status === 500) oracle.unsettled.push(...entries)
  if (status === undefined) return 'unknown'
  return /^(?:unknown_outcome|poisoned)/.test(text) ? 'writeFailed' : 'refused'
}

/** Sends several entries in one request, which get their indices together or not at all. */
export const appendBatch = async (server: LogProcess, oracle: Oracle, entries: readonly Buffer[]): Promise<Outcome> => {
  for (const entry of entries) oracle.submitting(entry)
  const headers = { Authorization: `Bearer ${server.token()}`, 'Content-Type': 'application/octet-stream' }
  const { status, body } = await send(`${server.url}/add-batch`, { method: 'POST', body: framed(entries), headers })
  const text = body.toString()
  if (status === 200) {
    const indices = text.trim().split('\n').map(Number)
    for (const [i, entry] of entries.entries()) oracle.acked(entry, indices[i] ?? Number.NaN)
    return 'acked'
  }
  return judge(status, text, oracle, entries)
}

/** Reads the checkpoint once, tells the oracle, and answers its text, empty when there was none. */
export const look = async (server: LogProcess, oracle: Oracle): Promise<string> => {
  const { status, body } = await send(`${server.url}/checkpoint`)
  if (status !== 200) return ''
  oracle.saw(body.toString())
  return body.toString()
}

/** Sends again every entry whose fate is unknown, so that each gets an index. */
export const settle = async (server: LogProcess, oracle: Oracle): Promise<void> => {
  const entries = oracle.unsettled.splice(0)
  for (const entry of entries.splice(0, 100)) await append(server, oracle, entry)
  while (entries.length > 0) await appendBatch(server, oracle, entries.splice(0, 1000))
}

/**
 * Runs producers and one reader of checkpoints, until the server ends. Of a producer's eight requests one asks for a proof
 * and one is a batch.
 */
export const runLoad = async (options: LoadOptions): Promise<LoadCount> => {
  const { server, oracle, entries, stop, each = Number.POSITIVE_INFINITY } = options
  const count: LoadCount = { acked: 0, refused: 0, unknown: 0, ackedAfterFailure: 0 }
  let failed = false
  let isOver = false
  const produce = async (): Promise<void> => {
    for (let sent = 0; sent < each && !stop.aborted && server.exit() === undefined; sent++) {
      if (failed && options.untilFailure) return
      const wasFailed = failed
      const outcome =
        sent % 8 === 3
          ? await appendBatch(server, oracle, Array.from({ length: 1 + (sent % 5) }, entries.next))
          : await append(server, oracle, entries.next(), sent % 8 === 7)
      if (outcome === 'acked') count.acked++
      else if (outcome === 'unknown') count.unknown++
      else count.refused++
      if (outcome === 'acked' && wasFailed) count.ackedAfterFailure++
      if (outcome === 'writeFailed') failed = true
      if (outcome === 'unknown') return
    }
  }
  const watch = async (): Promise<void> => {
    while (!isOver && !stop.aborted && server.exit() === undefined) await look(server, oracle)
  }
  const watching = watch()
  await Promise.all(Array.from({ length: options.producers }, produce))
  isOver = true
  await watching
  if (count.ackedAfterFailure > 0) {
    oracle.report({ invariant: 'I9', what: `${count.ackedAfterFailure} appends were acknowledged after a failure` })
  }
  return count
}
