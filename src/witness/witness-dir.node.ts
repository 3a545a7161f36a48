/** The data folder of a witness or a mirror: its keys, its database and the high-water mark outside it, made on first start. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { COSIGNATURE_V1, SUBTREE_V1 } from '../note/algorithm.ts'
import { formatSignerKey, formatVerifierKey, parseSignerKey, type SignerKey, signerKey } from '../note/key.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import { mldsa44Provider } from '../primitives/mldsa44.ts'
import { openStorage } from '../storage/backends.ts'
import { syncFolder, writeNewFile } from '../storage/files.node.ts'
import { openSlots } from '../storage/slots.node.ts'
import type { Storage } from '../storage/storage.ts'
import { CommitQueue } from './commit-queue.ts'
import type { SignMessage } from './cosigners.ts'
import { SigningThreads } from './signing-threads.node.ts'

/**
 * What the keys in a folder say when they sign: that a tree was seen, or that all of it is kept. Never both: a witness and
 * a mirror have a folder and keys each.
 */
export type CosignerKind = 'witness' | 'mirror'

/** Names in the folder. */
export const witnessFiles = {
  /** Cosigns with Ed25519, type 0x04. */
  ed25519: 'ed25519.key',
  /** Cosigns with ML-DSA-44, type 0x06; absent where only Ed25519 was wanted. */
  mldsa44: 'mldsa44.key',
  /** Need not be there: keys that cosign beside those above while others go over to them (spec/key-rotation.md). */
  ed25519Next: 'ed25519.next.key',
  mldsa44Next: 'mldsa44.next.key',
  database: 'db',
  /** How many commits the database must have; better on another volume. */
  mark: 'mark',
  /** The ids of evidence that the operator has acknowledged, one a line. */
  acknowledged: 'acknowledged',
} as const

const FORMAT = 1

/** The file that is written last on first start: where it is, everything is. */
const formatFile = (kind: CosignerKind): string => `${kind}.json`

/** True for the folder of a witness or of a mirror. */
export const isWitnessDir = async (path: string): Promise<boolean> => {
  const names: readonly string[] = await readdir(path).catch(() => [])
  return names.includes(formatFile('witness')) || names.includes(formatFile('mirror'))
}

/** Which keys a witness has. An ML-DSA-44 cosignature takes many times as long as one of Ed25519. */
export type WitnessKeys = (typeof witnessKeys)[number]

/** All of them; the first is the default. */
export const witnessKeys = ['both', 'ed25519'] as const

/** The verifier keys, one a line. */
const vkeysFile = (kind: CosignerKind): string => `${kind}.vkeys`

/** An open data folder. */
export interface WitnessDir extends AsyncDisposable {
  readonly path: string
  readonly keys: readonly SignerKey[]
  readonly storage: Storage
  readonly queue: CommitQueue
  /** Signs with the ML-DSA-44 keys on other threads, where that takes milliseconds; undefined where it does not. */
  readonly signMessage: SignMessage | undefined
}

/** How to open it. */
export interface WitnessDirOptions {
  readonly path: string
  /** Default: witness. */
  readonly kind?: CosignerKind | undefined
  /** The name of a new one. Default: `treehead.local/` and eight random hex digits. */
  readonly name?: string | undefined
  /** The keys of a new one. Default: both. */
  readonly witnessKeys?: WitnessKeys | undefined
  /** Where the mark is, if not in the folder. */
  readonly markPath?: string | undefined
}

/**
 * Opens a folder, or makes it when it is absent or empty. Rejects with `refused`, in a sentence that says what helps, for
 * a folder that is something else, a key that others can read, and a name or keys that differ, and for a database that
 * is an older copy; and with `conflict` while another process has it.
 */
