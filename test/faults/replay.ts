/** Makes the folder that a power cut would have left, at any event of a trace, from the trace and the files at its end. */
import { chmodSync, existsSync, linkSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { type Random, seededRandom } from './random.ts'
import { type Change, contentAfterCut, type Tail } from './tail.ts'
import { readTrace, type TimedEvent } from './trace.ts'

/**
 * What became of names (created, renamed, unlinked): `late` all are as the program left them; `early` all are as at the
 * last sync of any file, which is the least a journalling file system (ext4, XFS) keeps; `strict` a name is kept only by
 * a sync of its folder, the least POSIX promises and less than any file system in use does.
 */
export const nameRules = ['late', 'early', 'strict'] as const
/** One of the name rules. */
export type NameRule = (typeof nameRules)[number]

/** Which image to make: of the moment after `at` events of the trace. */
export interface Cut {
  readonly at: number
  readonly tail: Tail
  readonly names: NameRule
  readonly seed: number
}

interface KeptFile {
  readonly bytes: Uint8Array
  readonly mode: number
}

/** A folder at rest: its names, its folders, and the files behind the names by inode. */
export interface FolderState {
  readonly names: ReadonlyMap<string, string>
  readonly folders: readonly string[]
  readonly files: ReadonlyMap<string, KeptFile>
}

/** What a recording left: the trace, the watched folder, the folder of deleted files, and what was there before. */
export interface Recording {
  readonly trace: string
  readonly root: string
  readonly grave: string
  readonly base?: FolderState
}

/** LevelDB writes its text log without syncing and never reads it; its lock file holds nothing. */
const neverRead = new Set(['LOG', 'LOG.old', 'LOCK'])

const readKept = (path: string): KeptFile => ({ bytes: readFileSync(path), mode: statSync(path).mode & 0o777 })

/** Reads a folder that nobody is writing to. */
export const readFolder = (root: string): FolderState => {
  const names = new Map<string, string>()
  const files = new Map<string, KeptFile>()
  const folders: string[] = []
  for (const entry of readdirSync(root, { withFileTypes: true, recursive: true })) {
    const full = join(entry.parentPath, entry.name)
    const path = full.slice(root.length + 1)
    if (entry.isDirectory()) folders.push(path)
    if (!entry.isFile()) continue
    const ino = String(statSync(full).ino)
    names.set(path, ino)
    if (!files.has(ino)) files.set(ino, readKept(full))
  }
  return { names, folders, files }
}

/** The life of one file: its changes, and the syncs that made them stable, each with the event it belongs to. */
interface History {
  readonly changes: { readonly at: number; readonly change: Change }[]
  readonly syncs: { readonly at: number; readonly covers: number }[]
  size: number
}

const changeOf = (event: TimedEvent, size: number, final: Uint8Array): Change | undefined => {
  if (event.kind === 'truncate') return { truncateTo: event.length }
  if (event.kind === 'write') return { offset: event.offset, bytes: event.bytes }
  if (event.kind !== 'grown' || event.size <= size) return undefined
  if (final.length < event.size) throw new Error(`file ${event.ino} is shorter now than it once was`)
  return { offset: size, bytes: final.subarray(size, event.size) }
}

const readHistories = (
  events: readonly TimedEvent[],
  baseSize: (ino: string) => number,
  final: ReadonlyMap<string, KeptFile>,
): ReadonlyMap<string, History> => {
  const histories = new Map<string, History>()
  const begun = new Map<string, number>()
  for (const [at, event] of events.entries()) {
    if (!('ino' in event)) continue
    const history = histories.get(event.ino) ?? { changes: [], syncs: [], size: baseSize(event.ino) }
    histories.set(event.ino, history)
    if (event.kind === 'syncing') begun.set(event.id, history.changes.length)
    if (event.kind === 'synced') history.syncs.push({ at, covers: begun.get(event.id) ?? 0 })
    const change = changeOf(event, history.size, final.get(event.ino)?.bytes ?? new Uint8Array())
    if (change === undefined) continue
    history.changes.push({ at, change })
    history.size =
      'truncateTo' in change ? change.truncateTo : Math.max(history.size, change.offset + change.bytes.length)
  }
  return histories
}

interface Names {
  readonly files: Map<string, string>
  readonly folders: Set<string>
}

const renameFolder = (names: Names, from: string, to: string): void => {
  const moved = (path: string): string | undefined =>
    path === from || path.startsWith(`${from}/`) ? to + path.slice(from.length) : undefined
  for (const path of [...names.folders]) {
    const target = moved(path)
    if (target !== undefined && names.folders.delete(path)) names.folders.add(target)
  }
  for (const [path, ino] of [...names.files]) {
    const target = moved(path)
    if (target !== undefined && names.files.delete(path)) names.files.set(target, ino)
  }
}

const applyName = (names: Names, event: TimedEvent): void => {
  if (event.kind === 'mkdir') names.folders.add(event.path)
  else if (event.kind === 'rmdir') names.folders.delete(event.path)
  else if (event.kind === 'unlink') names.files.delete(event.path)
  else if (event.kind === 'create' || event.kind === 'link') names.files.set(event.path, event.ino)
  else if (event.kind === 'rename' && names.folders.has(event.from)) renameFolder(names, event.from, event.path)
  else if (event.kind === 'rename') {
    names.files.delete(event.from)
    names.files.set(event.path, event.ino)
  }
}

/** A recording, ready to be cut. Holds the files in memory. */
export class PowerCuts {
  readonly events: readonly TimedEvent[]
  readonly #base: FolderState
  readonly #final = new Map<string, KeptFile>()
  readonly #histories: ReadonlyMap<string, History>
  readonly #syncs: { readonly begun: number; readonly ended: number; readonly folder: string | undefined }[] = []

  /** Reads the trace, the watched folder and the deleted files. Throws when the trace does not explain the folder. */
  constructor(recording: Recording) {
    const events = readTrace(recording.trace)
    this.#base = recording.base ?? { names: new Map(), folders: [], files: new Map() }
    if (existsSync(recording.grave)) {
      for (const ino of readdirSync(recording.grave)) this.#final.set(ino, readKept(join(recording.grave, ino)))
    }
    const actual = readFolder(recording.root)
    for (const [ino, file] of actual.files) this.#final.set(ino, file)
    // What a stdio stream had flushed when the process was killed shows only in the file.
    const end = events.at(-1)?.end ?? 0
    const flushed = [...actual.files].map(
      ([ino, { bytes }]) => ({ kind: 'grown', ino, size: bytes.length, end }) as const,
    )
    this.events = [...events, ...flushed]
    this.#histories = readHistories(this.events, (ino) => this.#base.files.get(ino)?.bytes.length ?? 0, this.#final)
    const begun = new Map<string, number>()
    for (const [at, event] of this.events.entries()) {
      if (event.kind === 'syncing') begun.set(event.id, at)
      if (event.kind !== 'synced' && event.kind !== 'folderSynced') continue
      const folder = event.kind === 'folderSynced' ? event.path : undefined
      this.#syncs.push({ begun: begun.get(event.id) ?? 0, ended: at, folder })
    }
    this.#assertComplete(actual)
  }

  /** The end of the trace must be the folder as it is, or something went unrecorded and every image would be a guess. */
  #assertComplete(actual: FolderState): void {
    const names = this.#namesAt(this.events.length, 'late')
    const seen = (files: ReadonlyMap<string, string>): string =>
      JSON.stringify([...files].filter(([path]) => !neverRead.has(basename(path))).sort())
    if (seen(names.files) !== seen(actual.names)) {
      throw new Error(`the trace does not explain the names: want ${seen(actual.names)}, got ${seen(names.files)}`)
    }
    for (const [path, ino] of names.files) {
      if (neverRead.has(basename(path))) continue
      const replayed = this.#content(ino, this.events.length, 'keep', seededRandom(0))
      if (Buffer.compare(replayed, actual.files.get(ino)?.bytes ?? new Uint8Array()) !== 0) {
        throw new Error(`the trace does not explain the bytes of ${path}`)
      }
    }
  }

  #content(ino: string, at: number, tail: Tail, random: Random): Uint8Array {
    const base = this.#base.files.get(ino)?.bytes ?? new Uint8Array()
    const history = this.#histories.get(ino)
    if (history === undefined) return base
    const changes = history.changes.filter((step) => step.at < at).map((step) => step.change)
    const covered = history.syncs.reduce((most, sync) => (sync.at < at ? Math.max(most, sync.covers) : most), 0)
    return contentAfterCut({ base, synced: changes.slice(0, covered), unsynced: changes.slice(covered) }, tail, random)
  }

  /** The number of events that the last matching sync, ended before `at`, had before it began. */
  #covered(at: number, folder?: string): number {
    const sync = this.#syncs.findLast(({ ended, folder: of }) => ended < at && (folder === undefined || of === folder))
    return sync?.begun ?? 0
  }

  #namesAt(at: number, rule: NameRule): Names {
    const names: Names = { files: new Map(this.#base.names), folders: new Set(this.#base.folders) }
    const until = rule === 'early' ? this.#covered(at) : at
    const keptOf = new Map<string, number>()
    for (const [index, event] of this.events.slice(0, until).entries()) {
      if (!('path' in event)) continue
      const folder = dirname(event.path)
      if (rule === 'strict' && !keptOf.has(folder)) keptOf.set(folder, this.#covered(at, folder))
      if (index < (keptOf.get(folder) ?? until)) applyName(names, event)
    }
    return names
  }

  /** Writes the image of `cut` into the new folder `out`. */
  write(cut: Cut, out: string): void {
    const random = seededRandom(cut.seed)
    const names = this.#namesAt(cut.at, cut.names)
    mkdirSync(out)
    for (const folder of [...names.folders].sort()) mkdirSync(join(out, folder), { recursive: true })
    const written = new Map<string, string>()
    for (const [path, ino] of [...names.files].sort()) {
      const target = join(out, path)
      if (neverRead.has(basename(path)) || !existsSync(dirname(target))) continue
      const first = written.get(ino)
      if (first !== undefined) linkSync(first, target)
      else {
        writeFileSync(target, this.#content(ino, cut.at, cut.tail, random))
        chmodSync(target, this.#final.get(ino)?.mode ?? 0o644)
        written.set(ino, target)
      }
    }
  }
}
