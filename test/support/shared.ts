/** Where the outside vectors and data lie, if they are there: the folder `shared` beside the repository. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = process.env['TREEHEAD_SHARED'] ?? resolve(import.meta.dirname, '../../../shared')

/** The path of a file or folder of the outside material, or undefined (with a line saying so) when it is absent. */
export const shared = (...parts: readonly string[]): string | undefined => {
  const path = join(root, ...parts)
  if (existsSync(path)) return path
  console.warn(`skipped: outside material ${parts.join('/')} is not beside this repository`)
  return undefined
}
