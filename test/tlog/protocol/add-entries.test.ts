/** The body of add-entries: packages as the specification cuts them, read off a stream however it is split, and strictly. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concatBytes } from '../../../src/primitives/bytes.ts'
import { isTlogError, TlogError } from '../../../src/primitives/error.ts'
import { asHash, type Hash } from '../../../src/primitives/hash.ts'
import {
  type AddEntriesHeader,
  type EntryPackage,
  formatHeader,
  formatPackage,
  MAX_HEADER_BYTES,
  type PackageRange,
  planPackages,
  proofLength,
  type Taken,
  takeHeader,
  takePackage,
} from '../../../src/tlog/protocol/add-entries.ts'
import { formatMirrorInfo, MAX_MIRROR_INFO_BYTES, parseMirrorInfo } from '../../../src/tlog/protocol/mirror-info.ts'
import { expectStrict, nudged } from '../../support/mangle.ts'

const hash = (byte: number): Hash => asHash(new Uint8Array(32).fill(byte))

const ranges = (start: number, end: number): readonly (readonly number[])[] =>
  [...planPackages({ start, end })].map((range) => [range.start, range.end, range.subtreeStart])

describe('the canonical sequence', () => {
  it('is aligned at multiples of 256, cut to the upload', () => {
    expect(ranges(0, 0)).toEqual([])
    expect(ranges(300, 300)).toEqual([])
    expect(ranges(0, 1)).toEqual([[0, 1, 0]])
    expect(ranges(0, 256)).toEqual([[0, 256, 0]])
    expect(ranges(255, 257)).toEqual([
      [255, 256, 0],
      [256, 257, 256],
    ])
    expect(ranges(70, 600)).toEqual([
      [70, 256, 0],
      [256, 512, 256],
      [512, 600, 512],
    ])
    expect(ranges(300, 310)).toEqual([[300, 310, 256]])
  })

  it('has as many packages as the specification computes, and covers each entry once', () => {
    fc.assert(
      fc.property(fc.nat(3_000), fc.nat(3_000), (start, length) => {
        const end = start + length
        const packages = [...planPackages({ start, end })]
        const rounded = { start: Math.floor(start / 256) * 256, end: Math.ceil(end / 256) * 256 }
        expect(packages.length).toBe(length === 0 ? 0 : (rounded.end - rounded.start) / 256)
        let next = start
        for (const [i, range] of packages.entries()) {
          expect(range.start).toBe(next)
          expect(range.start).toBe(Math.max(start, rounded.start + i * 256))
          expect(range.end).toBe(Math.min(end, rounded.start + (i + 1) * 256))
          expect(range.subtreeStart).toBe(rounded.start + i * 256)
          next = range.end
        }
        expect(next).toBe(end)
      }),
    )
  })

  it('of the largest upload begins at once, and one that ends before it starts is a mistake', () => {
    const [first] = planPackages({ start: 0, end: Number.MAX_SAFE_INTEGER })
    expect(first).toEqual({ start: 0, end: 256, subtreeStart: 0 })
    expect(() => [...planPackages({ start: 2, end: 1 })]).toThrow(RangeError)
    expect(proofLength({ start: 0, end: 256, subtreeStart: 0 }, Number.MAX_SAFE_INTEGER)).toBeLessThanOrEqual(63)
  })
})

const header: AddEntriesHeader = { origin: 'log.example/ö', start: 255, end: 258, ticket: Uint8Array.of(1, 2, 3) }
const range: PackageRange = { start: 256, end: 259, subtreeStart: 256 }
const some: EntryPackage = {
  entries: [Uint8Array.of(1, 2), new Uint8Array(0), new Uint8Array(300).fill(7)],
  proof: [hash(4), hash(5)],
}

/** Takes all of the bytes, or throws `malformed`. */
const takeAll = <T>(bytes: Uint8Array, take: (bytes: Uint8Array) => Taken<T>): T => {
  const taken = take(bytes)
  if (taken.kind === 'taken' && taken.length === bytes.length) return taken.value
  throw new TlogError('malformed', 'want all bytes and no more')
}

