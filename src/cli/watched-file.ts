/** Files that are read again when they change: lists that an operator edits while a server runs. */
import { readFile, stat } from 'node:fs/promises'

/** A file and what it said when it was last right. */
export interface Watched<T> extends Disposable {
  readonly value: () => T
  /** Looks now, as at SIGHUP. */
  look(): Promise<void>
}

/** How to watch. */
export interface WatchOptions<T> {
  readonly path: string
  readonly parse: (bytes: Uint8Array) => T
  /** What an absent file says; without it an absent file is an error, at the start and later. */
  readonly absent?: T
  /** Told of a change that could not be read; the value stays what it was. */
  readonly complain: (error: unknown) => void
  /** Told of each change that was. */
  readonly changed?: ((value: T) => void) | undefined
  /** Between two looks, in milliseconds. Default 1,000. */
  readonly everyMs?: number
}

/** Reads a file and watches it. Rejects as `parse` does, and with the system's error, when it is bad at the start. */
export const watchFile = async <T>(options: WatchOptions<T>): Promise<Watched<T>> => {
  const { path, everyMs = 1_000, complain, changed } = options
  let seen = await stampOf(path)
  let value = await read(options)
  const look = async (): Promise<void> => {
    const stamp = await stampOf(path)
    if (stamp === seen) return
    seen = stamp
    try {
      value = await read(options)
      changed?.(value)
    } catch (error) {
      complain(error)
    }
  }
  const timer = setInterval(() => void look(), everyMs)
  timer.unref()
  return { value: () => value, look, [Symbol.dispose]: () => clearInterval(timer) }
}

const read = async <T>({ path, parse, absent }: WatchOptions<T>): Promise<T> => {
  try {
    return parse(await readFile(path))
  } catch (error) {
    if (absent !== undefined && error instanceof Error && 'code' in error && error.code === 'ENOENT') return absent
    throw error
  }
}

/** Polling, because change notices do not come from every file system that a list may be mounted from. */
const stampOf = async (path: string): Promise<string> => {
  const found = await stat(path, { bigint: true }).catch(() => undefined)
  return found === undefined ? '' : `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`
}
