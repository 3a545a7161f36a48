/** `treehead ledger`: shows the signed-head ledger, and makes a new one when it was lost. */
import { Command, Option } from 'commander'
import { lruTileCache } from '../../client/tile-cache.ts'
import { type DataDir, openDataDir } from '../../log/data-dir.node.ts'
import { passGate } from '../../log/gate.ts'
import { formatHead, parseHead } from '../../log/head.ts'
import { openLedgerFile } from '../../log/ledger.node.ts'
import { type LedgerRecord, memoryLedger } from '../../log/ledger.ts'
import type { SignedHead } from '../../log/log.ts'
import { verifiersOf } from '../../log/publish.ts'
import { RefusedError } from '../../log/refusal.ts'
import { decodeUtf8 } from '../../primitives/bytes.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { formatHash } from '../../primitives/hash.ts'
import type { LogStore } from '../../storage/storage.ts'
import { withDatabaseCopy } from '../database-copy.ts'
import { dataFlag, dataFolder, jsonFlag } from '../flags.ts'
import { teach } from '../lesson.ts'
import { print, say } from '../output.ts'
import { exitCodes, printable } from '../report.ts'

interface LedgerFlags {
  readonly data: string
  readonly ledger?: string
  readonly yes?: boolean
  readonly json?: boolean
}

/** The command and its subcommands. */
export const ledgerCommand = (): Command =>
  teach(new Command('ledger'), {
    summary: 'show the signed-head ledger, or make a new one when it was lost',
    about:
      'The ledger is a small file outside the database that holds the newest head which left this log. It is what notices that an old copy of the database was restored, so it belongs on another volume and out of the backups of the database. Without it the log does not start.',
    examples: [
      ['what it holds', 'treehead ledger show'],
      ['look at what would be adopted', 'treehead ledger adopt'],
    ],
    codes: [exitCodes.refused],
  })
    .addCommand(showCommand())
    .addCommand(adoptCommand())

const ledgerFlag = (): Option => new Option('--ledger <path>', 'where the ledger is (default: in the data folder)')

const showCommand = (): Command =>
  teach(new Command('show'), {
    summary: 'show the newest head that the ledger holds',
    about: 'Shows the newest head that the ledger holds, its signature verified. It may be used while the server runs.',
    examples: [
      ['for people', 'treehead ledger show'],
      ['for scripts', 'treehead ledger show --json --data level:./treehead-data'],
    ],
    codes: [exitCodes.unverified, exitCodes.refused],
  })
    .addOption(dataFlag())
    .addOption(ledgerFlag())
    .addOption(jsonFlag())
    .action(show)

const show = async (flags: LedgerFlags): Promise<void> => {
  const dir = await openDataDir(dataFolder(flags.data), flags.ledger)
  const record = await readLedger(dir).catch((error: unknown) => {
    if (isTlogError(error, 'not_found')) return undefined
    throw error
  })
  if (record === undefined) throw new RefusedError('ledger_missing', `there is no head in ${dir.ledgerPath}`)
  const head = parseHead(record.head, verifiersOf(dir.key))
  const json = { sequence: record.sequence, ...describe(head), checkpoint: decodeUtf8(head.checkpoint) }
  await print(flags.json ? `${JSON.stringify(json)}\n` : `${lineOf(head)}, ledger record ${record.sequence}\n`)
}

const adoptCommand = (): Command =>
  teach(new Command('adopt'), {
    summary: 'make a new ledger from the head in the database',
    about:
      'Makes a new ledger that starts with the head in the database, for a log whose ledger is lost. The database is checked as at every start, and nothing in it is touched. Danger: if it is not the newest there is, then entries that were acknowledged are gone, the log will sign a second history under their indices, and everybody who kept a newer checkpoint can prove it. Compare the size it prints with the newest checkpoint that a client, a witness or a backup has. Without --yes it only looks.',
    examples: [
      ['look first', 'treehead ledger adopt'],
      ['then do it', 'treehead ledger adopt --yes'],
    ],
    codes: [exitCodes.refused, exitCodes.unavailable],
  })
    .addOption(dataFlag())
    .addOption(ledgerFlag())
    .option('--yes', 'adopt it: this database is surely the newest there is')
    .action(adopt)

const adopt = async ({ data, ledger, yes }: LedgerFlags): Promise<void> => {
  const dir = await openDataDir(dataFolder(data), ledger)
  const file = await stateOf(dir)
  const head = await withDatabaseCopy(dir, (store) => checkedHead(store, dir))
  await print(`${lineOf(head)}\n`)
  if (!yes) {
    say('if a newer head than this was ever released, adopting it forks the log; see treehead ledger adopt --help')
    throw new TlogError('usage', 'nothing was written; run it again with --yes if this database is surely the newest')
  }
  await using made = await openLedgerFile({ path: dir.ledgerPath, create: file === 'absent' })
  await made.record(undefined, formatHead(head))
  say(`adopted: ${dir.ledgerPath} now starts with this head`)
}

/** What is in the place of the ledger. Rejects with `usage` when it is one that works, and with RefusedError when it is damaged. */
const stateOf = async (dir: DataDir): Promise<'absent' | 'empty'> => {
  try {
    const record = await readLedger(dir)
    if (record === undefined) return 'empty'
    const { size } = parseHead(record.head, verifiersOf(dir.key))
    throw new TlogError('usage', `${dir.ledgerPath} holds a head of size ${size}: there is nothing to adopt`)
  } catch (cause) {
    if (isTlogError(cause, 'not_found')) return 'absent'
    if (isTlogError(cause, 'corrupt')) throw new RefusedError('ledger_damaged', cause.message, { cause })
    throw cause
  }
}

const readLedger = async ({ ledgerPath }: DataDir): Promise<LedgerRecord | undefined> => {
  await using ledger = await openLedgerFile({ path: ledgerPath, create: false })
  return await ledger.last()
}

/** The database's own head, with all that the start-up gate asks but the ledger. */
const checkedHead = async (store: LogStore, { key }: DataDir): Promise<SignedHead> => {
  const source = async ({ level, index }: { readonly level: number; readonly index: number }): Promise<Uint8Array> => {
    const tile = await store.fullTile({ level, index })
    if (tile === undefined) throw new TlogError('corrupt', `tile ${index} of level ${level} is missing`)
    return tile
  }
  const ledger = memoryLedger()
  // One that cannot be read is for the gate to refuse, by its name.
  const stored = await store.head().catch(() => undefined)
  if (stored !== undefined) await ledger.record(undefined, stored.head)
  return (await passGate({ store, ledger, key, clock: Date.now, source, cache: lruTileCache() })).head
}

const describe = ({ size, root, time }: SignedHead) => ({
  size,
  root: formatHash(root),
  time: new Date(time).toISOString(),
})

const lineOf = (head: SignedHead): string => {
  const { size, root, time } = describe(head)
  return printable(`size ${size}, root ${root}, signed at ${time}`)
}