describe('a header and a package', () => {
  it('come back as they were', () => {
    expect(takeHeader(formatHeader(header))).toEqual({ kind: 'taken', value: header, length: 2 + 14 + 16 + 2 + 3 })
    const bytes = formatPackage(some)
    expect(takePackage(bytes, range)).toEqual({ kind: 'taken', value: some, length: bytes.length })
    const longest = { ...header, origin: 'x'.repeat(65_535), ticket: new Uint8Array(65_535) }
    expect(formatHeader(longest).length).toBe(MAX_HEADER_BYTES)
  })

  it.each([
    ['header', formatHeader(header), takeHeader],
    ['package', formatPackage(some), (bytes: Uint8Array) => takePackage(bytes, range)],
  ] as const)('cut short anywhere: the %s asks for more, never for more than it takes', (_, whole, take) => {
    for (let length = 0; length < whole.length; length++) {
      const taken = take(whole.subarray(0, length))
      expect(taken.kind).toBe('short')
      if (taken.kind === 'short') {
        expect(taken.atLeast).toBeGreaterThan(length)
        expect(taken.atLeast).toBeLessThanOrEqual(whole.length)
      }
    }
    expect(take(concatBytes(whole, Uint8Array.of(9, 9, 9)))).toEqual(take(whole))
  })

  it('have one text each: whatever is read is what was written', () => {
    const headers = expectStrict(nudged(formatHeader(header)), (bytes) => formatHeader(takeAll(bytes, takeHeader)))
    expect(headers.refused).toBeGreaterThan(50)
    const packages = expectStrict(nudged(formatPackage(some)), (bytes) =>
      formatPackage(takeAll(bytes, (all) => takePackage(all, range))),
    )
    expect(packages.refused).toBeGreaterThan(50)
  })

  it('are malformed when nothing that follows could mend them', () => {
    const malformed = (take: () => unknown): void => {
      let thrown: unknown
      try {
        take()
      } catch (error) {
        thrown = error
      }
      expect(isTlogError(thrown, 'malformed')).toBe(true)
    }
    const bytes = formatHeader({ ...header, origin: 'aa', ticket: new Uint8Array(0) })
    malformed(() => takeHeader(Uint8Array.from(bytes, (byte, i) => (i === 2 ? 0xff : byte))))
    malformed(() => takeHeader(Uint8Array.from(bytes, (byte, i) => (i === 4 ? 0xff : byte))))
    malformed(() => takeHeader(Uint8Array.from(bytes, (byte, i) => (i === 10 ? 9 : byte))))
    const none = { start: 256, end: 256, subtreeStart: 256 }
    expect(takePackage(concatBytes(Uint8Array.of(63), new Uint8Array(63 * 32)), none).kind).toBe('taken')
    malformed(() => takePackage(Uint8Array.of(64), none))
  })

  it('are not made of what they cannot hold', () => {
    expect(() => formatHeader({ ...header, start: 300 })).toThrow(RangeError)
    expect(() => formatHeader({ ...header, origin: 'x'.repeat(65_536) })).toThrow(RangeError)
    expect(() => formatPackage({ entries: [new Uint8Array(65_536)], proof: [] })).toThrow(RangeError)
    expect(() => formatPackage({ entries: [], proof: Array(64).fill(hash(1)) })).toThrow(RangeError)
  })
})

describe('the mirror info', () => {
  const info = { size: 600, next: 0, ticket: Uint8Array.of(0xfb, 0xff) }
  const text = '600\n0\n+/8=\n'

  it('is three lines, the ticket in base64 and possibly empty', () => {
    expect(Buffer.from(formatMirrorInfo(info)).toString()).toBe(text)
    expect(parseMirrorInfo(Buffer.from(text))).toEqual(info)
    expect(parseMirrorInfo(Buffer.from('1\n2\n\n'))).toEqual({ size: 1, next: 2, ticket: new Uint8Array(0) })
  })

  it('has one text', () => {
    expect(
      expectStrict(nudged(Buffer.from(text)), (bytes) => formatMirrorInfo(parseMirrorInfo(bytes))).refused,
    ).toBeGreaterThan(20)
    const ticket = new Uint8Array(65_535)
    const longest = formatMirrorInfo({ size: Number.MAX_SAFE_INTEGER, next: Number.MAX_SAFE_INTEGER, ticket })
    expect(longest.length).toBe(MAX_MIRROR_INFO_BYTES)
    expect(() => parseMirrorInfo(concatBytes(longest, Uint8Array.of(10)))).toThrow(/at most/)
  })
})
