/** The data folder of a log: its keys, tokens, ledger and database, made on first start and vetted on every other. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ED25519 } from '../note/algorithm.ts'
import { formatSignerKey, formatVerifierKey, signerKey } from '../note/key.ts'
import type { Clock } from '../primitives/clock.ts'
import { encodeHex } from '../primitives/hex.ts'
import { openStorage } from '../storage/backends.ts'
import { syncFolder, writeNewFile } from '../storage/files.node.ts'
import { signerOf, verifierOf } from '../tlog/signatures/index.ts'
import { checkPrivate, readLogKeys } from './key-files.node.ts'
import { openLedgerFile } from './ledger.node.ts'
import { createLog } from './open.ts'
import type { LogKey } from './publish.ts'
import { RefusedError } from './refusal.ts'

/** The version of the folder's layout and of every record in it. */
const FORMAT = 1

/** Names in the folder. */
export const dataFiles = {
  /** Written last on first start: says that the folder is whole, and in which format. */
  format: 'treehead.json',
  key: 'log.key',
  vkey: 'log.vkey',
  /** Only while the key changes: the second key, which signs every head too. */
  nextKey: 'log.next.key',
  /** The public halves of keys that signed heads of this log before, one a line. */
  retiredVkeys: 'log.retired.vkey',
  tokens: 'tokens',
  /** The operator's copy of the first token; the server reads only its hash, in `tokens`. */
  appendToken: 'append.token',
  treeHeadKey: 'sth.key',
  treeHeadPublicKey: 'sth.pub.pem',
  ledger: 'ledger',
  database: 'db',
  /** Derived from the log, and made anew when it is gone. */
  filter: 'leaf.filter',
} as const

/** What is in a data folder, besides the database. */
export interface DataDir {
  readonly path: string
  readonly key: LogKey
  readonly vkey: string
  /** The public halves of all keys that have signed heads of this log: those in use, then the retired. */
  readonly vkeys: readonly string[]
  /** The text of the token file. */
  readonly tokens: string
  /** Signs RFC 6962 tree heads; ECDSA on P-256. */
  readonly treeHeadKey: KeyObject
  readonly ledgerPath: string
  readonly database: string
  readonly filterPath: string
}

/** How to make a data folder. */
export interface FirstStart {
  readonly path: string
  /** The origin of the log, which is the name of its key. Default: `treehead.local/` and eight random hex digits. */
  readonly origin?: string | undefined
  /** Where the ledger goes, if not into the folder. */
  readonly ledgerPath?: string | undefined
  readonly clock: Clock
  /** Makes the line of a token file for a token. */
  readonly tokenLine: (token: string) => string
}

/** What a folder holds: nothing, a first start that was cut off, or a log (or what is left of one). */
export type DataDirState = 'empty' | 'unfinished' | 'log'

/** Looks into a folder. Rejects with the system's error when it cannot be read. */
export const dataDirState = async (path: string): Promise<DataDirState> => {
  const names = await namesIn(path)
  if (names.length === 0) return 'empty'
  return names.includes(STAGING) ? 'unfinished' : 'log'
}

const namesIn = async (path: string): Promise<readonly string[]> =>
  readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })

const STAGING = 'first-start'

/**
 * Makes a new log: everything in a folder of its own first, moved into place when it is whole. A first start that was
 * cut off is done again, or only the moving if it came that far: nobody was told of its keys yet.
 */
export const createDataDir = async (start: FirstStart): Promise<void> => {
  const staging = join(start.path, STAGING)
  // The format file comes last, here as in staging: where it is, everything is.
  if (!(await namesIn(start.path)).includes(dataFiles.format)) {
    if (!(await namesIn(staging)).includes(dataFiles.format)) await fillStaging(staging, start)
    await moveIntoPlace(staging, start.path)
  }
  await rm(staging, { recursive: true, force: true })
  await syncFolder(start.path)
}

/** Moves what was made in `staging` to where it belongs, the format file last. May be repeated until it is done. */
export const moveIntoPlace = async (staging: string, path: string): Promise<void> => {
  const names = (await namesIn(staging)).filter((name) => name !== dataFiles.format)
  for (const name of [...names, dataFiles.format]) await rename(join(staging, name), join(path, name))
  await syncFolder(path)
}

