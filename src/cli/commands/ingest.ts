/** `treehead ingest`: hands files of another system's format to a log, as that system would. */
import { readFile } from 'node:fs/promises'
import { gunzipSync } from 'node:zlib'
import { Command } from 'commander'
import { sourceFormats } from '../../audit/sources/index.ts'
import { httpSender } from '../../client/http.ts'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { TlogError } from '../../primitives/error.ts'
import { nearest } from '../../primitives/nearest.ts'
import { reach } from '../connect.ts'
import { findFiles } from '../entries.ts'
import { jsonFlag, readToken, tokenFlags, urlFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { print, say } from '../output.ts'
import { count, counted, openProgress } from '../progress.ts'
import { exitCodes } from '../report.ts'

interface IngestFlags {
  readonly url: string
  readonly token?: string
  readonly tokenFile?: string
  readonly json?: boolean
}

/** What the log says about a delivery. */
interface Summary {
  readonly events: number
  readonly duplicates: number
  readonly quarantined: number
  readonly ignored: number
}

/** Of the files in folders. */
const ENDINGS = ['.json', '.json.gz', '.jsonl', '.log'] as const

const names = sourceFormats.map(({ name }) => name)

/** The command. */
export const ingestCommand = (): Command => {
  const command = teach(new Command('ingest'), {
    summary: 'make audit events of the files of another system',
    about: `Sends files to the log in the format that another system wrote them in: ${names.join(', ')}. Each record becomes one event, with its own bytes beside it; what cannot be made into one is kept in quarantine, with the reason. A folder stands for the files in and below it, and .gz files are unpacked. Records that the log has are not added again, so after a failure run the same command again.`,
    examples: [
      ['the CloudTrail files in a folder', 'treehead ingest cloudtrail trails --token-file aws.token'],
      ['an audit log of Kubernetes', 'treehead ingest k8s audit.json --token-file k8s.token'],
    ],
    codes: [exitCodes.unavailable],
  })
    .argument('<format>', `one of ${names.join(', ')}`)
    .argument('<sources...>', 'files and folders')
  for (const flag of [urlFlag(), ...tokenFlags(), jsonFlag()]) command.addOption(flag)
  return command.action(run)
}

const run = async (format: string, paths: readonly string[], flags: IngestFlags): Promise<void> => {
  if (!names.includes(format)) {
    const hint = nearest(format, names)
    throw new TlogError(
      'usage',
      `want one of ${names.join(', ')}, got ${format}${hint ? `; did you mean ${hint}?` : ''}`,
    )
  }
  const token = await readToken(flags)
  const send = httpSender({ ...reach(flags.url), maxAttempts: 8 })
  const files: string[] = []
  for (const path of paths) files.push(...(await findFiles(path, ENDINGS)))
  const progress = openProgress('ingesting', 'files', files.length)
  const sum = { events: 0, duplicates: 0, quarantined: 0, ignored: 0 }
  for (const [i, file] of files.entries()) {
    const bytes = await readFile(file)
    const body = file.endsWith('.gz') ? gunzipSync(bytes) : bytes
    const headers = {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    const answer = await send({
      method: 'POST',
      path: `v1/ingest/${format}?summary`,
      body,
      headers,
      limit: 4_096,
    }).catch((cause: unknown) => {
      progress.end()
      throw ofFile(file, cause)
    })
    const summary = JSON.parse(decodeUtf8(answer)) as Summary
    for (const key of ['events', 'duplicates', 'quarantined', 'ignored'] as const) sum[key] += summary[key]
    progress.update(i + 1)
  }
  progress.end()
  if (flags.json) await print(`${JSON.stringify({ files: files.length, ...sum })}\n`)
  else
    say(
      `in the log: ${counted(sum.events, 'event')} of ${counted(files.length, 'file')}, ${count(sum.quarantined)} in quarantine, ${count(sum.ignored)} ignored; ${count(sum.duplicates)} were there already`,
    )
}

/** What the log says of a file that is not in the format is the fault of who chose it. */
const ofFile = (file: string, cause: unknown): unknown => {
  if (!(cause instanceof TlogError)) return cause
  return new TlogError(cause.code === 'malformed' ? 'usage' : cause.code, `${file}: ${cause.message}`, { cause })
}
