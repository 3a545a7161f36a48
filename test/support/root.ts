/** Where the repository lies, also for a program that was bundled into another folder of it. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const above = (folder: string): string => {
  if (existsSync(join(folder, 'package.json'))) return folder
  if (dirname(folder) === folder) throw new Error(`no package.json above ${import.meta.dirname}`)
  return above(dirname(folder))
}

/** The folder of package.json. */
export const repositoryRoot: string = above(import.meta.dirname)
