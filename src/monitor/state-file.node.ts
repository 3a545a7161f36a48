/** The state of a monitor in a folder: one file, which is replaced whole. */
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { renameDurably, writeNewFile } from '../storage/files.node.ts'
import { formatMonitorState, type MonitorStore, parseMonitorState } from './monitor-state.ts'

/** The name of the file. */
const STATE = 'state.json'

/**
 * The state in a folder, which is made if it is absent. `load` rejects with `corrupt` for a file that is no state or of
 * another log; both reject with `io` when the disk refuses.
 */
export const openStateFile = async (folder: string, origin: string): Promise<MonitorStore> => {
  const path = join(folder, STATE)
  await asIo(folder, () => mkdir(folder, { recursive: true, mode: 0o700 }))
  return {
    load: async () => {
      const text = await asIo(path, () => readIfThere(path))
      if (text === undefined) return undefined
      const state = parse(path, text)
      if (state.origin === origin) return state
      throw new TlogError('corrupt', `${path} is of the log ${state.origin}, not of ${origin}`)
    },
    save: (state) =>
      asIo(path, async () => {
        const unfinished = `${path}.unfinished`
        await rm(unfinished, { force: true })
        await writeNewFile(unfinished, formatMonitorState(state), 0o600)
        await renameDurably(unfinished, path)
      }),
  }
}

const parse = (path: string, text: string): ReturnType<typeof parseMonitorState> => {
  try {
    return parseMonitorState(text)
  } catch (cause) {
    if (!isTlogError(cause)) throw cause
    throw new TlogError('corrupt', `${path}: ${cause.message}`, { cause })
  }
}

const readIfThere = async (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })

const asIo = async <T>(path: string, run: () => Promise<T>): Promise<T> => {
  try {
    return await run()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
    throw new TlogError('io', `cannot use ${path}: ${code}`, { cause })
  }
}
