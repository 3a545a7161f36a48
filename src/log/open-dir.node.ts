/** Opening the log of a data folder, with a copy of the database kept back until the start-up gate has passed it. */
import { rename, rm, stat } from 'node:fs/promises'
import { isTlogError } from '../primitives/error.ts'
import { openStorage } from '../storage/backends.ts'
import { dropFolder, linkFolder, renameDurably } from '../storage/files.node.ts'
import { isRepairable, repairLevel } from '../storage/level-repair.node.ts'
import type { Storage } from '../storage/storage.ts'
import { type DataDir, openDataDir } from './data-dir.node.ts'
import { filterFile } from './filter-file.node.ts'
import { openLedgerFile } from './ledger.node.ts'
import type { HeadLedger } from './ledger.ts'
import { type Log, type LogOptions, openLog } from './open.ts'
import { type RefusalReason, RefusedError } from './refusal.ts'

/** An open log and what lies under it. */
export interface OpenDir extends AsyncDisposable {
  readonly log: Log
  readonly dir: DataDir
  readonly storage: Storage
}

/** How to open the log of a folder. */
export interface OpenDirOptions extends Omit<LogOptions, 'store' | 'ledger' | 'key'> {
  readonly path: string
  /** Where the ledger is, if not in the folder. */
  readonly ledgerPath?: string | undefined
}

/** Refusals that a passing fault of the disk while LevelDB opened can explain. */
const rescuable: ReadonlySet<RefusalReason> = new Set(['head_missing', 'head_damaged', 'tree_damaged', 'behind_ledger'])

/**
 * Opens the log of a data folder. LevelDB drops its newest records for good when a fault hits it while it opens, so the
 * database is hard-linked aside before; when the gate then refuses, the copy is tried once. Rejects with RefusedError.
 */
export const openLogDir = async ({ path, ledgerPath, ...options }: OpenDirOptions): Promise<OpenDir> => {
  const dir = await openDataDir(path, ledgerPath)
  const aside = `${dir.database}.aside`
  // A copy that is still there is of a start that was never passed: it is older, so it is the one to keep.
  const kept = await exists(aside)
  if (!kept) await keepAside(dir.database, aside)
  const opened = await openDatabase(dir, options).catch(async (refusal: unknown) => {
    if (refusal instanceof RefusedError && rescuable.has(refusal.reason)) return rescue(dir, aside, options, refusal)
    // Another server's database: the copy, made while that one was writing, is worth nothing.
    if (refusal instanceof RefusedError && refusal.reason === 'locked' && !kept) await dropFolder(aside)
    throw refusal
  })
  await dropFolder(aside)
  return opened
}

const keepAside = async (database: string, aside: string): Promise<void> => {
  if (!(await exists(database))) throw new RefusedError('head_missing', `${database} is gone`)
  // A server that is still running may remove a file between its listing and its linking.
  await linkFolder(database, aside).catch(() => linkFolder(database, aside))
}

const rescue = async (
  dir: DataDir,
  aside: string,
  options: Omit<OpenDirOptions, 'path'>,
  refusal: RefusedError,
): Promise<OpenDir> => {
  const refused = `${dir.database}.refused`
  await rm(refused, { recursive: true, force: true })
  await rename(dir.database, refused)
  await renameDurably(aside, dir.database)
  await linkFolder(dir.database, aside)
  return openDatabase(dir, options).catch((error: unknown) => openRepaired(dir, options, refusal, error))
}

/**
 * The last try, for a manifest that names tables which a power cut took away: LevelDB makes a new one, and then every entry,
 * tile and index row is compared with the signed head and the ledger, as whatever is found has to be all there was.
 */
const openRepaired = async (
  dir: DataDir,
  options: Omit<OpenDirOptions, 'path'>,
  refusal: RefusedError,
  error: unknown,
): Promise<OpenDir> => {
  const cause = error instanceof RefusedError ? error.cause : undefined
  if (!isRepairable(cause)) throw refusal
  try {
    await repairLevel(dir.database)
    const opened = await openDatabase(dir, { ...options, thorough: true })
    options.observe?.({ kind: 'repaired', error: cause })
    return opened
  } catch {
    throw refusal
  }
}

const openDatabase = async (dir: DataDir, options: Omit<OpenDirOptions, 'path'>): Promise<OpenDir> => {
  const storage = await openStorage(`level:${dir.database}`).catch((cause: unknown) => {
    throw storageRefusal(cause)
  })
  const opened: AsyncDisposable[] = [storage]
  try {
    const ledger = await openLedger(dir)
    opened.push(ledger)
    const filterKeeper = filterFile(dir.filterPath)
    const log = await openLog({ ...options, store: storage.log, ledger, key: dir.key, filterKeeper })
    const dispose = async (): Promise<void> => {
      await log.sequencer.drain()
      for (const one of opened) await one[Symbol.asyncDispose]()
    }
    return { log, dir, storage, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    for (const one of opened) await one[Symbol.asyncDispose]()
    throw error
  }
}

const openLedger = async (dir: DataDir): Promise<HeadLedger> => {
  try {
    return await openLedgerFile({ path: dir.ledgerPath, create: false })
  } catch (cause) {
    if (isTlogError(cause, 'not_found')) throw new RefusedError('ledger_missing', cause.message, { cause })
    throw new RefusedError('ledger_damaged', cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

const storageRefusal = (cause: unknown): unknown => {
  if (isTlogError(cause, 'conflict')) return new RefusedError('locked', cause.message, { cause })
  if (isTlogError(cause, 'not_found')) return new RefusedError('head_missing', cause.message, { cause })
  if (isTlogError(cause)) return new RefusedError('tree_damaged', cause.message, { cause })
  return cause
}

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
