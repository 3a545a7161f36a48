/** Storage in LevelDB: one database, one synced batch for each commit, and no trust that it notices damage. */
import { Level } from 'level'
import { concatBytes, encodeUint64, equalBytes, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import { FolderNames } from './folder-names.node.ts'
import { headRow, indexRow, isLogRow, kindOf, logRows, mapRow, rowKinds, runRow, tileRow } from './level-keys.ts'
import { packRuns, RUN_BOUNDARY, unpackRun } from './runs.ts'
import type {
  Change,
  Commit,
  KeyValueStore,
  LogStore,
  OpenOptions,
  Row,
  Storage,
  TileKey,
  Version,
  Versioned,
} from './storage.ts'

type Database = Level<Uint8Array, Uint8Array>
type Write = (batch: ReturnType<Database['batch']>) => void

// A larger write buffer than LevelDB's 4 MiB: random index keys are compacted less often, and 16 MiB of log replay in
// well under a second at open.
const tuning = { writeBufferSize: 16 * 2 ** 20, cacheSize: 32 * 2 ** 20, maxFileSize: 8 * 2 ** 20 }

/**
 * Opens the LevelDB in the folder `location`. Only with `create` may it be absent: LevelDB would otherwise answer the loss
 * of its CURRENT file by starting an empty database and deleting the tables it no longer knows.
 */
export const openLevel = async ({ location, create }: OpenOptions): Promise<Storage> => {
  const database: Database = new Level(location, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: create,
    ...tuning,
  })
  let names: FolderNames
  try {
    await database.open()
    names = await FolderNames.open(location)
    await names.sync()
  } catch (cause) {
    throw openError(location, cause)
  }
  const writer = new Writer(database, names)
  const log = new LevelLog(database, writer)
  return {
    log,
    keyValue: (name) => new LevelMap(database, writer, name),
    [Symbol.asyncDispose]: async () => {
      await database.close()
      await names.close()
    },
  }
}

const openError = (location: string, cause: unknown): TlogError => {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const code = inner instanceof Error && 'code' in inner ? inner.code : undefined
  const message = inner instanceof Error ? inner.message : String(inner)
  if (code === 'LEVEL_LOCKED') return new TlogError('conflict', `another process has ${location} open`, { cause })
  if (/does not exist/.test(message)) return new TlogError('not_found', `no database in ${location}`, { cause })
  if (code === 'LEVEL_CORRUPTION' || /orruption/.test(message))
    return new TlogError('corrupt', `${location}: ${message}`, { cause })
  return new TlogError('io', `cannot open ${location}: ${message}`, { cause })
}

/** The only way to write: everything synced, one batch at a time, and nothing any more after the first failure. */
class Writer {
  readonly #database: Database
  readonly #names: FolderNames
  #failure: unknown

  constructor(database: Database, names: FolderNames) {
    this.#database = database
    this.#names = names
  }

