/** One bundle under fsck: its entries are hashed and compared with the tile of leaf hashes over them. */
import type { BundleId, CallOptions } from '../client/resources.ts'
import { edgeRoot } from '../client/tile-tree.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { formatTilePath, fullTileRoot, TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import type { Findings } from './fsck-report.ts'
import { type FsckSource, type Read, readOrDamage, readTile } from './fsck-source.ts'
import { firstDifference } from './fsck-tree.ts'

/** A bundle as it was read. */
export interface LoadedBundle {
  readonly id: BundleId
  /** The hashes of its entries. */
  readonly leafHashes: Read<Uint8Array>
  /** The tile of leaf hashes that is kept for it; undefined where partial tiles are not kept. */
  readonly tile: Read<Uint8Array> | undefined
}

/** A bundle as it was found to be. */
export interface JudgedBundle {
  /** The leaf hashes to go on with. */
  readonly leafHashes: Uint8Array
  /** The same where they are sure; a leaf hash that differs here is in doubt, and all are when this is left away. */
  readonly sure?: Uint8Array | undefined
}

/** Entries and a tile that disagree, with nothing kept above them to tell which is right: the signed root must. */
interface Undecided {
  readonly id: BundleId
  readonly computed: Uint8Array
  readonly kept: Uint8Array
}

/** Reads bundles, and says which entries and which tiles of level 0 are bad. */
export class BundleCheck {
  readonly #source: FsckSource
  readonly #findings: Findings
  readonly #size: number
  readonly #call: CallOptions
  readonly #undecided: Undecided[] = []
  #isUnread = false
  #entries = 0
  #tiles = 0

  constructor(source: FsckSource, findings: Findings, size: number, call: CallOptions) {
    this.#source = source
    this.#findings = findings
    this.#size = size
    this.#call = call
  }

