/** The audit leaf: one encoding for one leaf, and nothing else is read. */
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groups } from '../../src/event/groups.ts'
import { type AuditLeaf, formatLeaf, looksLikeLeaf, MAX_LEAF_SIZE, parseLeaf } from '../../src/event/leaf.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { asHash } from '../../src/primitives/hash.ts'

const hash = (fill: number) => asHash(new Uint8Array(32).fill(fill))
const handle = (fill: number) => new Uint8Array(16).fill(fill)
const malformed = expect.objectContaining({ code: 'malformed' })

const leaf: AuditLeaf = {
  origin: 'audit.example/log',
  received: 1_795_211_220_456,
  action: 'user.role.assign',
  outcome: 'success',
  source: 'scim:okta',
  number: 1842,
  previous: hash(1),
  handles: { actor: handle(2), target: handle(3), with: [handle(4), handle(5)] },
  commitments: Object.fromEntries(groups.map((group, i) => [group, hash(i)])),
  payloadSize: 768,
}
const gap: AuditLeaf = {
  ...leaf,
  action: 'source.gap',
  source: 'treehead',
  particulars: { source: 'okta', from: 3, to: 5, list: hash(9) },
}

/** The map of a leaf, changed and encoded again. */
const changed = (change: (map: Record<string, unknown>) => void, of = leaf): Uint8Array => {
  const map = decode(formatLeaf(of).subarray(3)) as Record<string, unknown>
  change(map)
  return concatBytes(Uint8Array.of(0xd9, 0xd9, 0xf7), encode(map, rfc8949EncodeOptions))
}

