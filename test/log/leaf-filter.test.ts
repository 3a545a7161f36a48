/** The filter of leaf hashes never denies what was added, and seldom takes a new leaf for an old one. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { LeafFilter } from '../../src/log/leaf-filter.ts'

const hashes = (from: number, count: number): Uint8Array => {
  const all = new Uint8Array(32 * count)
  for (let i = 0; i < count; i++)
    all.set(
      createHash('sha256')
        .update(`leaf ${from + i}`)
        .digest(),
      32 * i,
    )
  return all
}

describe('the filter', () => {
  it('holds nothing when it is empty, and asks for nothing of nothing', () => {
    const filter = new LeafFilter()
    expect(filter.mayHold(hashes(0, 1_000))).toEqual([])
    expect(filter.mayHold(new Uint8Array(0))).toEqual([])
    filter.add(new Uint8Array(0))
    expect(filter.leaves).toBe(0)
  })

  it('may hold each leaf that was added, over the seams of its parts, and few others (a statistic, printed)', () => {
    const filter = new LeafFilter()
    const count = 2 ** 20 + 50_000
    for (let from = 0; from < count; from += 50_000) filter.add(hashes(from, Math.min(50_000, count - from)))
    expect(filter.leaves).toBe(count)
    for (const from of [0, 2 ** 20 - 10_000, count - 20_000])
      expect(filter.mayHold(hashes(from, 20_000))).toHaveLength(20_000)
    const wrong = filter.mayHold(hashes(10_000_000, 100_000)).length
    console.log(`of 100,000 new leaves ${wrong} may be among ${count} old ones`)
    expect(wrong).toBeLessThan(3_000)
    expect(wrong).toBeGreaterThan(0)
  })

  it('says which of them, by position', () => {
    const filter = new LeafFilter()
    filter.add(hashes(5, 3))
    expect(filter.mayHold(hashes(0, 10))).toEqual([5, 6, 7])
  })

  it('goes by the first 12 bytes alone, as the index does', () => {
    const filter = new LeafFilter()
    filter.add(hashes(0, 100))
    const others = hashes(0, 100).map((byte, i) => (i % 32 < 12 ? byte : ~byte))
    expect(filter.mayHold(others)).toHaveLength(100)
    // Bytes 2 and 3 only tell blocks apart when there are many.
    for (const at of [0, 4, 5, 6, 7, 8, 9, 10, 11]) {
      const changed = hashes(0, 100).map((byte, i) => (i % 32 === at ? byte ^ 0x55 : byte))
      expect(filter.mayHold(changed).length).toBeLessThan(10)
    }
  })

  it('is the same again from its bytes', () => {
    const filter = new LeafFilter()
    filter.add(hashes(0, 10_000))
    const again = LeafFilter.withRoomFor(filter.leaves)
    const lengths = again.bytes.map((bytes, i) => {
      bytes.set(filter.bytes[i] ?? [])
      return bytes.length
    })
    expect(lengths).toEqual([LeafFilter.byteLength(10_000)])
    expect(again.mayHold(hashes(0, 20_000))).toEqual(filter.mayHold(hashes(0, 20_000)))
    again.add(hashes(10_000, 1))
    expect(again.leaves).toBe(10_001)
    expect(LeafFilter.byteLength(0)).toBe(0)
    expect(LeafFilter.byteLength(2 ** 20 + 1)).toBe(3 * LeafFilter.byteLength(1))
  })
})
