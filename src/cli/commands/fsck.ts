/** `treehead fsck`: checks all of a log. */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command, Option } from 'commander'
import { httpResources } from '../../client/resources.ts'
import { type DataDir, openDataDir } from '../../log/data-dir.node.ts'
import { parseHead } from '../../log/head.ts'
import { openLedgerFile } from '../../log/ledger.node.ts'
import { verifiersOf } from '../../log/publish.ts'
import { checkpointIn, storedKeys } from '../../log/stored-rows.ts'
import { fsck } from '../../monitor/fsck.ts'
import type { FsckReport, Problem } from '../../monitor/fsck-report.ts'
import { type FsckSource, httpSource, storeSource } from '../../monitor/fsck-source.ts'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { TlogError } from '../../primitives/error.ts'
import { reach } from '../connect.ts'
import { withDatabaseCopy } from '../database-copy.ts'
import {
  dataFolder,
  jsonFlag,
  type PinnedTrust,
  readTrust,
  readTrustIfGiven,
  type TrustFlags,
  trustFlags,
  urlFlag,
} from '../flags.ts'
import { readInput } from '../input.ts'
import { teach } from '../lesson.ts'
import { print } from '../output.ts'
import { counted, openProgress } from '../progress.ts'
import { exitCodes, printable } from '../report.ts'
import { maxAgeFlag } from '../times.ts'

interface FsckFlags extends TrustFlags {
  readonly url: string
  readonly data?: string
  readonly dir?: string
  readonly ledger?: string
  readonly older: readonly string[]
  readonly json?: boolean
}

/** Problems that are printed for people; --json lists up to a hundred. */
const SHOWN = 10

/** The command. */
export const fsckCommand = (): Command => {
  const command = teach(new Command('fsck'), {
    summary: 'check all of a log: every entry, every tile, the head',
    about:
      'Checks every entry, every tile at every level and the signed head: of a log that is served (--url), of a backup (--dir), or of a data folder (--data), where also the index of leaf hashes and the ledger are checked. It prints the first bad place and ends with 1 when anything is wrong. A data folder is only read, with its own key unless --vkey is given; while a server runs on it, check the server with --url.',
    examples: [
      ['a log that is served', 'treehead fsck --vkey treehead-data/log.vkey'],
      ['its data, when the server is stopped', 'treehead fsck --data level:./treehead-data'],
      ['a backup', 'treehead fsck --dir backup --vkey treehead-data/log.vkey'],
    ],
    codes: [exitCodes.unverified, exitCodes.refused, exitCodes.unavailable],
  })
  command
    .addOption(urlFlag())
    .addOption(new Option('--data <url>', 'a data folder, as level:<folder>').conflicts('dir'))
    .option('--dir <folder>', 'a backup, or another folder in the layout of c2sp.org/tlog-tiles')
    .option('--ledger <path>', 'with --data: where the ledger is (default: in the data folder)')
    .option('--older <file...>', 'checkpoints kept earlier, which must agree with the tree too', [])
  for (const flag of [...trustFlags(), maxAgeFlag(), jsonFlag()]) command.addOption(flag)
  return command.action(run)
}

const run = async (flags: FsckFlags): Promise<void> => {
  const older = await Promise.all(flags.older.map(readInput))
  const report = await (flags.data === undefined ? checkServed(flags, older) : checkStored(flags, flags.data, older))
  if (!report.ok) process.exitCode = exitCodes.unverified
  await print(flags.json ? jsonOf(report) : linesOf(report))
}

const checkServed = async (flags: FsckFlags, older: readonly Uint8Array[]): Promise<FsckReport> => {
  const url = flags.dir === undefined ? flags.url : pathToFileURL(resolve(flags.dir)).href
  const trust = await readTrust(flags)
  return check(httpSource(httpResources(reach(url))), trust, older)
}

const checkStored = async (flags: FsckFlags, data: string, older: readonly Uint8Array[]): Promise<FsckReport> => {
  const dir = await openDataDir(dataFolder(data), flags.ledger)
  const trust = (await readTrustIfGiven(flags)) ?? { vkey: dir.vkeys }
  const ledger = await readLedger(dir)
  const report = await withDatabaseCopy(dir, (store) =>
    check(storeSource(store, { checkpointIn, keys: storedKeys(store) }), trust, [...older, ...ledger.checkpoints]),
  )
  if (ledger.problem === undefined) return report
  return { ...report, ok: false, count: report.count + 1, problems: [ledger.problem, ...report.problems] }
}

const check = async (source: FsckSource, trust: PinnedTrust, older: readonly Uint8Array[]): Promise<FsckReport> => {
  const progress = openProgress('checking', 'entries')
  try {
    return await fsck(source, { ...trust, older, onProgress: ({ index, size }) => progress.update(index, size) })
  } finally {
    progress.end()
  }
}

/** The newest checkpoint in the ledger, since a database that does not reach it has lost entries; or what is wrong with it. */
const readLedger = async ({
  ledgerPath,
  key,
}: DataDir): Promise<{ readonly checkpoints: readonly Uint8Array[]; readonly problem?: Problem }> => {
  try {
    await using ledger = await openLedgerFile({ path: ledgerPath, create: false })
    const record = await ledger.last()
    return { checkpoints: record === undefined ? [] : [parseHead(record.head, verifiersOf(key)).checkpoint] }
  } catch (error) {
    if (!(error instanceof TlogError) || error.code === 'io') throw error
    return {
      checkpoints: [],
      problem: { kind: 'checkpoint', at: 'ledger', message: `${error.code}: ${error.message}` },
    }
  }
}

const linesOf = ({ ok, size, checked, count, problems }: FsckReport): string => {
  const scope = `${counted(checked.entries, 'entry', 'entries')}, ${counted(checked.tiles, 'tile')}`
  const keys = checked.keys === 0 ? '' : `, ${counted(checked.keys, 'key')}`
  if (ok) return `ok: size ${size}; ${scope}${keys} checked\n`
  const more = count > SHOWN ? [`  and ${count - SHOWN} more`] : []
  const list = problems.slice(0, SHOWN).map((problem) => `  ${lineOf(problem)}`)
  return `${[`damaged: ${counted(count, 'problem')} in size ${size}, the first at ${placeOf(problems[0])}`, ...list, ...more].join('\n')}\n`
}

const placeOf = (problem: Problem | undefined): string =>
  problem === undefined ? 'an unknown place' : `${problem.kind} ${problem.at}`

const lineOf = (problem: Problem): string => printable(`${placeOf(problem)}: ${problem.message}`)

const jsonOf = ({ checkpoint, ...report }: FsckReport): string =>
  `${JSON.stringify({ ...report, ...(checkpoint && { checkpoint: decodeIfText(checkpoint) }) })}\n`

const decodeIfText = (bytes: Uint8Array): string | undefined => {
  try {
    return decodeUtf8(bytes)
  } catch {
    return undefined
  }
}
