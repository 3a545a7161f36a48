/** What commands write: standard output, and files that are whole or absent. */
import { open, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TlogError } from '../primitives/error.ts'
import { renameDurably, writeNewFile } from '../storage/files.node.ts'

/** The name that stands for standard input or output. */
export const STANDARD = '-'

/** Writes to standard output; resolves when the system has taken it, so that a position may be moved on after it. */
export const print = (data: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(data, (error) => (error ? reject(error) : resolve()))
  })

/** Writes a line for people to standard error. */
export const say = (line: string): void => {
  process.stderr.write(`${line}\n`)
}

/** Writes a file, or standard output for `-`. A file is replaced whole or not at all. Rejects with `io`. */
export const writeOut = async (path: string, data: string | Uint8Array, mode = 0o644): Promise<void> => {
  if (path === STANDARD) return print(data)
  await refusing(path, async () => {
    // A pipe or a device is written to; a new file in its place would not reach whoever reads it.
    if (await isSpecial(path)) return writeInto(path, data)
    const unfinished = join(dirname(path), `.${basename(path)}.${process.pid}`)
    await rm(unfinished, { force: true })
    await writeNewFile(unfinished, data, mode)
    await renameDurably(unfinished, path)
  })
}

/** Writes a file that must not be there yet. Rejects with `usage` when it is, and with `io`. */
export const writeNew = (path: string, data: string | Uint8Array, mode: number): Promise<void> =>
  refusing(path, () => writeNewFile(path, data, mode))

/** Runs `write`, with the system's error as `usage` where another path helps, else as `io`. */
const refusing = async (path: string, write: () => Promise<void>): Promise<void> => {
  try {
    await write()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    if (code === 'EEXIST') throw new TlogError('usage', `${path} is already there and is never overwritten`, { cause })
    const wrongPath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'EROFS'].includes(code)
    throw new TlogError(wrongPath ? 'usage' : 'io', `cannot write ${path}: ${code}`, { cause })
  }
}

const isSpecial = async (path: string): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && !found.isFile()
}

const writeInto = async (path: string, data: string | Uint8Array): Promise<void> => {
  const file = await open(path, 'w')
  try {
    await file.writeFile(data)
  } finally {
    await file.close()
  }
}
