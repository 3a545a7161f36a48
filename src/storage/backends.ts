/** The list of storage backends, opened by URL. A new one is one file and one line here; its tests are already written. */
import { TlogError } from '../primitives/error.ts'
import { openLevel } from './level.ts'
import { openMemory } from './memory.ts'
import type { Backend, Storage } from './storage.ts'

/** By scheme: `memory:` forgets at the end of the process, `level:<folder>` keeps everything in LevelDB. */
export const backends: Readonly<Record<string, Backend>> = { memory: openMemory, level: openLevel }

/** Opens storage by URL, for example `level:./treehead-data/db`. Throws `usage` for an unknown scheme. */
export const openStorage = async (
  url: string,
  { create = false }: { readonly create?: boolean } = {},
): Promise<Storage> => {
  const { backend, location } = parseStorageUrl(url)
  return backend({ location, create })
}

/** Splits a storage URL. Throws `usage` for an unknown scheme. */
export const parseStorageUrl = (
  url: string,
): { readonly scheme: string; readonly location: string; readonly backend: Backend } => {
  const colon = url.indexOf(':')
  const scheme = url.slice(0, Math.max(0, colon))
  const backend = Object.hasOwn(backends, scheme) ? backends[scheme] : undefined
  if (backend === undefined) {
    throw new TlogError(
      'usage',
      `want a storage URL like ${Object.keys(backends)
        .map((name) => `${name}:…`)
        .join(' or ')}, got ${url}`,
    )
  }
  return { scheme, location: url.slice(colon + 1), backend }
}
