/** RFC 6962 section 2.1, one hash at a time: values known outside this repository. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { asHash, type Hash } from '../../src/primitives/hash.ts'
import { decodeHex, encodeHex } from '../../src/primitives/hex.ts'

const sha256 = (...parts: readonly Uint8Array[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

describe('RFC 6962 hashes', () => {
  it('knows the root of the empty tree', () => {
    expect(encodeHex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  })

  it.each([
    ['', '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'],
    ['00', '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7'],
    ['10', '0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7'],
  ])('knows the leaf hash of the entry %j', (entry, hash) => {
    expect(encodeHex(hashLeaf(decodeHex(entry)))).toBe(hash)
  })

  it('knows the root of a tree of two', () => {
    const root = hashNode(hashLeaf(decodeHex('')), hashLeaf(decodeHex('00')))
    expect(encodeHex(root)).toBe('fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125')
  })

  it('hashes entries of any length behind 0x00', () => {
    for (const length of [0, 1, 54, 55, 65_534, 65_535, 65_536, 100_000]) {
      const entry = new Uint8Array(length).fill(length)
      expect(encodeHex(hashLeaf(entry)), `length ${length}`).toBe(sha256(Uint8Array.of(0), entry))
    }
  })

  it('tells left from right, and a node from a leaf of the same bytes', () => {
    const [a, b] = [hashLeaf(encodeUtf8('a')), hashLeaf(encodeUtf8('b'))]
    expect(encodeHex(hashNode(a, b))).toBe(sha256(Uint8Array.of(1), a, b))
    expect(hashNode(a, b)).not.toEqual(hashNode(b, a))
    expect(hashNode(a, b)).not.toEqual(hashLeaf(Uint8Array.of(...a, ...b)))
  })

  it.each([0, 31, 33])('refuses a child of %i bytes', (length) => {
    const good = asHash(new Uint8Array(32))
    const bad = new Uint8Array(length) as Uint8Array as Hash
    expect(() => hashNode(bad, good)).toThrow(RangeError)
    expect(() => hashNode(good, bad)).toThrow(RangeError)
  })
})
