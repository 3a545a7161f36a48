/** The copies of logs on disk: a LevelDB for each, in a folder named by its origin hash, made when it is first needed. */
import { mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { openStorage } from '../storage/backends.ts'
import { dropFolder, renameDurably } from '../storage/files.node.ts'
import type { LogStore, Storage } from '../storage/storage.ts'

/** The open copies of a mirror. */
export interface Copies extends AsyncDisposable {
  /** Opens the store of a log, making it when it is not there. Rejects as `openStorage` does. */
  open(hash: string): Promise<LogStore>
}

/** Copies in `folder`, which is made if it is absent. */
export const openCopies = async (folder: string): Promise<Copies> => {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const open = new Map<string, Storage>()
  return {
    open: async (hash) => {
      const known = open.get(hash)
      if (known !== undefined) return known.log
      const path = join(folder, hash)
      if (!(await isThere(path))) await create(path)
      const storage = await openStorage(`level:${path}`)
      open.set(hash, storage)
      return storage.log
    },
    [Symbol.asyncDispose]: async () => {
      for (const storage of open.values()) await storage[Symbol.asyncDispose]()
    },
  }
}

/** Under another name first: a database whose making was cut off must not be taken for one that lost its files. */
const create = async (path: string): Promise<void> => {
  const unfinished = `${path}.unfinished`
  if (await isThere(unfinished)) await dropFolder(unfinished)
  const storage = await openStorage(`level:${unfinished}`, { create: true })
  await storage[Symbol.asyncDispose]()
  await renameDurably(unfinished, path)
}

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