/** Writes the file that says that a folder is whole: the last one. */
export const writeFormat = (folder: string, origin: string): Promise<void> =>
  writeNewFile(join(folder, dataFiles.format), `${JSON.stringify({ format: FORMAT, origin })}\n`, 0o644)

/** Makes the files of access to a log: its first append token, and the key of its RFC 6962 tree heads. */
export const writeAccessFiles = async (folder: string, tokenLine: FirstStart['tokenLine']): Promise<void> => {
  const file = (name: keyof typeof dataFiles): string => join(folder, dataFiles[name])
  const token = randomBytes(32).toString('base64url')
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  await writeNewFile(file('appendToken'), `${token}\n`, 0o600)
  await writeNewFile(file('tokens'), tokenLine(token), 0o600)
  await writeNewFile(file('treeHeadKey'), privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, 0o600)
  await writeNewFile(file('treeHeadPublicKey'), publicKey.export({ type: 'spki', format: 'pem' }) as string, 0o644)
}

const fillStaging = async (staging: string, start: FirstStart): Promise<void> => {
  const { path, origin, ledgerPath, clock, tokenLine } = start
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  const file = (name: keyof typeof dataFiles): string => join(staging, dataFiles[name])
  const key = signerKey(origin ?? `treehead.local/${encodeHex(randomBytes(4))}`, ED25519, randomBytes(32))
  await writeNewFile(file('key'), `${formatSignerKey(key)}\n`, 0o600)
  await writeNewFile(file('vkey'), `${formatVerifierKey(key)}\n`, 0o644)
  await writeAccessFiles(staging, tokenLine)
  await startLog(
    file('database'),
    ledgerPath ?? file('ledger'),
    { signer: signerOf(key), verifier: verifierOf(key) },
    clock,
  )
  await writeFormat(staging, key.name)
}

const startLog = async (database: string, ledgerPath: string, key: LogKey, clock: Clock): Promise<void> => {
  await using storage = await openStorage(`level:${database}`, { create: true })
  await using ledger = await openLedgerFile({ path: ledgerPath, create: true })
  await createLog({ store: storage.log, ledger, key, clock })
}

/** Reads and vets a data folder. Rejects with RefusedError: no_log, half_made, format, key_permissions, wrong_key. */
export const openDataDir = async (path: string, ledgerPath?: string): Promise<DataDir> => {
  await checkFormat(path)
  for (const name of ['treeHeadKey', 'tokens'] as const) await checkPrivate(join(path, dataFiles[name]))
  const file = (name: keyof typeof dataFiles): string => join(path, dataFiles[name])
  const keys = await readLogKeys({ key: file('key'), nextKey: file('nextKey'), retiredVkeys: file('retiredVkeys') })
  return {
    path,
    ...keys,
    tokens: await readFile(join(path, dataFiles.tokens), 'utf8'),
    treeHeadKey: createPrivateKey(await readFile(join(path, dataFiles.treeHeadKey))),
    ledgerPath: ledgerPath ?? join(path, dataFiles.ledger),
    database: join(path, dataFiles.database),
    filterPath: join(path, dataFiles.filter),
  }
}

/** The public half of a tree-head key, DER-encoded as SubjectPublicKeyInfo. */
export const publicKeyDer = (key: KeyObject): Uint8Array => createPublicKey(key).export({ type: 'spki', format: 'der' })

const checkFormat = async (path: string): Promise<void> => {
  const text = await readFile(join(path, dataFiles.format), 'utf8').catch(() => undefined)
  if (text === undefined) {
    const names = await readdir(path).catch(() => [])
    throw names.length === 0
      ? new RefusedError('no_log', `nothing in ${path}`)
      : new RefusedError('half_made', `${path} has no ${dataFiles.format}`)
  }
  const format = formatOf(text)
  if (format !== FORMAT) throw new RefusedError('format', `want format ${FORMAT} in ${path}, got ${String(format)}`)
}

const formatOf = (text: string): unknown => {
  try {
    return (JSON.parse(text) as { readonly format?: unknown }).format
  } catch {
    return undefined
  }
}
