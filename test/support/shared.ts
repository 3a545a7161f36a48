/** Where the outside vectors and data lie, if they are there: the folder `shared` beside the repository. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { requireOrSkip } from './requires.ts'
import { repositoryRoot } from './root.ts'

const root = process.env['TREEHEAD_SHARED'] ?? resolve(repositoryRoot, '../shared')

/** The path of a file or folder of the outside material; when it is absent undefined, or an error where nothing may be skipped. */
export const shared = (...parts: readonly string[]): string | undefined => {
  const path = join(root, ...parts)
  const what = `outside material ${parts.join('/')} (in ../shared or where TREEHEAD_SHARED says)`
  return requireOrSkip(what, existsSync(path)) ? path : undefined
}
