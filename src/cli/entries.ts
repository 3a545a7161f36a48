/** Where the entries of `add` come from: files, folders and standard input, each whole, by lines, or by JSON records. */
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TlogError } from '../primitives/error.ts'
import { MAX_ENTRY_SIZE } from '../tlog/entry-bundle.ts'
import { readInput, unreadable } from './input.ts'
import { type JsonPointer, jsonRecords } from './json-records.ts'
import { STANDARD } from './output.ts'

/** How a source is cut into entries. */
export type Cut =
  | { readonly kind: 'whole' }
  | { readonly kind: 'lines' }
  | { readonly kind: 'json'; readonly pointer: JsonPointer }

/** A file, or what standard input held. */
export interface Source {
  /** As people know it. */
  readonly name: string
  /** What was read already; else it is read when it is cut. */
  readonly bytes?: Uint8Array
}

/** An entry and where it came from, such as `trail.json record 7`. */
export interface FoundEntry {
  readonly name: string
  readonly data: Uint8Array
}

/**
 * The sources that paths name. A folder stands for the files in it and below it in order of their names, without those
 * whose names start with a dot; for JSON records only those that end in `.json`. Standard input is read to its end.
 * Rejects with `usage` for what cannot be read, and for a folder without a file.
 */
export const findSources = async (paths: readonly string[], cut: Cut): Promise<readonly Source[]> => {
  const sources: Source[] = []
  for (const path of paths) {
    if (path === STANDARD) sources.push({ name: 'standard input', bytes: await readInput(path) })
    else sources.push(...(await findFiles(path, [cut.kind === 'json' ? '.json' : ''])).map((name) => ({ name })))
  }
  return sources
}

/**
 * The file of a path, or of a folder those in and below it whose names end in one of `endings`, in order. Rejects with
 * `usage` for what cannot be read, and for a folder without such a file.
 */
export const findFiles = async (path: string, endings: readonly string[]): Promise<readonly string[]> => {
  if (!(await isFolder(path))) return [path]
  const files = await filesBelow(path, endings)
  if (files.length > 0) return files
  throw new TlogError('usage', `no ${endings.join(' or ')}${endings[0] === '' ? '' : ' '}file in the folder ${path}`)
}

const filesBelow = async (folder: string, endings: readonly string[]): Promise<readonly string[]> => {
  const files: string[] = []
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name)
    if (name.startsWith('.')) continue
    if (await isFolder(path)) files.push(...(await filesBelow(path, endings)))
    else if (endings.some((ending) => name.endsWith(ending))) files.push(path)
  }
  return files
}

const isFolder = async (path: string): Promise<boolean> => {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

/**
 * The entries of a source in order; `undefined` for an empty line, which is none. Rejects with `usage` for a file that
 * cannot be read or is not in its form, and with `too_large`, both naming the place.
 */
export async function* cutSource(source: Source, cut: Cut): AsyncGenerator<FoundEntry | undefined, void, undefined> {
  switch (cut.kind) {
    case 'whole':
      yield checked({ name: source.name, data: await readWhole(source) })
      return
    case 'lines':
      yield* cutLines(source)
      return
    case 'json':
      yield* cutJson(source, cut.pointer)
  }
}

const readWhole = async ({ name, bytes }: Source): Promise<Uint8Array> => {
  const size = bytes?.length ?? (await stat(name)).size
  // Asked before it is read: it may be the disk image that somebody meant to hash.
  if (size > MAX_ENTRY_SIZE) throw tooLarge(name, `has ${size} bytes`)
  const data = bytes ?? (await readInput(name))
  if (data.length === 0) throw new TlogError('usage', `${name} is empty; an entry has at least one byte`)
  return data
}

async function* cutJson({ name, bytes }: Source, pointer: JsonPointer): AsyncGenerator<FoundEntry> {
  const text = bytes ?? (await readInput(name))
  let number = 0
  for (const { start, end } of recordsOf(name, text, pointer)) {
    yield checked({ name: `${name} record ${number++}`, data: text.subarray(start, end) })
  }
}

const recordsOf = (name: string, text: Uint8Array, pointer: JsonPointer): ReturnType<typeof jsonRecords> => {
  try {
    return jsonRecords(text, pointer)
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause
    throw new TlogError('usage', `${name}: ${cause.code === 'malformed' ? 'not JSON: ' : ''}${cause.message}`, {
      cause,
    })
  }
}

const NEWLINE = 0x0a

async function* cutLines(source: Source): AsyncGenerator<FoundEntry | undefined> {
  let number = 1
  // What of a line came in earlier chunks.
  let begun: Uint8Array = new Uint8Array(0)
  const take = (rest: Uint8Array): FoundEntry | undefined => {
    const data = begun.length === 0 ? rest : Buffer.concat([begun, rest])
    begun = new Uint8Array(0)
    return data.length === 0 ? undefined : checked({ name: `${source.name} line ${number}`, data })
  }
  for await (const chunk of chunksOf(source)) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start), number++) {
      yield take(chunk.subarray(start, end))
      start = end + 1
    }
    begun = Buffer.concat([begun, chunk.subarray(start)])
    if (begun.length > MAX_ENTRY_SIZE) throw tooLarge(`${source.name} line ${number}`, 'is longer')
  }
  if (begun.length > 0) yield take(new Uint8Array(0))
}

async function* chunksOf({ name, bytes }: Source): AsyncGenerator<Uint8Array> {
  if (bytes !== undefined) return yield bytes
  try {
    for await (const chunk of createReadStream(name, { highWaterMark: 2 ** 20 })) yield chunk as Buffer
  } catch (cause) {
    throw unreadable(name, cause)
  }
}

const checked = (entry: FoundEntry): FoundEntry => {
  if (entry.data.length > MAX_ENTRY_SIZE) throw tooLarge(entry.name, `has ${entry.data.length} bytes`)
  return entry
}

const tooLarge = (name: string, got: string): TlogError =>
  new TlogError('too_large', `${name} ${got}; an entry has at most ${MAX_ENTRY_SIZE} bytes`)
