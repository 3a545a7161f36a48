/** `treehead add`: appends entries to a log. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { httpSender, type Send } from '../../client/http.ts'
import { Producer } from '../../client/producer.ts'
import { verifyProofFile } from '../../client/receipt.ts'
import { hashLeaf } from '../../merkle/hash.ts'
import { TlogError } from '../../primitives/error.ts'
import { formatHash } from '../../primitives/hash.ts'
import { MAX_PROOF_FILE_BYTES } from '../../tlog/proof-file.ts'
import { reach } from '../connect.ts'
import { type Cut, cutSource, type FoundEntry, findSources, type Source } from '../entries.ts'
import {
  decimalFlag,
  jsonFlag,
  type PinnedTrust,
  readToken,
  readTrustIfGiven,
  type TrustFlags,
  tokenFlags,
  trustFlags,
  urlFlag,
} from '../flags.ts'
import { asUsage } from '../input.ts'
import { parseJsonPointer } from '../json-records.ts'
import { teach } from '../lesson.ts'
import { print, STANDARD, say, writeOut } from '../output.ts'
import { count, counted, noProgress, openProgress } from '../progress.ts'
import { exitCodes } from '../report.ts'

interface AddFlags extends TrustFlags {
  readonly url: string
  readonly token?: string
  readonly tokenFile?: string
  readonly lines?: boolean
  readonly jsonRecords?: string
  readonly proof?: boolean
  readonly out?: string
  readonly batch: number
  readonly json?: boolean
}

/** Bytes that one request carries at most, unless a single entry is larger. */
const MAX_BATCH_BYTES = 2 ** 20

/** The command. */
export const addCommand = (): Command => {
  const command = teach(new Command('add'), {
    summary: 'append entries: files, lines, or the records of JSON files',
    about:
      'Appends entries to the log, byte for byte as they stand, and prints the index of each. An entry is a whole file, or with --lines each line without its newline (empty lines are skipped), or with --json-records each element of the JSON array at a pointer (RFC 6901). A folder stands for the files in and below it. All input is checked before anything is sent; an entry has 1 to 65,535 bytes. An index is printed once its entry is durable and under a signed checkpoint. When something fails half-way, run the same command again: the log answers bytes it has with the index they have.',
    examples: [
      ['a file as one entry, with its proof', 'treehead add record.json --proof --out record.tlog-proof'],
      ['each line of a file', 'treehead add --lines access.log'],
      ['each record of the CloudTrail files in a folder', 'treehead add --json-records /Records trails'],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable],
  }).argument('[sources...]', 'files and folders; - or nothing is standard input')
  for (const flag of [urlFlag(), ...tokenFlags()]) command.addOption(flag)
  command
    .addOption(new Option('--lines', 'each line is an entry').conflicts('jsonRecords'))
    .option('--json-records <pointer>', 'each element of the JSON array there is an entry, for example /Records')
    .option('--proof', 'fetch a proof for each entry, to --out; verified first when --vkey or --policy is given')
    .option('--out <path>', 'where the proof goes; for several entries a folder, which gets <index>.tlog-proof')
    .addOption(decimalFlag('--batch <n>', 'entries in one request, 1 to 16384').default(1_000))
  for (const flag of [...trustFlags(), jsonFlag('print a line of JSON for each entry')]) command.addOption(flag)
  return command.action(run)
}

