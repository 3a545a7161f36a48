/** Backup: a verified copy of a log in a folder, in the layout of c2sp.org/tlog-tiles, made while the log grows. */
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { HeadKeeper } from '../client/heads.ts'
import { prefetch } from '../client/prefetch.ts'
import type { LogResources } from '../client/resources.ts'
import { lruTileCache } from '../client/tile-cache.ts'
import type { HashTileId, TileTree } from '../client/tile-tree.ts'
import type { CheckpointReader, VerifiedCheckpoint } from '../client/trust.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import { syncFolder } from '../storage/files.node.ts'
import { formatEntryBundle, parseEntryBundle } from '../tlog/entry-bundle.ts'
import { formatTilePath, hashesAt, TILE_WIDTH, type TileId, tileLevels, tileWidth } from '../tlog/tile.ts'

/** What to copy, whom to believe, and where to. */
export interface BackupOptions {
  readonly resources: LogResources
  readonly reader: CheckpointReader
  /** Made if it is absent. An earlier backup of the same log in it is brought up to date. */
  readonly folder: string
  /** Read again and heal what an earlier backup has, instead of only looking whether it is there. Default false. */
  readonly recheck?: boolean | undefined
  /** Files under way at a time. Default 16. */
  readonly concurrency?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Called after each file. */
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined
}

/** How far a backup has come, in files. */
export interface BackupProgress {
  readonly done: number
  readonly total: number
}

/** What a backup holds, and what this run did. */
export interface BackupReport {
  readonly checkpoint: VerifiedCheckpoint
  /** The size that an earlier backup in the folder had, 0 if there was none. */
  readonly previousSize: number
  /** Files fetched and written. */
  readonly written: number
  /** Files that were there. */
  readonly kept: number
}

/** The name of the checkpoint in the folder. */
const CHECKPOINT = 'checkpoint'

/**
 * Copies the newest checkpoint of a log and all that it stands for: every tile, partial ones included, and every bundle
 * of entries, each verified before it is written. All is on disk before the checkpoint gets its name, so what the folder's
 * checkpoint says is there, also after a crash; an interrupted backup goes on where it was. Rejects with
 * InconsistentError when the log does not stand by the folder's checkpoint, with `out_of_range` when it went back behind
 * it, with `bad_proof` for bytes that do not fit, and as `resources` do.
 */
export const backup = async (options: BackupOptions): Promise<BackupReport> => {
  const { resources, folder, concurrency = 16, signal, onProgress } = options
  await mkdir(folder, { recursive: true })
  const previous = await readPrevious(options)
  const { checkpoint, tree } = await newestHead(options, previous)
  const previousSize = previous?.checkpoint.size ?? 0
  const copy = new Copy({ ...options, signal }, resources, tree, options.recheck ? 0 : previousSize)
  const total = countOf(tree.size)
  let done = 0
  for await (const _ of prefetch(allOf(tree.size), concurrency, (id) => copy.keep(id))) {
    signal?.throwIfAborted()
    onProgress?.({ done: ++done, total })
  }
  await copy.syncFolders()
  await writeFileSynced(join(folder, CHECKPOINT), checkpoint.bytes)
  await syncFolder(folder)
  await dropPartials(folder, previousSize, tree.size)
  return { checkpoint, previousSize, written: copy.written, kept: copy.kept }
}

const readPrevious = async ({ folder, reader }: BackupOptions): Promise<VerifiedCheckpoint | undefined> => {
  const bytes = await readIfThere(join(folder, CHECKPOINT))
  if (bytes === undefined) return undefined
  try {
    return reader.open(bytes)
  } catch (cause) {
    if (!isTlogError(cause)) throw cause
    throw new TlogError(cause.code, `the checkpoint in ${folder}: ${cause.message}`, { cause })
  }
}

const newestHead = async (
  { resources, reader, folder, signal }: BackupOptions,
  previous: VerifiedCheckpoint | undefined,
): Promise<{ checkpoint: VerifiedCheckpoint; tree: TileTree }> => {
  const bytes = await resources.checkpoint({ signal })
  const heads = new HeadKeeper(reader, { load: async () => previous?.bytes, save: async () => {} }, lruTileCache())
  const head = await heads.accept(bytes, (tile) => resources.tile(tile, { signal }))
  const { size } = reader.open(bytes).checkpoint
  if (size === head.tree.size) return head
  const sizes = `the log is at size ${size}, the backup in ${folder} at ${head.tree.size}`
  throw new TlogError('out_of_range', `${sizes}: an old copy of the log was restored, or a cache is in between`)
}

/** Copies one tree into a folder, file by file. */
class Copy {
  readonly #folder: string
  readonly #signal: AbortSignal | undefined
  readonly #resources: LogResources
  readonly #served: TileTree
  readonly #stored: TileTree
  /** Full files within this size were verified when an earlier backup wrote them. */
  readonly #trusted: number
  readonly #folders = new Map<string, Promise<unknown>>()
  written = 0
  kept = 0

