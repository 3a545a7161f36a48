/** Files and folders made durably: a name is there after a power cut only once its folder is synced. */
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Syncs the names in a folder. */
export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Writes a new file, synced together with its name. Rejects when it is already there. */
export const writeNewFile = async (path: string, content: string | Uint8Array, mode: number): Promise<void> => {
  const file = await open(path, 'wx', mode)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncFolder(dirname(path))
}

/** Renames, and syncs the name. */
export const renameDurably = async (from: string, to: string): Promise<void> => {
  await rename(from, to)
  await syncFolder(dirname(to))
}

/**
 * Makes `copy` a folder of hard links to the files of `folder`: an instant copy of files that are only ever appended to
 * or replaced. Folders in it are left out. It gets its name last, so a copy that is there is whole.
 */
export const linkFolder = async (folder: string, copy: string): Promise<void> => {
  const unfinished = `${copy}.unfinished`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished)
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isFile()) await link(join(folder, entry.name), join(unfinished, entry.name))
  }
  await syncFolder(unfinished)
  await renameDurably(unfinished, copy)
}

/** Removes a folder; its name goes first, so what is left after a crash is never taken for whole. */
export const dropFolder = async (path: string): Promise<void> => {
  const dropped = `${path}.dropped`
  await rm(dropped, { recursive: true, force: true })
  await renameDurably(path, dropped)
  await rm(dropped, { recursive: true, force: true })
}
