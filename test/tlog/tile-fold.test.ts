/** Folding a tile reads it; it may be a Buffer from the database, and it may stay in the cache. */
import { describe, expect, it } from 'vitest'
import { hashNode } from '../../src/merkle/hash.ts'
import { asHash, type Hash } from '../../src/primitives/hash.ts'
import { fullTileRoot, hashInTile, nodesOfTile } from '../../src/tlog/tile.ts'

const bytes = Array.from({ length: 8_192 }, (_, i) => (i * 151) % 257)

const foldOneByOne = (hashes: readonly Hash[]): Hash => {
  const [first, second] = hashes
  if (first === undefined || second === undefined) return first ?? asHash(new Uint8Array(0))
  return hashNode(foldOneByOne(hashes.slice(0, hashes.length / 2)), foldOneByOne(hashes.slice(hashes.length / 2)))
}

describe.each([
  ['a Uint8Array', () => Uint8Array.from(bytes)],
  ['a Buffer', () => Buffer.from(bytes)],
])('a tile in %s', (_, makeTile) => {
  it('folds to the root that one hash after another gives, and stays as it was', () => {
    const tile = makeTile()
    const hashes = Array.from({ length: 256 }, (_, i) => asHash(Uint8Array.from(tile.subarray(32 * i, 32 * i + 32))))
    expect(fullTileRoot(tile)).toEqual(foldOneByOne(hashes))
    for (const [from, to] of [
      [0, 1],
      [6, 8],
      [0, 16],
      [128, 256],
      [0, 256],
    ] as const) {
      expect(hashInTile(tile, { from, to })).toEqual(foldOneByOne(hashes.slice(from, to)))
    }
    expect([...tile]).toEqual([...makeTile()])
  })

  it.each([0, 1, 2, 3, 5, 128, 255, 256])(
    'of %i hashes makes the nodes that each pair of neighbours makes',
    (width) => {
      const tile = makeTile().subarray(0, 32 * width)
      const levels = nodesOfTile(tile)
      expect(levels.map((level) => level.length / 32)).toEqual(
        Array.from({ length: Math.max(1, width.toString(2).length) }, (_, height) => width >> height),
      )
      for (const [height, level] of levels.entries()) {
        for (let i = 0; i < level.length / 32; i++) {
          const at = { from: i * 2 ** height, to: (i + 1) * 2 ** height }
          expect(Uint8Array.from(level.subarray(32 * i, 32 * i + 32))).toEqual(Uint8Array.from(hashInTile(tile, at)))
        }
      }
      expect([...tile]).toEqual([...makeTile().subarray(0, 32 * width)])
    },
  )
})