describe('[ENTRY-1] an entry', () => {
  it.each([
    ['full', leaf],
    ['the first of its source', (({ previous: _, ...rest }) => ({ ...rest, number: 1 }))(leaf)],
    ['of the log itself', gap],
    ['without handles and commitments', { ...leaf, handles: {}, commitments: {} }],
  ] as const)('is read back as it was written: %s', (_, one) => {
    const bytes = formatLeaf(one)
    expect(parseLeaf(bytes)).toEqual(one)
    expect(formatLeaf(parseLeaf(bytes))).toEqual(bytes)
    expect(looksLikeLeaf(bytes)).toBe(true)
  })

  it('is small, whatever the payload', () => {
    expect(formatLeaf(leaf).length).toBeLessThan(650)
    const many = { ...leaf, handles: { ...leaf.handles, with: Array.from({ length: 64 }, () => handle(7)) } }
    expect(formatLeaf(many).length).toBeLessThan(2_000)
  })

  it.each<[string, (map: Record<string, unknown>) => void]>([
    ['another key', (map) => Object.assign(map, { x: 1 })],
    ['no version', (map) => delete map['v']],
    ['version 2', (map) => Object.assign(map, { v: 2 })],
    ['no origin', (map) => delete map['o']],
    ['an empty origin', (map) => Object.assign(map, { o: '' })],
    ['an origin of 256 bytes', (map) => Object.assign(map, { o: 'é'.repeat(128) })],
    ['a time as text', (map) => Object.assign(map, { t: '2026' })],
    ['a negative time', (map) => Object.assign(map, { t: -1 })],
    ['a fraction of time', (map) => Object.assign(map, { t: 1.5 })],
    ['an unknown action', (map) => Object.assign(map, { a: 'user.promote' })],
    ['an unknown outcome', (map) => Object.assign(map, { r: 'maybe' })],
    ['a source in capitals', (map) => Object.assign(map, { s: 'Okta' })],
    ['a source with a space', (map) => Object.assign(map, { s: 'a b' })],
    ['number 0', (map) => Object.assign(map, { n: 0 })],
    ['no previous entry', (map) => delete map['p']],
    ['a previous entry of the first', (map) => Object.assign(map, { n: 1 })],
    ['a previous hash of 31 bytes', (map) => Object.assign(map, { p: new Uint8Array(31) })],
    ['no handles', (map) => delete map['h']],
    ['a handle of 15 bytes', (map) => Object.assign(map, { h: { actor: new Uint8Array(15) } })],
    ['a handle for somebody else', (map) => Object.assign(map, { h: { owner: handle(1) } })],
    ['an empty list of handles', (map) => Object.assign(map, { h: { with: [] } })],
    ['65 handles', (map) => Object.assign(map, { h: { with: Array(65).fill(handle(1)) } })],
    ['a name in place of a handle', (map) => Object.assign(map, { h: { actor: 'jdoe' } })],
    ['a commitment to an unknown group', (map) => Object.assign(map, { c: { email: hash(1) } })],
    ['a commitment of 33 bytes', (map) => Object.assign(map, { c: { actor: new Uint8Array(33) } })],
    ['an array of commitments', (map) => Object.assign(map, { c: [hash(1)] })],
    ['no size', (map) => delete map['z']],
    ['a size to the byte', (map) => Object.assign(map, { z: 769 })],
    ['particulars of an event of a producer', (map) => Object.assign(map, { d: { note: 'jdoe' } })],
  ])('is refused with %s', (_, change) => {
    expect(() => parseLeaf(changed(change))).toThrow(malformed)
  })

  it.each<[string, unknown]>([
    ['a map', { a: { b: 1 } }],
    ['true', { a: true }],
    ['null', { a: null }],
    ['a negative number', { a: -1 }],
    ['an empty name', { '': 1 }],
    ['prototypes', JSON.parse('{"__proto__":"x"}')],
  ])('is refused with particulars that hold %s', (_, d) => {
    expect(() => parseLeaf(changed((map) => Object.assign(map, { d }), gap))).toThrow(malformed)
  })

  it('is refused in every other encoding', () => {
    const bytes = formatLeaf(leaf)
    const inner = bytes.subarray(3)
    const tagged = (map: Uint8Array): Uint8Array => concatBytes(bytes.subarray(0, 3), map)
    const others: readonly (readonly [string, Uint8Array])[] = [
      ['without its tag', inner],
      ['another tag', concatBytes(Uint8Array.of(0xd9, 0xd9, 0xf8), inner)],
      ['bytes behind it', concatBytes(bytes, Uint8Array.of(0))],
      ['cut off', bytes.subarray(0, -1)],
      ['a map of indefinite length', tagged(concatBytes(Uint8Array.of(0xbf), inner.subarray(1), Uint8Array.of(0xff)))],
      ['a count in two bytes', tagged(concatBytes(Uint8Array.of(0xb8, (inner[0] ?? 0) - 0xa0), inner.subarray(1)))],
      ['keys in another order', tagged(encode(decode(inner), { mapSorter: () => -1 }))],
    ]
    for (const [, other] of others) expect(() => parseLeaf(other)).toThrow(malformed)
  })

  it('is never read from bytes with one bit flipped as what it was', () => {
    const bytes = formatLeaf(gap)
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bad = bytes.with(at, (bytes[at] ?? 0) ^ (1 << bit))
        try {
          // What is still a leaf is another one, with one encoding of its own.
          expect(formatLeaf(parseLeaf(bad))).toEqual(bad)
        } catch (error) {
          expect(error).toEqual(malformed)
        }
      }
    }
  })

  it('throws nothing but `malformed`, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const given of [bytes, concatBytes(Uint8Array.of(0xd9, 0xd9, 0xf7), bytes)])
          expect(() => parseLeaf(given)).toThrow(malformed)
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ['a length of 2^64 − 1', [0xa1, 0x61, 0x76, 0x5b, ...Array(8).fill(0xff)]],
    ['100,000 levels', Array(60_000).fill(0x81)],
    ['two equal keys', [0xa2, 0x61, 0x76, 1, 0x61, 0x76, 1]],
    ['a number in two bytes that fits one', [0xa1, 0x61, 0x76, 0x18, 1]],
    ['not a number', [0xa1, 0x61, 0x76, 0xf9, 0x7e, 0]],
    ['a bignum', [0xa1, 0x61, 0x76, 0xc2, 0x41, 1]],
  ])('is refused fast: %s', (_, map) => {
    expect(() => parseLeaf(Uint8Array.of(0xd9, 0xd9, 0xf7, ...map))).toThrow(malformed)
  })

  it('is not made from what no reader would take, nor larger than an entry may be', () => {
    expect(() => formatLeaf({ ...leaf, source: 'A' })).toThrow(malformed)
    expect(() => formatLeaf({ ...leaf, number: 1 })).toThrow(malformed)
    const particulars = { text: 'a'.repeat(MAX_LEAF_SIZE) }
    expect(() => formatLeaf({ ...gap, particulars })).toThrow(expect.objectContaining({ code: 'too_large' }))
  })
})
