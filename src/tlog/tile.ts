/** Tiles: the tree cut into runs of 256 hashes, their paths and where each node lies in them (c2sp.org/tlog-tiles). */
import { bitLength, isSize, shiftRight } from '../merkle/bits.ts'
import { treeHasher } from '../merkle/hasher.ts'
import type { NodeId } from '../merkle/node.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { TlogError } from '../primitives/error.ts'
import { asHash, HASH_SIZE, type Hash } from '../primitives/hash.ts'

/** spec: Full tiles MUST be exactly 256 hashes wide, or 8,192 bytes. */
export const TILE_WIDTH = 256
/** A tile spans this many levels of the tree. */
export const TILE_HEIGHT = 8

/** A tile of hashes at a tile level (0 to 63), or a bundle of entries; `width` is 1 to 256, and 256 means full. */
export interface TileId {
  readonly level: number | 'entries'
  readonly index: number
  readonly width: number
}

const pathForm =
  /^tile\/([0-9]|[1-5][0-9]|6[0-3]|entries)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5]))?$/

/** The path of a tile or bundle below the log's prefix, for example `tile/0/x001/x234/067.p/8`. */
export const formatTilePath = ({ level, index, width }: TileId): string => {
  if (!isSize(index) || width < 1 || width > TILE_WIDTH)
    throw new RangeError(`no tile has index ${index} and width ${width}`)
  let rest = shiftRight3(index)
  let path = pad3(index % 1000)
  // spec: N … MUST be a non-negative integer encoded into zero-padded 3-digit path elements. All but the last path
  // element MUST begin with an x.
  for (; rest > 0; rest = shiftRight3(rest)) path = `x${pad3(rest % 1000)}/${path}`
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

const shiftRight3 = (n: number): number => Math.floor(n / 1000)
const pad3 = (n: number): string => String(n).padStart(3, '0')

/** Parses the one path of a tile. Throws `malformed` for every other text. */
export const parseTilePath = (path: string): TileId => {
  const match = pathForm.exec(path)
  const [, levelText, indexText, widthText] = match ?? []
  if (levelText === undefined || indexText === undefined) throw new TlogError('malformed', 'path is not of a tile')
  const digits = indexText.replaceAll(/[x/]/g, '').replace(/^0+(?=[0-9])/, '')
  const tile: TileId = {
    level: levelText === 'entries' ? 'entries' : Number(levelText),
    index: parseDecimal(digits),
    width: widthText === undefined ? TILE_WIDTH : Number(widthText),
  }
  // The pattern lets `x000/001` through, which is not how index 1 is written.
  if (formatTilePath(tile) !== path) throw new TlogError('malformed', 'path is not the one form of its tile')
  return tile
}

/** How many hashes the tile level has in a tree of `size` leaves: `floor(size / 256^level)`. */
export const hashesAt = (level: number, size: number): number => shiftRight(size, TILE_HEIGHT * level)

/** How wide the tile or bundle is in a tree of `size` leaves: 256 when full, 0 when the tree does not reach it. */
export const tileWidth = ({ level, index }: Omit<TileId, 'width'>, size: number): number => {
  const hashes = level === 'entries' ? size : hashesAt(level, size)
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH))
}

/** The number of tile levels of a tree of `size` leaves; level 0 is one, the empty tree has none. */
export const tileLevels = (size: number): number => Math.ceil(bitLength(size) / TILE_HEIGHT)

/** Where the hash of a node is found: the hashes `from` to `to` of this tile fold to it. */
export interface TilePlace {
  readonly level: number
  readonly index: number
  readonly from: number
  readonly to: number
}

/** The tile a node lies in. Every node of level 8k to 8k+7 is folded from up to 128 hashes of one tile of level k. */
export const placeOfNode = ({ level, index }: NodeId): TilePlace => {
  const tileLevel = Math.floor(level / TILE_HEIGHT)
  const count = 2 ** (level % TILE_HEIGHT)
  const first = index * count
  const tile = Math.floor(first / TILE_WIDTH)
  const from = first - tile * TILE_WIDTH
  return { level: tileLevel, index: tile, from, to: from + count }
}

/** The hash of the node at `place` in a tile's bytes. Throws `corrupt` when the tile is too short to hold it. */
export const hashInTile = (tile: Uint8Array, { from, to }: Pick<TilePlace, 'from' | 'to'>): Hash => {
  if (tile.length < to * HASH_SIZE) {
    throw new TlogError('corrupt', `tile has ${tile.length / HASH_SIZE} hashes, want ${to}`)
  }
  return fold(tile.subarray(from * HASH_SIZE, to * HASH_SIZE))
}

/** The root of a full tile: the hash that stands for it in the tile above. Throws `corrupt` unless it is 8,192 bytes. */
export const fullTileRoot = (tile: Uint8Array): Hash => {
  if (tile.length !== TILE_WIDTH * HASH_SIZE) {
    throw new TlogError('corrupt', `full tile has ${tile.length} bytes, want 8192`)
  }
  return fold(tile)
}

/**
 * Every node that a tile's hashes make, by level: first the hashes themselves, then the nodes one level above them, and so
 * on up to the root of a full tile. A last hash without a neighbour has nothing above it.
 */
export const nodesOfTile = (tile: Uint8Array): readonly Uint8Array[] => {
  const levels = [tile]
  for (let below = tile; below.length >= 2 * HASH_SIZE; ) {
    const above = new Uint8Array(Math.floor(below.length / (2 * HASH_SIZE)) * HASH_SIZE)
    treeHasher().hashNodes(below.subarray(0, 2 * above.length), above)
    levels.push(above)
    below = above
  }
  return levels
}

/** The root over a power of two of hashes, level by level because hashes are quickest made in batches. */
const fold = (hashes: Uint8Array): Hash => {
  // Not slice(): on a Buffer, which stored tiles are, that is a view, and the tile itself would be folded.
  let level = new Uint8Array(hashes)
  for (; level.length > HASH_SIZE; level = level.subarray(0, level.length / 2)) {
    treeHasher().hashNodes(level, level.subarray(0, level.length / 2))
  }
  return asHash(level.slice())
}