  /** How many entries and tiles of level 0 were looked at. */
  get checked(): { readonly entries: number; readonly tiles: number } {
    return { entries: this.#entries, tiles: this.#tiles }
  }

  /** True when the leaf hashes so far may not be the right ones. */
  get inDoubt(): boolean {
    return this.#isUnread || this.#undecided.length > 0
  }

  /** Reads a bundle and its tile, and hashes the entries. Rejects when the source cannot tell what is there. */
  async load(id: BundleId): Promise<LoadedBundle> {
    const isKept = id.width === TILE_WIDTH || this.#source.hasPartialTiles
    const [leafHashes, tile] = await Promise.all([
      readOrDamage(this.#source.entries(id, this.#call).then((entries) => hashAll(entries, id.width))),
      isKept ? readTile(this.#source, { level: 0, ...id }, this.#call) : undefined,
    ])
    return { id, leafHashes, tile }
  }

  /** Compares the two, reports what differs, and resolves with the leaf hashes to go on with: the right ones if it can tell. */
  async judge({ id, leafHashes, tile }: LoadedBundle): Promise<JudgedBundle> {
    if (leafHashes.kind === 'value') this.#entries += id.width
    if (tile !== undefined) this.#tiles++
    if (tile?.kind === 'damage') this.#badTile(id, tile.error.message)
    const kept = tile?.kind === 'value' ? tile.value : undefined
    if (leafHashes.kind === 'damage') {
      await this.#badBundle(id, leafHashes.error)
      // Zeros are no leaf's hash, and so the root will be another.
      return kept === undefined
        ? { leafHashes: new Uint8Array(id.width * HASH_SIZE) }
        : { leafHashes: kept, sure: kept }
    }
    const computed = leafHashes.value
    if (kept === undefined || equalBytes(computed, kept)) return { leafHashes: computed, sure: computed }
    return this.#disagreement({ id, computed, kept })
  }

  /** Decides what is left by the signed root, when `edge` is that of the finished tree. Answers the root that comes out. */
  settle(edge: readonly Uint8Array[], signed: Hash): Hash {
    const root = edgeRoot(this.#size, edge)
    if (this.#undecided.length === 0) return root
    const other = edgeRoot(this.#size, withTiles(edge, this.#undecided))
    for (const { id, computed, kept } of this.#undecided) {
      if (equalHash(root, signed)) this.#badTile(id, tileMessage(computed, kept))
      else this.#badEntries(id, computed, kept)
    }
    return equalHash(other, signed) ? other : root
  }

  async #disagreement(both: Undecided): Promise<JudgedBundle> {
    const { id, computed, kept } = both
    const above = await this.#hashAbove(id)
    if (above === undefined) {
      this.#undecided.push(both)
      return { leafHashes: computed, sure: kept }
    }
    if (equalHash(above, fullTileRoot(kept))) {
      this.#badEntries(id, computed, kept)
      return { leafHashes: kept, sure: kept }
    }
    this.#badTile(id, tileMessage(computed, kept))
    return { leafHashes: computed, sure: computed }
  }

  /** The hash that the tile above has for a full bundle, if that tile is kept. */
  async #hashAbove({ index, width }: BundleId): Promise<Uint8Array | undefined> {
    const parent = { level: 1, index: Math.floor(index / TILE_WIDTH) }
    const there = tileWidth(parent, this.#size)
    if (width < TILE_WIDTH || (there < TILE_WIDTH && !this.#source.hasPartialTiles)) return undefined
    const read = await readTile(this.#source, { ...parent, width: there }, this.#call)
    const at = (index % TILE_WIDTH) * HASH_SIZE
    return read.kind === 'value' ? read.value.subarray(at, at + HASH_SIZE) : undefined
  }

  /** A bundle that cannot be read is read entry by entry, to name the first bad one. */
  async #badBundle({ index, width }: BundleId, error: TlogError): Promise<void> {
    const start = index * TILE_WIDTH
    let at = start
    for (let count = 1; count <= width; count++) {
      if ((await readOrDamage(this.#source.entries({ index, width: count }, this.#call))).kind === 'damage') {
        at = start + count - 1
        break
      }
    }
    this.#findings.add({ kind: 'entry', at, message: error.message }, at)
  }

  #badTile(id: BundleId, message: string): void {
    this.#findings.add({ kind: 'tile', at: formatTilePath({ level: 0, ...id }), message }, id.index * TILE_WIDTH)
  }

  #badEntries(id: BundleId, computed: Uint8Array, kept: Uint8Array): void {
    for (let i = 0; i < id.width; i++) {
      const at = i * HASH_SIZE
      if (equalHash(computed.subarray(at, at + HASH_SIZE), kept.subarray(at, at + HASH_SIZE))) continue
      const index = id.index * TILE_WIDTH + i
      this.#findings.add({ kind: 'entry', at: index, message: 'does not match its leaf hash' }, index)
    }
  }
}

const hashAll = (entries: readonly Uint8Array[], count: number): Uint8Array => {
  if (entries.length !== count) throw new TlogError('corrupt', `want ${count} entries, got ${entries.length}`)
  const hashes = new Uint8Array(entries.length * HASH_SIZE)
  treeHasher().hashLeaves(entries, hashes)
  return hashes
}

const tileMessage = (computed: Uint8Array, kept: Uint8Array): string =>
  `hash ${firstDifference(computed, kept)} is not that of its entry`

/** The edge as it would be with the kept tiles in place of the computed ones. */
const withTiles = (edge: readonly Uint8Array[], undecided: readonly Undecided[]): readonly Uint8Array[] => {
  const changed = edge.map((hashes) => hashes.slice())
  for (const { id, kept } of undecided) {
    if (id.width < TILE_WIDTH) changed[0]?.set(kept)
    // Every full tile whose parent is not kept is under the unfinished tile of level 1.
    else changed[1]?.set(fullTileRoot(kept), (id.index % TILE_WIDTH) * HASH_SIZE)
  }
  return changed
}
