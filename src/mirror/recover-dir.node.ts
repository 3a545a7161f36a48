/** The data folder of a recovered log: made beside the place where it belongs, and put there only when it is whole and proven. */
import { chmod, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { dataFiles, moveIntoPlace, writeAccessFiles, writeFormat } from '../log/data-dir.node.ts'
import { parseHead } from '../log/head.ts'
import { openLedgerFile } from '../log/ledger.node.ts'
import type { HeadLedger } from '../log/ledger.ts'
import { RefusedError } from '../log/refusal.ts'
import type { NoteVerifier } from '../note/algorithm.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import { openStorage } from '../storage/backends.ts'
import { syncFolder, writeNewFile } from '../storage/files.node.ts'
import type { Storage } from '../storage/storage.ts'

/** What is recovered, and where it goes. */
export interface RecoverDirOptions {
  readonly path: string
  readonly origin: string
  /** Where the ledger is, if not in the folder. One that is there already must know nothing newer. */
  readonly ledgerPath?: string | undefined
  /** The text of the log's private key, if it is at hand. */
  readonly key?: string | undefined
  readonly vkey: string
  /** Who recognises heads of the log. */
  readonly verifiers: readonly NoteVerifier[]
  /** The bytes of the head as ledger and database keep it. */
  readonly head: Uint8Array
  /** The signed checkpoint as the mirror served it, with everybody's signatures. */
  readonly checkpoint: Uint8Array
  readonly tokenLine: (token: string) => string
  /** Fills the database, and proves what is in it. Resolves to the root of a smaller size, for the ledger. */
  readonly fill: (storage: Storage) => Promise<(size: number) => Promise<Hash>>
}

const STAGING = 'recovering'
const MARK = 'recovering.json'
const CHECKPOINT = 'recovered.checkpoint'

/**
 * Makes the folder. An interrupted recovery of the same log goes on; anything else in the folder is left alone and
 * refused. Rejects with `refused` then, with RefusedError `behind_ledger` or `fork_of_ledger` when the ledger knows a newer
 * head or another history, and as `fill` does.
 */
export const recoverDir = async (options: RecoverDirOptions): Promise<void> => {
  const { path } = options
  const staging = join(path, STAGING)
  await prepare(options, staging)
  if (!(await isThere(join(staging, dataFiles.format)))) await make(options, staging)
  await moveIntoPlace(staging, path)
  await rm(staging, { recursive: true, force: true })
  await syncFolder(path)
}

/** Sees to it that the folder is empty but for an earlier attempt at the same log. */
const prepare = async ({ path, origin }: RecoverDirOptions, staging: string): Promise<void> => {
  const names: readonly string[] = await readdir(path).catch(() => [])
  const whole = await isThere(join(staging, dataFiles.format))
  // While the files of a whole one are being moved, some of them are in place already.
  if (names.includes(dataFiles.format) || (!whole && names.some((name) => name !== STAGING)))
    throw new TlogError('refused', `${path} is not empty: a log is recovered into a new folder, and never over another`)
  await mkdir(staging, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  const marks = [join(staging, MARK), join(staging, dataFiles.format)]
  const found = await Promise.all(marks.map((mark) => readFile(mark, 'utf8').catch(() => undefined)))
  const other = found.find((text) => text !== undefined && !text.includes(`"origin":${JSON.stringify(origin)}`))
  if (other !== undefined) throw new TlogError('refused', `another log is being recovered in ${path}: ${other.trim()}`)
  if (found.every((text) => text === undefined))
    await writeNewFile(join(staging, MARK), `${JSON.stringify({ origin })}\n`, 0o644)
}

const make = async (options: RecoverDirOptions, staging: string): Promise<void> => {
  const { origin, ledgerPath, key, vkey, checkpoint, tokenLine, fill } = options
  const file = (name: string): string => join(staging, name)
  // All but the database is made anew in each attempt.
  for (const name of await readdir(staging))
    if (name !== dataFiles.database && name !== MARK) await rm(file(name), { recursive: true, force: true })
  {
    await using storage = await openDatabase(file(dataFiles.database))
    const rootAt = await fill(storage)
    await using ledger = await openLedger(ledgerPath ?? file(dataFiles.ledger))
    await record(ledger, options, rootAt)
  }
  if (key !== undefined) await writeNewFile(file(dataFiles.key), `${key}\n`, 0o600)
  await writeNewFile(file(dataFiles.vkey), `${vkey}\n`, 0o644)
  await writeNewFile(file(CHECKPOINT), checkpoint, 0o644)
  await writeAccessFiles(staging, tokenLine)
  await rm(file(MARK))
  await writeFormat(staging, origin)
}

const openDatabase = async (path: string): Promise<Storage> => openStorage(`level:${path}`, { create: true })

const openLedger = async (path: string): Promise<HeadLedger> =>
  openLedgerFile({ path, create: false }).catch((error: unknown) => {
    if (!isTlogError(error, 'not_found')) throw error
    return openLedgerFile({ path, create: true })
  })

/** A ledger that outlived the log knows whether the mirror has all that was ever released. */
const record = async (
  ledger: HeadLedger,
  { head, verifiers }: RecoverDirOptions,
  rootAt: (size: number) => Promise<Hash>,
): Promise<void> => {
  const last = await ledger.last()
  if (last !== undefined) {
    const known = parseHead(last.head, verifiers)
    const { size } = parseHead(head, verifiers)
    if (known.size > size)
      throw new RefusedError(
        'behind_ledger',
        `the mirror ends at size ${size}, a head of size ${known.size} was released`,
      )
    if (!equalHash(await rootAt(known.size), known.root))
      throw new RefusedError('fork_of_ledger', `the roots of size ${known.size} differ`)
  }
  await ledger.record(last, head)
}

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
