/** `treehead get`: fetches entries and verifies them. */
import { Command } from 'commander'
import type { LogEntry } from '../../client/log-client.ts'
import { encodeBase64 } from '../../primitives/base64.ts'
import { TlogError } from '../../primitives/error.ts'
import { connect } from '../connect.ts'
import { decimalFlag, jsonFlag, readTrust, type TrustFlags, trustFlags, urlFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { openOut, STANDARD, shown } from '../output.ts'
import { exitCodes } from '../report.ts'

interface GetFlags extends TrustFlags {
  readonly url: string
  readonly index: number
  readonly end?: number
  readonly out: string
  readonly json?: boolean
}

/** The command. */
export const getCommand = (): Command => {
  const command = teach(new Command('get'), {
    summary: 'fetch entries, verified',
    about:
      'Fetches an entry, or with --end a range of them, and verifies each against the newest checkpoint before a byte of it is written. A single entry is written as it is; of a range each is followed by a newline. --json prints a line for each with its index and its bytes in base64. On a terminal, control characters are shown escaped.',
    examples: [
      ['one entry', 'treehead get --index 0 --vkey treehead-data/log.vkey'],
      ['the first two, for a script', 'treehead get --index 0 --end 2 --json --vkey treehead-data/log.vkey'],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  })
  command.addOption(urlFlag()).addOption(decimalFlag('--index <n>', 'the index of the entry').makeOptionMandatory())
  command.addOption(decimalFlag('--end <m>', 'the index after the last entry wanted'))
  for (const flag of [...trustFlags(), jsonFlag()]) command.addOption(flag)
  return command.option('--out <file>', 'where they go (- for standard output)', STANDARD).action(run)
}

const run = async (flags: GetFlags): Promise<void> => {
  const { index, end, out } = flags
  if (end !== undefined && end <= index)
    throw new TlogError('usage', `want --end over --index, got ${index} and ${end}`)
  const client = connect(flags.url, await readTrust(flags))
  const sink = await openOut(out)
  const write = async (entry: LogEntry): Promise<void> => {
    if (flags.json) return sink.write(entryLine(entry))
    await sink.write(out === STANDARD ? shown(entry.data) : entry.data)
    if (end !== undefined) await sink.write('\n')
  }
  try {
    for await (const entry of client.entries(index, end ?? index + 1)) await write(entry)
  } catch (error) {
    await sink.discard()
    throw error
  }
  await sink.close()
}

/** An entry as a line of JSON. */
export const entryLine = ({ index, data }: LogEntry): string =>
  `${JSON.stringify({ index, data: encodeBase64(data) })}\n`
