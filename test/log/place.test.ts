/** Placement: which entries of a batch are new, and which rows say so afterwards. */
import { describe, expect, it } from 'vitest'
import type { Lookup } from '../../src/log/leaf-index.ts'
import { placeAll, placeOnce } from '../../src/log/place.ts'
import { readUint64 } from '../../src/primitives/bytes.ts'

/** Leaf hashes of a letter for the first 12 bytes, which are the key, and a letter for the rest. */
const leaves = (...names: readonly string[]): Uint8Array =>
  Buffer.from(names.map(([key = '', rest = '']) => key.repeat(12) + rest.repeat(20)).join(''))

const absent: Lookup = { kind: 'absent' }
const taken: Lookup = { kind: 'taken' }
const found = (index: number): Lookup => ({ kind: 'found', index })

const rowsOf = ({ rows }: ReturnType<typeof placeOnce>): readonly string[] =>
  rows.map(({ key, value }) => `${String.fromCharCode(key[0] ?? 0)}${readUint64(value ?? new Uint8Array(8))}`)

describe('placement', () => {
  it('gives new leaves the next indices, and known ones those they have', () => {
    const placed = placeOnce(10, leaves('aa', 'bb', 'cc'), [absent, found(3), absent])
    expect(placed).toMatchObject({ indices: [10, 3, 11], fresh: [0, 2] })
    expect(rowsOf(placed)).toEqual(['a10', 'c11'])
  })

  it('gives equal leaves of a batch one index and one row', () => {
    const placed = placeOnce(0, leaves('aa', 'aa', 'bb', 'aa'), [absent, absent, absent, absent])
    expect(placed).toMatchObject({ indices: [0, 0, 1, 0], fresh: [0, 2] })
    expect(rowsOf(placed)).toEqual(['a0', 'b1'])
  })

  it('leaves a key to the leaf that had it first, in the log or in the batch', () => {
    const inLog = placeOnce(5, leaves('ax'), [taken])
    expect(inLog).toMatchObject({ indices: [5], fresh: [0], rows: [] })
    const inBatch = placeOnce(5, leaves('ax', 'ay', 'ax'), [absent, absent, absent])
    expect(inBatch).toMatchObject({ indices: [5, 6, 5], fresh: [0, 1] })
    expect(rowsOf(inBatch)).toEqual(['a5'])
  })

  it('that allows duplicates takes all as new', () => {
    expect(placeAll(7, 3)).toEqual({ indices: [7, 8, 9], fresh: [0, 1, 2], rows: [] })
    expect(placeAll(7, 0)).toEqual({ indices: [], fresh: [], rows: [] })
  })
})
