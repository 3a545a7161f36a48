/** The key files of a log: the key that signs its heads, a second one while the key changes, and those it had before. */
import { readFile, stat } from 'node:fs/promises'
import { ED25519 } from '../note/algorithm.ts'
import { formatVerifierKey, parseSignerKey, parseVerifierKey, type SignerKey } from '../note/key.ts'
import { signerOf, verifierOf } from '../tlog/signatures/index.ts'
import type { KeyPair, LogKey } from './publish.ts'
import { RefusedError } from './refusal.ts'

/** Where the files are. */
export interface LogKeyFiles {
  readonly key: string
  /** Need not be there. */
  readonly nextKey: string
  /** Need not be there. */
  readonly retiredVkeys: string
}

/** The keys of a log. */
export interface LogKeys {
  readonly key: LogKey
  readonly vkey: string
  /** The public halves of all keys that have signed heads of this log: those in use, then the retired. */
  readonly vkeys: readonly string[]
}

/** Reads and vets the keys. Rejects with RefusedError: `key_permissions`, `wrong_key`. */
export const readLogKeys = async (files: LogKeyFiles): Promise<LogKeys> => {
  await checkPrivate(files.key)
  const key = await readKey(files.key)
  const next = (await isThere(files.nextKey)) ? await readNextKey(files.nextKey, key) : undefined
  const inUse = next === undefined ? [key] : [key, next]
  return {
    key: { ...pairOf(key), ...(next && { next: pairOf(next) }) },
    vkey: formatVerifierKey(key),
    vkeys: [...new Set([...inUse.map(formatVerifierKey), ...(await readRetired(files.retiredVkeys, key.name))])],
  }
}

/** Rejects with RefusedError `key_permissions` when others can read the file, and `wrong_key` when it is not there. */
export const checkPrivate = async (path: string): Promise<void> => {
  const { mode } = await stat(path).catch((cause: unknown) => {
    throw new RefusedError('wrong_key', `cannot read ${path}`, { cause })
  })
  if ((mode & 0o077) !== 0)
    throw new RefusedError('key_permissions', `${path} has mode ${(mode & 0o777).toString(8)}, want 600`)
}

const pairOf = (key: SignerKey): KeyPair => ({ signer: signerOf(key), verifier: verifierOf(key) })

const readKey = async (path: string): Promise<SignerKey> => {
  try {
    return parseSignerKey((await readFile(path, 'utf8')).trimEnd())
  } catch (cause) {
    throw new RefusedError('wrong_key', `${path} is not a signer key`, { cause })
  }
}

const readNextKey = async (path: string, key: SignerKey): Promise<SignerKey> => {
  await checkPrivate(path)
  const next = await readKey(path)
  const fits = next.name === key.name && next.algorithm === ED25519 && next.keyId !== key.keyId
  if (!fits) throw new RefusedError('wrong_key', `${path} is not another Ed25519 key of the name ${key.name}`)
  return next
}

const readRetired = async (path: string, origin: string): Promise<readonly string[]> => {
  if (!(await isThere(path))) return []
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  for (const line of lines) {
    try {
      if (parseVerifierKey(line).name === origin) continue
    } catch (cause) {
      throw new RefusedError('wrong_key', `${path} has a line that is no public key`, { cause })
    }
    throw new RefusedError('wrong_key', `${path} has a key of another name than ${origin}`)
  }
  return lines
}

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
