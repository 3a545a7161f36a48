/** Tile paths and places: one path for each tile, and every node in exactly one tile. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bitLength, splitPoint, trailingZeros } from '../../src/merkle/bits.ts'
import { coveringNodes } from '../../src/merkle/node.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { formatTilePath, parseTilePath, placeOfNode, type TileId, tileLevels, tileWidth } from '../../src/tlog/tile.ts'

describe('tile paths', () => {
  it.each<[TileId, string]>([
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 63, index: 999, width: 255 }, 'tile/63/999.p/255'],
    [{ level: 'entries', index: 1_000, width: 1 }, 'tile/entries/x001/000.p/1'],
  ])('%j is %s', (tile, path) => {
    expect(formatTilePath(tile)).toBe(path)
    expect(parseTilePath(path)).toEqual(tile)
  })

  it('round-trip', () => {
    const tile = fc.record({
      level: fc.oneof(fc.integer({ min: 0, max: 63 }), fc.constant('entries' as const)),
      index: fc.maxSafeNat(),
      width: fc.integer({ min: 1, max: 256 }),
    })
    fc.assert(fc.property(tile, (id) => void expect(parseTilePath(formatTilePath(id))).toEqual(id)))
  })

  it.each([
    'tile/64/000',
    'tile/00/000',
    'tile/-1/000',
    'tile/0/0000',
    'tile/0/00',
    'tile/0/x000/001',
    'tile/0/001/002',
    'tile/0/x001/x234',
    'tile/0/000.p/0',
    'tile/0/000.p/256',
    'tile/0/000.p/01',
    'tile/0/000.p/',
    'tile/0/000.p',
    'tile/0/000\n',
    '/tile/0/000',
    'tile/0/000/',
    'tile/entry/000',
    'tile/0/%30%30%30',
    'tile/0/../000',
    'tile/data/000',
    'tile/0/X001/000',
    'tile/0/x9007/x199/x254/x740/992',
    'tile/0/x009/x007/x199/x254/x740/992',
    '',
    'tile',
  ])('%j is no path', (path) => {
    try {
      parseTilePath(path)
      expect.unreachable()
    } catch (error) {
      expect(isTlogError(error, 'malformed')).toBe(true)
    }
  })
})

describe('tiles of a tree', () => {
  it('of 70,000 leaves are those of the specification', () => {
    const size = 70_000
    expect(tileLevels(size)).toBe(3)
    expect([272, 273, 274].map((index) => tileWidth({ level: 0, index }, size))).toEqual([256, 112, 0])
    expect([0, 1, 2].map((index) => tileWidth({ level: 1, index }, size))).toEqual([256, 17, 0])
    expect(tileWidth({ level: 2, index: 0 }, size)).toBe(1)
    expect(tileWidth({ level: 'entries', index: 273 }, size)).toBe(112)
    expect(tileWidth({ level: 63, index: 2 ** 40 }, size)).toBe(0)
  })

  it.each([0, 1, 255, 256, 257, 65_535, 65_536, 65_537, 2 ** 53 - 1])(
    'of %d leaves hold every node of its frontier',
    (size) => {
      for (const node of coveringNodes({ start: 0, end: size })) {
        const place = placeOfNode(node)
        expect(place.level).toBeLessThan(tileLevels(size))
        expect(place.to).toBeLessThanOrEqual(tileWidth(place, size))
        expect(place.to - place.from).toBe(2 ** (node.level % 8))
      }
    },
  )
})

describe('[MERKLE-5] bits beyond 32', () => {
  it('agree with BigInt', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (n) => {
        const binary = BigInt(n).toString(2)
        expect(bitLength(n)).toBe(n === 0 ? 0 : binary.length)
        if (n > 0) expect(trailingZeros(n)).toBe(binary.length - 1 - binary.lastIndexOf('1'))
        if (n > 1) {
          const split = splitPoint(n)
          expect(split).toBeLessThan(n)
          expect(split * 2).toBeGreaterThanOrEqual(n)
          expect(bitLength(split) - 1).toBe(trailingZeros(split))
        }
      }),
    )
  })
})