  async write(fill: Write): Promise<void> {
    if (this.#failure !== undefined)
      throw new TlogError('poisoned', 'an earlier write failed', { cause: this.#failure })
    try {
      // Chained batches were measured two to four times faster than arrays.
      const batch = this.#database.batch()
      fill(batch)
      // Synced always: a mix of synced and unsynced writes leaves holes after a power cut.
      await batch.write({ sync: true })
      await this.#names.sync()
    } catch (cause) {
      // After one ENOSPC LevelDB goes on to acknowledge writes that are gone at the next open, so this handle is done.
      this.#failure = cause
      throw new TlogError(
        'unknown_outcome',
        `write failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      )
    }
  }
}

class LevelLog implements LogStore {
  readonly #database: Database
  readonly #writer: Writer
  #version: Version | undefined

  constructor(database: Database, writer: Writer) {
    this.#database = database
    this.#writer = writer
  }

  async head(): Promise<Versioned | undefined> {
    const [last] = await reading(this.#database.iterator({ ...logRows, reverse: true, limit: 1 }).all())
    if (last === undefined) return undefined
    const [key, row] = last
    if (kindOf(key) !== rowKinds.head) throw new TlogError('corrupt', 'the last row of the log is not a head')
    const sealed = unseal(key, row, 'the head')
    const head = { version: readUint64(sealed), head: sealed.slice(8) }
    this.#version = head.version
    return head
  }

  async commit({ previous, head, firstIndex, entries, fullTiles, index, beside }: Commit): Promise<Versioned> {
    if (this.#version === undefined) await this.head()
    if (previous !== this.#version) throw new TlogError('conflict', `head is version ${this.#version}, not ${previous}`)
    const version = (previous ?? 0) + 1
    // Before the write, so that a second commit called meanwhile conflicts. If this one fails the writer is done anyway.
    this.#version = version
    await this.#writer.write((batch) => {
      for (const run of packRuns(firstIndex, entries)) batch.put(runRow(run.firstIndex), run.bytes)
      for (const [key, hashes] of fullTiles) batch.put(tileRow(key), hashes)
      for (const { key, value } of index)
        value === undefined ? batch.del(indexRow(key)) : batch.put(indexRow(key), value)
      for (const [name, changes] of beside ?? []) writeMap(batch, name, changes)
      const key = headRow(firstIndex + entries.length)
      batch.put(key, seal(key, concatBytes(encodeUint64(version), head)))
    })
    return { version, head }
  }

  async entries(start: number, end: number): Promise<readonly Uint8Array[]> {
    const found: Uint8Array[] = []
    let next: number | undefined
    const rows = this.#database.iterator({ gte: runRow(start - (start % RUN_BOUNDARY)), lt: runRow(end) })
    for (const [key, bytes] of await reading(rows.all())) {
      if (kindOf(key) !== rowKinds.run) continue
      const firstIndex = readUint64(key, 1)
      if (next !== undefined && firstIndex !== next) break
      const run = unpackRun({ firstIndex, bytes })
      next = firstIndex + run.length
      for (const [i, entry] of run.entries()) if (firstIndex + i >= start && firstIndex + i < end) found.push(entry)
    }
    if (found.length !== end - start)
      throw new TlogError('corrupt', `entry ${start + found.length} is missing from the database`)
    return found
  }

  async fullTile(key: TileKey): Promise<Uint8Array | undefined> {
    return reading(this.#database.get(tileRow(key)))
  }

  async *heads(): AsyncIterable<Uint8Array> {
    for await (const key of readingEach(this.#database.keys(logRows))) {
      if (!isLogRow(key)) throw new TlogError('corrupt', 'a row of the log has a key that no row has')
      if (kindOf(key) !== rowKinds.head) continue
      const row = await reading(this.#database.get(key))
      if (row !== undefined) yield unseal(key, row, 'a head').slice(8)
    }
  }

  async lookup(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return reading(this.#database.getMany(keys.map(indexRow)))
  }
}

class LevelMap implements KeyValueStore {
  readonly #database: Database
  readonly #writer: Writer
  readonly #name: string

  constructor(database: Database, writer: Writer, name: string) {
    assertName(name)
    this.#database = database
    this.#writer = writer
    this.#name = name
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const row = mapRow(this.#name, key)
    const value = await reading(this.#database.get(row))
    return value && unseal(row, value, `a row of ${this.#name}`)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const rows = keys.map((key) => mapRow(this.#name, key))
    const values = await reading(this.#database.getMany(rows))
    // Here, and only here, classic-level answers with a subclass, whose methods do other things.
    const plain = values.map((value) => value && new Uint8Array(value.buffer, value.byteOffset, value.length))
    return plain.map((value, i) => value && unseal(rows[i] ?? value, value, `a row of ${this.#name}`))
  }

  async write(changes: readonly Change[]): Promise<void> {
    await this.#writer.write((batch) => writeMap(batch, this.#name, changes))
  }

  async *range(from: Uint8Array, to: Uint8Array): AsyncIterable<Row> {
    const prefix = mapRow(this.#name, new Uint8Array(0)).length
    const rows = this.#database.iterator({ gte: mapRow(this.#name, from), lt: mapRow(this.#name, to) })
    for await (const [key, value] of readingEach(rows)) {
      yield { key: key.slice(prefix), value: unseal(key, value, `a row of ${this.#name}`) }
    }
  }
}

const assertName = (name: string): void => {
  if (!/^[a-z0-9-]{1,32}$/.test(name)) throw new RangeError(`want 1 to 32 letters, digits or dashes, got ${name}`)
}

const writeMap = (batch: Parameters<Write>[0], name: string, changes: readonly Change[]): void => {
  assertName(name)
  for (const { key, value } of changes) {
    const row = mapRow(name, key)
    value === undefined ? batch.del(row) : batch.put(row, seal(row, value))
  }
}

/** What LevelDB says of rows that it cannot read, in our words: `corrupt` for damage, `io` for a disk that refuses. */
const readError = (cause: unknown): TlogError => {
  const message = cause instanceof Error ? cause.message : String(cause)
  const code = /orruption|snappy|block|checksum/i.test(message) ? 'corrupt' : 'io'
  return new TlogError(code, `the database cannot be read: ${message}`, { cause })
}

const reading = async <T>(read: Promise<T>): Promise<T> => {
  try {
    return await read
  } catch (cause) {
    throw readError(cause)
  }
}

async function* readingEach<T>(rows: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* rows
  } catch (cause) {
    throw readError(cause)
  }
}

const SEAL_SIZE = 32

/** LevelDB hands out flipped bits as data, so rows that no tree vouches for carry their own digest, bound to their key. */
const seal = (key: Uint8Array, value: Uint8Array): Uint8Array => concatBytes(value, sha256(concatBytes(key, value)))

const unseal = (key: Uint8Array, row: Uint8Array, what: string): Uint8Array => {
  const value = row.subarray(0, Math.max(0, row.length - SEAL_SIZE))
  if (!equalBytes(seal(key, value), row)) throw new TlogError('corrupt', `${what} does not match its digest`)
  return value
}