  constructor(
    { folder, signal }: Pick<BackupOptions, 'folder' | 'signal'>,
    resources: LogResources,
    tree: TileTree,
    trusted: number,
  ) {
    this.#folder = folder
    this.#signal = signal
    this.#resources = resources
    this.#served = tree.over((tile) => resources.tile(tile, { signal }))
    this.#stored = tree.over(async (tile) => {
      const bytes = await readIfThere(this.#pathOf(tile))
      return bytes ?? resources.tile(tile, { signal })
    })
    this.#trusted = trusted
  }

  /** Makes sure that the folder has the tile or bundle, and that it is right. */
  async keep(id: TileId): Promise<void> {
    this.#signal?.throwIfAborted()
    const path = this.#pathOf(id)
    const there = this.#isTrusted(id) ? await isThere(path) : await this.#isRight(id, path)
    if (there) {
      this.kept++
      return
    }
    await this.#makeFolder(dirname(path))
    await writeFileSynced(path, await this.#fetch(id))
    this.written++
  }

  /** Syncs the name of every file and folder that was made. */
  async syncFolders(): Promise<void> {
    const all = new Set<string>()
    for (let path of this.#folders.keys()) {
      for (; path.length > this.#folder.length; path = dirname(path)) all.add(path)
    }
    for (const path of all) await syncFolder(path)
    await syncFolder(this.#folder)
  }

  #pathOf(id: TileId): string {
    return join(this.#folder, formatTilePath(id))
  }

  #isTrusted({ level, index, width }: TileId): boolean {
    return width === TILE_WIDTH && tileWidth({ level, index }, this.#trusted) === TILE_WIDTH
  }

  /** True when the file is there and is what the tree says: an interrupted backup left it. */
  async #isRight(id: TileId, path: string): Promise<boolean> {
    const bytes = await readIfThere(path)
    if (bytes === undefined) return false
    try {
      if (id.level === 'entries') await this.#checkBundle(this.#stored, id, parseEntryBundle(bytes, id.width))
      else if (!equalBytes(bytes, await this.#stored.tile({ ...id, level: id.level }))) return false
      return true
    } catch (error) {
      if (isTlogError(error, 'bad_proof') || isTlogError(error, 'malformed') || isTlogError(error, 'too_large'))
        return false
      throw error
    }
  }

  async #fetch(id: TileId): Promise<Uint8Array> {
    if (id.level !== 'entries') return this.#served.tile({ ...id, level: id.level })
    const entries = await this.#resources.entries(id, { signal: this.#signal })
    await this.#checkBundle(this.#served, id, entries)
    return formatEntryBundle(entries)
  }

  async #checkBundle(tree: TileTree, { index, width }: TileId, entries: readonly Uint8Array[]): Promise<void> {
    const hashes: HashTileId = { level: 0, index, width }
    const computed = new Uint8Array(entries.length * HASH_SIZE)
    treeHasher().hashLeaves(entries, computed)
    if (equalBytes(computed, await tree.tile(hashes))) return
    throw new TlogError('bad_proof', `${formatTilePath({ level: 'entries', index, width })} does not match the tree`)
  }

  #makeFolder(path: string): Promise<unknown> {
    const made = this.#folders.get(path) ?? mkdir(path, { recursive: true })
    this.#folders.set(path, made)
    return made
  }
}

/** Every tile of a tree, from the top down so that a tile is verified by one that is known, and every bundle. */
function* allOf(size: number): Generator<TileId, void, undefined> {
  for (let level = tileLevels(size) - 1; level >= 0; level--) yield* tilesOf(level, size)
  yield* tilesOf('entries', size)
}

function* tilesOf(level: TileId['level'], size: number): Generator<TileId, void, undefined> {
  for (let index = 0; ; index++) {
    const width = tileWidth({ level, index }, size)
    if (width === 0) return
    yield { level, index, width }
  }
}

const countOf = (size: number): number => {
  const levels = Array.from({ length: tileLevels(size) }, (_, level) => level)
  return [0, ...levels].reduce((sum, level) => sum + Math.ceil(hashesAt(level, size) / TILE_WIDTH), 0)
}

/**
 * Drops what this checkpoint has no use for: the partial tiles of the earlier one, and of heads in between whose backup
 * was interrupted.
 */
const dropPartials = async (folder: string, previousSize: number, size: number): Promise<void> => {
  const levels = Array.from({ length: tileLevels(size) }, (_, level) => level)
  for (const level of ['entries', ...levels] as const) {
    const hashes = (at: number): number => (level === 'entries' ? at : hashesAt(level, at))
    for (let index = Math.floor(hashes(previousSize) / TILE_WIDTH); index * TILE_WIDTH <= hashes(size); index++) {
      const partials = dirname(join(folder, formatTilePath({ level, index, width: 1 })))
      const wanted = String(tileWidth({ level, index }, size))
      const names = await readdir(partials).catch(() => [])
      for (const name of names) if (name !== wanted) await rm(join(partials, name), { force: true })
      // Refused while the one that is wanted is in it.
      if (names.length > 0) await rmdir(partials).catch(() => {})
    }
  }
}

const readIfThere = async (path: string): Promise<Uint8Array | undefined> =>
  readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })

const isThere = async (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  )

/**
 * Writes a file that is whole when it has its name. The name itself is synced with its folder, later. What an interrupted
 * run left unfinished is written over, so nothing piles up; two backups into one folder at once are not for this.
 */
const writeFileSynced = async (path: string, bytes: Uint8Array): Promise<void> => {
  const unfinished = `${path}.unfinished`
  const file = await open(unfinished, 'w', 0o644)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
}
