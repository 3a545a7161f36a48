/** The tree as fsck grows it from the entries: every tile that comes out is compared with the one that is kept. */
import type { CallOptions } from '../client/resources.ts'
import { edgeRoot } from '../client/tile-tree.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { formatTilePath, fullTileRoot, hashesAt, TILE_WIDTH, tileLevels } from '../tlog/tile.ts'
import type { Findings } from './fsck-report.ts'
import { type FsckSource, readTile } from './fsck-source.ts'

/** Owns the right edge of the tree so far. */
export class TreeCheck {
  readonly #source: FsckSource
  readonly #findings: Findings
  readonly #call: CallOptions
  /** For each tile level the hashes of its unfinished tile: a buffer for a full tile, and how many are in it. */
  readonly #levels: { readonly hashes: Uint8Array; count: number; next: number }[] = []
  #size = 0
  #tiles = 0

  constructor(source: FsckSource, findings: Findings, call: CallOptions) {
    this.#source = source
    this.#findings = findings
    this.#call = call
  }

  /** The number of leaves so far. */
  get size(): number {
    return this.#size
  }

  /** Tiles of hashes above level 0 that were compared. */
  get tiles(): number {
    return this.#tiles
  }

  /** The partial tile of each level, empty where the last one is full. */
  get edge(): readonly Uint8Array[] {
    return Array.from({ length: tileLevels(this.#size) }, (_, level) => this.#unfinished(level))
  }

  /** The root of the tree so far with the first leaf hashes of the next bundle. */
  rootWith(leafHashes: Uint8Array): Hash {
    const size = this.#size + leafHashes.length / HASH_SIZE
    if (leafHashes.length === 0) return edgeRoot(size, this.edge)
    return edgeRoot(size, [leafHashes, ...this.edge.slice(1)])
  }

  /** Starts at `size`, a multiple of 256, from the tiles that are kept. Wrong ones show in the tiles above and the root. */
  async startAt(size: number): Promise<void> {
    this.#size = size
    for (let level = 1; level < tileLevels(size); level++) {
      const end = hashesAt(level, size)
      const start = end - (end % TILE_WIDTH)
      this.#level(level).next = start / TILE_WIDTH
      for (let index = start; index < end; index++) this.#push(level, await this.#rootOf(level - 1, index))
    }
  }

  /** Adds the leaf hashes of the next bundle, and compares the tiles above that they complete. */
  async add(leafHashes: Uint8Array): Promise<void> {
    this.#size += leafHashes.length / HASH_SIZE
    const leaves = this.#level(0)
    leaves.hashes.set(leafHashes)
    leaves.count = leafHashes.length / HASH_SIZE
    for (let level = 0; this.#level(level).count === TILE_WIDTH; level++) {
      const { hashes, next } = this.#level(level)
      // Level 0 was compared with the entries already.
      if (level > 0) await this.#compare(level, next, hashes)
      this.#push(level + 1, fullTileRoot(hashes))
      Object.assign(this.#level(level), { count: 0, next: next + 1 })
    }
  }

  /** Compares the partial tiles above level 0, where there are any. */
  async finish(): Promise<void> {
    if (!this.#source.hasPartialTiles) return
    for (let level = 1; level < tileLevels(this.#size); level++) {
      const { count, next } = this.#level(level)
      if (count > 0) await this.#compare(level, next, this.#unfinished(level))
    }
  }

  async #compare(level: number, index: number, computed: Uint8Array): Promise<void> {
    const id = { level, index, width: computed.length / HASH_SIZE }
    const at = formatTilePath(id)
    const leaf = index * TILE_WIDTH ** (level + 1)
    const read = await readTile(this.#source, id, this.#call)
    this.#tiles++
    if (read.kind === 'damage') return this.#findings.add({ kind: 'tile', at, message: read.error.message }, leaf)
    if (equalBytes(read.value, computed)) return
    const position = firstDifference(read.value, computed)
    const below = formatTilePath({ level: level - 1, index: index * TILE_WIDTH + position, width: TILE_WIDTH })
    const message = `hash ${position} is not the root of ${below}`
    this.#findings.add({ kind: 'tile', at, message }, leaf + position * TILE_WIDTH ** level)
  }

  async #rootOf(level: number, index: number): Promise<Hash> {
    const id = { level, index, width: TILE_WIDTH }
    const read = await readTile(this.#source, id, this.#call)
    if (read.kind === 'value') return fullTileRoot(read.value)
    const leaf = index * TILE_WIDTH ** (level + 1)
    this.#findings.add({ kind: 'tile', at: formatTilePath(id), message: read.error.message }, leaf)
    return EMPTY_ROOT
  }

  #level(level: number): { readonly hashes: Uint8Array; count: number; next: number } {
    const known = this.#levels[level]
    if (known !== undefined) return known
    const fresh = { hashes: new Uint8Array(TILE_WIDTH * HASH_SIZE), count: 0, next: 0 }
    this.#levels[level] = fresh
    return fresh
  }

  #push(level: number, hash: Hash): void {
    const into = this.#level(level)
    into.hashes.set(hash, into.count * HASH_SIZE)
    into.count++
  }

  #unfinished(level: number): Uint8Array {
    const { hashes, count } = this.#level(level)
    return hashes.slice(0, count * HASH_SIZE)
  }
}

/** The number of the first hash in which two tiles differ; the length of the shorter when one is the other's beginning. */
export const firstDifference = (a: Uint8Array, b: Uint8Array): number => {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return Math.floor((at < 0 ? a.length : at) / HASH_SIZE)
}