export const openWitnessDir = async (options: WitnessDirOptions): Promise<WitnessDir> => {
  const { path, name, markPath, kind = 'witness' } = options
  const mark = markPath ?? join(path, witnessFiles.mark)
  const names: readonly string[] = await readdir(path).catch(() => [])
  if (!names.includes(formatFile(kind))) await create(options, names, mark)
  const has = await readFormat(path, kind)
  if (options.witnessKeys !== undefined && options.witnessKeys !== has)
    throw new TlogError('refused', `the keys in ${path} are ${has}, not ${options.witnessKeys}`)
  const keys = [await readKey(path, witnessFiles.ed25519)]
  if (has === 'both') keys.push(await readKey(path, witnessFiles.mldsa44))
  for (const next of await readNextKeys(path, keys)) keys.push(next)
  const other = keys.find((key) => name !== undefined && key.name !== name)
  if (other !== undefined) throw new TlogError('refused', `the ${kind} in ${path} is ${other.name}, not ${name}`)
  const storage = await openStorage(`level:${join(path, witnessFiles.database)}`)
  const opened: AsyncDisposable[] = [storage]
  try {
    const slots = await openSlots({ path: mark, create: false, title: 'mark' }).catch((cause: unknown) => {
      if (!isTlogError(cause, 'not_found')) throw cause
      throw new TlogError('refused', `${mark} is gone, and with it the memory of how new the database must be`, {
        cause,
      })
    })
    opened.push(slots)
    const queue = await CommitQueue.open(storage.keyValue('witness'), slots)
    const threads = new SigningThreads(keys, availableParallelism())
    const signMessage = mldsa44Provider === 'noble' ? threads.sign : undefined
    const dispose = async (): Promise<void> => {
      await threads[Symbol.asyncDispose]()
      await queue.drain()
      for (const one of opened) await one[Symbol.asyncDispose]()
    }
    return { path, keys, storage, queue, signMessage, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    for (const one of opened) await one[Symbol.asyncDispose]()
    throw error
  }
}

const STAGING = 'first-start'

const create = async (
  { path, kind = 'witness', name, witnessKeys: wanted = 'both' }: WitnessDirOptions,
  names: readonly string[],
  mark: string,
): Promise<void> => {
  const staging = join(path, STAGING)
  const format = formatFile(kind)
  const staged: readonly string[] = await readdir(staging).catch(() => [])
  // The format comes last, here as in staging: where it is, everything is, and only the moving was cut off.
  if (!staged.includes(format)) {
    if (names.some((one) => one !== STAGING))
      throw new TlogError(
        'refused',
        `${path} is not empty and has no ${format}: want the folder of a ${kind}, or a new one`,
      )
    await fill(staging, { kind, name, wanted, mark: mark === join(path, witnessFiles.mark) ? undefined : mark })
  }
  const made = (await readdir(staging)).filter((one) => one !== format)
  for (const one of [...made, format]) await rename(join(staging, one), join(path, one))
  await rm(staging, { recursive: true, force: true })
  await syncFolder(path)
}

interface Filling {
  readonly kind: CosignerKind
  readonly name: string | undefined
  readonly wanted: WitnessKeys
  /** Where the mark goes, if not into the folder. */
  readonly mark: string | undefined
}

const fill = async (staging: string, { kind, name, wanted, mark }: Filling): Promise<void> => {
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true, mode: 0o700 })
  const cosigner = name ?? `treehead.local/${encodeHex(randomBytes(4))}`
  const ed25519 = signerKey(cosigner, COSIGNATURE_V1, randomBytes(32))
  const keys = wanted === 'both' ? [ed25519, signerKey(cosigner, SUBTREE_V1, randomBytes(32))] : [ed25519]
  const file = (key: keyof typeof witnessFiles): string => join(staging, witnessFiles[key])
  for (const key of keys)
    await writeNewFile(file(key === ed25519 ? 'ed25519' : 'mldsa44'), `${formatSignerKey(key)}\n`, 0o600)
  await writeNewFile(join(staging, vkeysFile(kind)), `${keys.map(formatVerifierKey).join('\n')}\n`, 0o644)
  const storage = await openStorage(`level:${file('database')}`, { create: true })
  await storage[Symbol.asyncDispose]()
  await makeMark(mark ?? file('mark'))
  const text = JSON.stringify({ format: FORMAT, name: cosigner, keys: wanted })
  await writeNewFile(join(staging, formatFile(kind)), `${text}\n`, 0o644)
}

/** Makes a mark. One that is there already and knows of nothing is of a first start that was cut off. */
const makeMark = async (path: string): Promise<void> => {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  const slots = await openSlots({ path, create: !isThere, title: 'mark' })
  const record = await slots.last()
  await slots[Symbol.asyncDispose]()
  if (record !== undefined)
    throw new TlogError('refused', `the mark ${path} belongs to another witness: want a place of its own for a new one`)
}

/** The keys that the folder was made with. */
const readFormat = async (path: string, kind: CosignerKind): Promise<WitnessKeys> => {
  const text = await readFile(join(path, formatFile(kind)), 'utf8')
  const format = /"format":\s*([0-9]+)/.exec(text)?.[1]
  if (format !== String(FORMAT))
    throw new TlogError(
      'refused',
      `want format ${FORMAT} in ${path}, got ${format ?? 'none'}: use the version that made it`,
    )
  const name = /"keys":\s*"([a-z0-9]+)"/.exec(text)?.[1]
  return witnessKeys.find((one) => one === name) ?? 'both'
}

/** The second keys, where there are any: of the name and of one of the types that the folder has, and new. */
const readNextKeys = async (path: string, keys: readonly SignerKey[]): Promise<readonly SignerKey[]> => {
  const names: readonly string[] = await readdir(path)
  const found: SignerKey[] = []
  for (const name of [witnessFiles.ed25519Next, witnessFiles.mldsa44Next]) {
    if (!names.includes(name)) continue
    const next = await readKey(path, name)
    const before = keys.find(({ algorithm }) => algorithm === next.algorithm)
    if (before?.name !== next.name || equalBytes(before.publicKey, next.publicKey))
      throw new TlogError('refused', `${join(path, name)} is no second key: want a new one of the same type and name`)
    found.push(next)
  }
  return found
}

const readKey = async (path: string, name: string): Promise<SignerKey> => {
  const file = join(path, name)
  const { mode } = await stat(file).catch((cause: unknown) => {
    throw new TlogError('refused', `cannot read ${file}: put this key back`, { cause })
  })
  if ((mode & 0o077) !== 0)
    throw new TlogError('refused', `others may read ${file}, mode ${(mode & 0o777).toString(8)}: chmod 600 it`)
  try {
    return parseSignerKey((await readFile(file, 'utf8')).trimEnd())
  } catch (cause) {
    throw new TlogError('refused', `${file} is not a signer key`, { cause })
  }
}
