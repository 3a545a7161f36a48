/** `treehead tail`: follows the entries of a log. */
import { setMaxListeners } from 'node:events'
import { Command } from 'commander'
import { pause } from '../../client/http.ts'
import type { LogClient, LogEntry } from '../../client/log-client.ts'
import { isTlogError } from '../../primitives/error.ts'
import { connect } from '../connect.ts'
import { evidenceFlag, keepingEvidence } from '../evidence.ts'
import { decimalFlag, jsonFlag, readTrust, type TrustFlags, trustFlags, urlFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { print, say, shown } from '../output.ts'
import { exitCodes, printable } from '../report.ts'
import { openTailState, type TailState } from '../tail-state.ts'
import { entryLine } from './get.ts'

interface TailFlags extends TrustFlags {
  readonly url: string
  readonly from?: number
  readonly state?: string
  readonly once?: boolean
  readonly evidence: string
  readonly json?: boolean
}

/** Between two looks at the checkpoint. */
const INTERVAL_MS = 1_000

/** Entries printed between two saves of the position, at most. */
const SAVE_EVERY = 256

/** The command. */
export const tailCommand = (): Command => {
  const command = teach(new Command('tail'), {
    summary: 'follow the entries of the log, verified and resumable',
    about:
      'Prints entries as they are added, each verified and each checkpoint checked against the one before, until it is interrupted (Ctrl-C). With --state it goes on where it stopped: the position is saved after the output, so nothing is lost, and only a crash or a power cut can make up to 256 entries come twice. If the log ever contradicts a checkpoint seen before, both are kept in --evidence and the exit code is 1. On a terminal, control characters are shown escaped.',
    examples: [
      ['new entries as they come, a line each', 'treehead tail --vkey treehead-data/log.vkey'],
      [
        'all that came since the last time, for a job that runs now and then',
        'treehead tail --from 0 --state tail.state --once --json --vkey treehead-data/log.vkey',
      ],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  })
  command
    .addOption(urlFlag())
    .addOption(decimalFlag('--from <n>', 'the first index, if the state does not know one (default: only new entries)'))
    .option('--state <file>', 'where the position and the last checkpoint are kept between runs')
    .option('--once', 'stop when all entries of the newest checkpoint are printed')
  for (const flag of [...trustFlags(), evidenceFlag(), jsonFlag('print lines of JSON, the bytes in base64')]) {
    command.addOption(flag)
  }
  return command.action(run)
}

const run = async (flags: TailFlags): Promise<void> => {
  const trust = await readTrust(flags)
  const { origin } = connect(flags.url, trust)
  const state = await openTailState(flags.state, origin)
  const client = connect(flags.url, trust, { store: state })
  const stop = new AbortController()
  // Every request under way listens to it; Node would take more than ten for a leak.
  setMaxListeners(0, stop.signal)
  // Once: a second interrupt ends the process the hard way.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const put = (entry: LogEntry): Promise<void> => print(flags.json ? entryLine(entry) : rawLine(entry))
  try {
    await keepingEvidence(flags.evidence, trust, () => follow(client, state, { ...flags, put, signal: stop.signal }))
  } catch (error) {
    if (!stop.signal.aborted || error !== stop.signal.reason) throw error
  }
}

const rawLine = ({ data }: LogEntry): Uint8Array | string => {
  const text = shown(data)
  return typeof text === 'string' ? `${text}\n` : Buffer.concat([text, Buffer.of(0x0a)])
}

interface Following {
  readonly from?: number
  readonly once?: boolean
  readonly put: (entry: LogEntry) => Promise<void>
  readonly signal: AbortSignal
}

const follow = async (client: LogClient, state: TailState, following: Following): Promise<void> => {
  const { signal, once } = following
  for (let reached = false; ; ) {
    try {
      await catchUp(client, state, following)
      reached = true
      if (once) return
    } catch (error) {
      // A server that was there will come back; one that never was is more likely a wrong URL.
      const passing = isTlogError(error, 'io') || isTlogError(error, 'pushback')
      if (!passing || !reached || once) throw error
      say(`treehead: ${printable(error.message)}; trying again`)
    }
    await pause(INTERVAL_MS, signal)
  }
}

const catchUp = async (client: LogClient, state: TailState, { from, put, signal }: Following): Promise<void> => {
  const { size } = (await client.checkpoint({ signal })).checkpoint
  let next = state.next ?? from ?? size
  if (state.next === undefined) await state.advance(next)
  // From an index that the log has not reached yet.
  if (next >= size) return
  try {
    for await (const entry of client.entries(next, size, { signal })) {
      await put(entry)
      next = entry.index + 1
      if (next % SAVE_EVERY === 0) await state.advance(next)
      signal.throwIfAborted()
    }
  } finally {
    // Also when it was interrupted: what is printed is printed.
    if (next !== state.next) await state.advance(next)
  }
}