const run = async (paths: readonly string[], flags: AddFlags): Promise<void> => {
  if ((flags.proof === undefined) !== (flags.out === undefined))
    throw new TlogError('usage', 'want --proof and --out together')
  if (flags.batch < 1 || flags.batch > 16_384)
    throw new TlogError('usage', `want --batch from 1 to 16384, got ${flags.batch}`)
  const cut = cutOf(flags)
  const trust = await readTrustIfGiven(flags)
  const where = { ...reach(flags.url), token: await readToken(flags) }
  const sources = await findSources(paths.length === 0 ? [STANDARD] : paths, cut)
  const survey = await surveyOf(sources, cut)
  const writeProof =
    flags.out === undefined ? undefined : await proofWriter(httpSender(where), flags.out, survey.entries, trust)
  const limits = { maxBatchEntries: flags.batch, maxBatchBytes: MAX_BATCH_BYTES }
  // More patient than reading: a log that restarts should not end a long import.
  const producer = new Producer({ ...where, ...limits, maxAttempts: 8 })
  // On a terminal the indices themselves show how far it is.
  const progress = process.stdout.isTTY ? noProgress : openProgress('adding', 'entries', survey.entries)
  let done = 0
  try {
    for await (const batch of batches(sources, cut, flags.batch)) {
      const indices = await producer.addBatch(batch.map(({ data }) => data))
      const placed = batch.map((entry, i) => ({ ...entry, index: indices[i] ?? 0 }))
      await print(placed.map((entry) => (flags.json ? jsonLine(entry) : `${entry.index}\n`)).join(''))
      if (writeProof !== undefined) for (const entry of placed) await writeProof(entry)
      done += batch.length
      progress.update(done)
    }
  } catch (error) {
    progress.end()
    if (done > 0)
      say(`in the log: ${count(done)} of ${counted(survey.entries, 'entry', 'entries')}; run it again to add the rest`)
    throw error
  }
  progress.end()
  const skipped = survey.skipped === 0 ? '' : `; skipped ${counted(survey.skipped, 'empty line')}`
  say(`in the log: ${counted(done, 'entry', 'entries')} of ${counted(sources.length, 'source')}${skipped}`)
}

const cutOf = ({ lines, jsonRecords }: AddFlags): Cut => {
  if (jsonRecords !== undefined) {
    return { kind: 'json', pointer: asUsage('--json-records', () => parseJsonPointer(jsonRecords)) }
  }
  return { kind: lines ? 'lines' : 'whole' }
}

interface PlacedEntry extends FoundEntry {
  readonly index: number
}

/** Reads everything once before anything is sent, so that a fault in the last file does not leave the log half fed. */
const surveyOf = async (sources: readonly Source[], cut: Cut): Promise<{ entries: number; skipped: number }> => {
  const survey = { entries: 0, skipped: 0 }
  for (const source of sources) {
    for await (const entry of cutSource(source, cut)) entry === undefined ? survey.skipped++ : survey.entries++
  }
  return survey
}

async function* batches(sources: readonly Source[], cut: Cut, most: number): AsyncGenerator<readonly FoundEntry[]> {
  let batch: FoundEntry[] = []
  let bytes = 0
  for (const source of sources) {
    for await (const entry of cutSource(source, cut)) {
      if (entry === undefined) continue
      bytes += 2 + entry.data.length
      if (batch.length === most || (batch.length > 0 && bytes > MAX_BATCH_BYTES)) {
        yield batch
        batch = []
        bytes = 2 + entry.data.length
      }
      batch.push(entry)
    }
  }
  if (batch.length > 0) yield batch
}

/** Writes the proof of an entry, once verified if there is trust. Rejects with `usage` when several would overwrite one another. */
const proofWriter = async (
  send: Send,
  out: string,
  entries: number,
  trust: PinnedTrust | undefined,
): Promise<(entry: PlacedEntry) => Promise<void>> => {
  const folder = await stat(out).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (entries > 1 && !folder) throw new TlogError('usage', `${entries} proofs want a folder, ${out} is none`)
  return async ({ index, data }) => {
    const file = await send({ path: `proof/${index}`, limit: MAX_PROOF_FILE_BYTES })
    if (trust !== undefined) verifyProofFile(file, { ...trust, entry: data })
    await writeOut(folder ? join(out, `${index}.tlog-proof`) : out, file)
  }
}

const jsonLine = ({ index, name, data }: PlacedEntry): string =>
  `${JSON.stringify({ index, source: name, leafHash: formatHash(hashLeaf(data)) })}\n`
