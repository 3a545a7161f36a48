/** Storage in memory: for tests, and for logs that may be forgotten. */
import { compareBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import type { Change, Commit, KeyValueStore, LogStore, Row, Storage, TileKey, Versioned } from './storage.ts'

/** Opens storage that lives as long as the object; the location is ignored. */
export const openMemory = async (): Promise<Storage> => new MemoryStorage()

class MemoryStorage implements Storage {
  readonly #stores = new Map<string, MemoryMap>()
  readonly log = new MemoryLog((name) => this.keyValue(name))

  keyValue(name: string): MemoryMap {
    const store = this.#stores.get(name) ?? new MemoryMap()
    this.#stores.set(name, store)
    return store
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const tileName = ({ level, index }: TileKey): string => `${level}/${index}`

class MemoryLog implements LogStore {
  #head: Versioned | undefined
  readonly #entries: Uint8Array[] = []
  readonly #tiles = new Map<string, Uint8Array>()
  readonly #index = new Map<string, Uint8Array>()
  readonly #storeOf: (name: string) => MemoryMap

  constructor(storeOf: (name: string) => MemoryMap) {
    this.#storeOf = storeOf
  }

  async head(): Promise<Versioned | undefined> {
    return this.#head
  }

  async commit({ previous, head, firstIndex, entries, fullTiles, index, beside }: Commit): Promise<Versioned> {
    if (previous !== this.#head?.version)
      throw new TlogError('conflict', `head is version ${this.#head?.version}, not ${previous}`)
    if (firstIndex !== this.#entries.length)
      throw new RangeError(`next index is ${this.#entries.length}, not ${firstIndex}`)
    for (const entry of entries) this.#entries.push(entry.slice())
    for (const [key, hashes] of fullTiles) this.#tiles.set(tileName(key), hashes.slice())
    for (const { key, value } of index) setOrDelete(this.#index, encodeHex(key), value)
    for (const [name, changes] of beside ?? []) this.#storeOf(name).apply(changes)
    this.#head = { version: (previous ?? 0) + 1, head: head.slice() }
    return this.#head
  }

  async entries(start: number, end: number): Promise<readonly Uint8Array[]> {
    if (end > this.#entries.length) throw new TlogError('corrupt', `entry ${this.#entries.length} is missing`)
    return this.#entries.slice(start, end)
  }

  async fullTile(key: TileKey): Promise<Uint8Array | undefined> {
    return this.#tiles.get(tileName(key))
  }

  async lookup(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => this.#index.get(encodeHex(key)))
  }
}

class MemoryMap implements KeyValueStore {
  readonly #rows = new Map<string, Row>()

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#rows.get(encodeHex(key))?.value
  }

  async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return keys.map((key) => this.#rows.get(encodeHex(key))?.value)
  }

  async write(changes: readonly Change[]): Promise<void> {
    this.apply(changes)
  }

  apply(changes: readonly Change[]): void {
    for (const { key, value } of changes) {
      setOrDelete(this.#rows, encodeHex(key), value && { key: key.slice(), value: value.slice() })
    }
  }

  async *range(from: Uint8Array, to: Uint8Array): AsyncIterable<Row> {
    const rows = [...this.#rows.values()].sort((a, b) => compareBytes(a.key, b.key))
    for (const row of rows) if (compareBytes(row.key, from) >= 0 && compareBytes(row.key, to) < 0) yield row
  }
}

const setOrDelete = <V>(map: Map<string, V>, key: string, value: V | undefined): void => {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}
