/** Looking into a database without touching it: hard links of its files are opened instead, and dropped afterwards. */
import { rm } from 'node:fs/promises'
import type { DataDir } from '../log/data-dir.node.ts'
import { RefusedError } from '../log/refusal.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { openStorage } from '../storage/backends.ts'
import { dropFolder, linkFolder } from '../storage/files.node.ts'
import type { LogStore } from '../storage/storage.ts'

/**
 * Runs `look` on a copy of the database. LevelDB writes when it opens, and drops what it cannot read; here it does so in
 * a folder of links, which leaves the files of the real one as they are. The lock is shared, since its file is linked too:
 * no server can start meanwhile. Rejects with RefusedError `head_missing` when there is no database, and with `refused`
 * when a server has it open.
 */
export const withDatabaseCopy = async <T>(dir: DataDir, look: (store: LogStore) => Promise<T>): Promise<T> => {
  const copy = `${dir.database}.look`
  await rm(copy, { recursive: true, force: true })
  // A running server removes files between their listing and their linking; it holds the lock then, which decides below.
  const link = (): Promise<void> => linkFolder(dir.database, copy)
  await link()
    .catch(link)
    .catch(link)
    .catch((cause: unknown) => {
      throw new RefusedError('head_missing', `cannot link the files of ${dir.database}`, { cause })
    })
  try {
    await using storage = await openStorage(`level:${copy}`)
    return await look(storage.log)
  } catch (cause) {
    if (!isTlogError(cause, 'conflict')) throw cause
    const message = `a running server has ${dir.path} open; ask that server with --url, or stop it first`
    throw new TlogError('refused', message, { cause })
  } finally {
    await dropFolder(copy)
  }
}
