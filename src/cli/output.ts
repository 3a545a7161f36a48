/** What commands write: standard output, and files that are whole or absent. */
import { open, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { TlogError } from '../primitives/error.ts'
import { renameDurably, writeNewFile } from '../storage/files.node.ts'
import { printable } from './report.ts'

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

/**
 * An entry for standard output: its bytes, or on a terminal its text with every control escaped, since whoever may append
 * could otherwise steer the terminal of whoever reads.
 */
export const shown = (data: Uint8Array): Uint8Array | string =>
  process.stdout.isTTY ? new TextDecoder().decode(data).split('\n').map(printable).join('\n') : data

/** Writes a file, or standard output for `-`. A file is replaced whole or not at all. Rejects with `io`. */
export const writeOut = async (path: string, data: string | Uint8Array, mode = 0o644): Promise<void> => {
  if (path === STANDARD) return print(data)
  await refusing(path, async () => {
    // A pipe or a device is written to; a new file in its place would not reach whoever reads it.
    if (await isSpecial(path)) return writeInto(path, data)
    const unfinished = nameWhileUnfinished(path)
    await rm(unfinished, { force: true })
    await writeNewFile(unfinished, data, mode)
    await renameDurably(unfinished, path)
  })
}

/** Writes a file that must not be there yet. Rejects with `usage` when it is, and with `io`. */
export const writeNew = (path: string, data: string | Uint8Array, mode: number): Promise<void> =>
  refusing(path, () => writeNewFile(path, data, mode))

/** Runs `write`, with the system's error as `usage` where another path helps, else as `io`. */
const refusing = async <T>(path: string, write: () => Promise<T>): Promise<T> => {
  try {
    return await write()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    if (code === 'EEXIST') throw new TlogError('usage', `${path} is already there and is never overwritten`, { cause })
    const wrongPath = ['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'EROFS'].includes(code)
    throw new TlogError(wrongPath ? 'usage' : 'io', `cannot write ${path}: ${code}`, { cause })
  }
}

/** Somewhere to write piece by piece. */
export interface Sink {
  write(data: string | Uint8Array): Promise<void>
  /** Makes what was written last, under its name. */
  close(): Promise<void>
  /** Leaves nothing of it, where it was a file. */
  discard(): Promise<void>
}

/** Opens a file that gets its name when it is closed, or standard output for `-`. Rejects with `usage` or `io`. */
export const openOut = async (path: string): Promise<Sink> => {
  if (path === STANDARD) return { write: print, close: async () => {}, discard: async () => {} }
  return refusing(path, async () => {
    const special = await isSpecial(path)
    const unfinished = special ? path : nameWhileUnfinished(path)
    const file = await open(unfinished, 'w')
    return {
      write: (data) => refusing(path, () => file.appendFile(data)),
      close: () =>
        refusing(path, async () => {
          if (!special) await file.sync()
          await file.close()
          if (!special) await renameDurably(unfinished, path)
        }),
      discard: async () => {
        await file.close()
        if (!special) await rm(unfinished, { force: true })
      },
    }
  })
}

const nameWhileUnfinished = (path: string): string => join(dirname(path), `.${basename(path)}.${process.pid}`)

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
