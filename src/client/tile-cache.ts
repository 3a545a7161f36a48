/** A cache of verified full tiles that forgets the least recently used. */
import type { HashTileId, TileCache } from './tile-tree.ts'

/** Keeps up to `maxTiles` full tiles of 8 KiB each; the nodes above their hashes are kept with them, and take as much again. */
export const lruTileCache = (maxTiles = 2_048): TileCache => {
  // A Map iterates in order of insertion: reading puts a tile at the end, and the first one is the oldest.
  const tiles = new Map<string, Uint8Array>()
  const name = ({ level, index }: HashTileId): string => `${level}/${index}`
  return {
    get: (tile) => {
      const key = name(tile)
      const bytes = tiles.get(key)
      if (bytes !== undefined) {
        tiles.delete(key)
        tiles.set(key, bytes)
      }
      return bytes
    },
    set: (tile, bytes) => {
      tiles.set(name(tile), bytes)
      if (tiles.size > maxTiles) for (const oldest of tiles.keys()) return void tiles.delete(oldest)
    },
  }
}
