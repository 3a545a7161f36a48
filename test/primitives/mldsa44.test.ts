/** ML-DSA-44: the accumulated vectors of C2SP/CCTV, and from both providers the same verdict on everything. */
import { shake128 } from '@noble/hashes/sha3.js'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import * as platform from '../../src/primitives/mldsa44.node.ts'
import * as portable from '../../src/primitives/mldsa44.portable.ts'
import * as chosen from '../../src/primitives/mldsa44.ts'

const seed = new Uint8Array(32).fill(8)

// Before Node 24.6 the first is the second.
const providers = [platform, portable]

it('is chosen by what the platform has', () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const has = major > 24 || (major === 24 && minor >= 6)
  expect(chosen.mldsa44Provider).toBe(has ? 'platform' : 'noble')
})

describe('ML-DSA-44, portable', () => {
  // c2sp.org/CCTV, ML-DSA/accumulated: the answer is published there. The 10,000 rounds take a minute.
  it('makes the keys and signatures of the accumulated test of 100 rounds', () => {
    const seeds = shake128.create({})
    const all = shake128.create({})
    const empty = new Uint8Array()
    for (let i = 0; i < 100; i++) {
      const key = seeds.xof(32)
      const publicKey = platform.mldsa44PublicKey(key)
      const signature = portable.signMldsa44(empty, key)
      all.update(publicKey).update(signature)
      if (i % 10 === 0) for (const one of providers) expect(one.verifyMldsa44(signature, empty, publicKey)).toBe(true)
    }
    expect(encodeHex(all.xof(32))).toBe('d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4')
  })
})

describe.each([
  ['the platform where it has it', platform, portable],
  ['noble', portable, platform],
] as const)('ML-DSA-44 by %s', (_, { mldsa44PublicKey, signMldsa44, verifyMldsa44 }, other) => {
  it('makes the keys and accepts the signatures of the other, and the other its own', () => {
    const publicKey = mldsa44PublicKey(seed)
    expect(other.mldsa44PublicKey(seed)).toEqual(publicKey)
    for (let length = 0; length < 20; length++) {
      const message = new Uint8Array(length * 7).fill(length)
      const signature = signMldsa44(message, seed)
      expect(other.verifyMldsa44(signature, message, publicKey)).toBe(true)
      expect(verifyMldsa44(other.signMldsa44(message, seed), message, publicKey)).toBe(true)
      expect(verifyMldsa44(signature, new Uint8Array(length * 7 + 1), publicKey)).toBe(false)
    }
  })

  it('refuses a signature with a bit flipped in any byte', () => {
    const publicKey = mldsa44PublicKey(seed)
    const message = encodeUtf8('bits')
    const signature = signMldsa44(message, seed)
    for (let at = 0; at < signature.length; at += 37) {
      const bad = Uint8Array.from(signature)
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8))
      expect([verifyMldsa44(bad, message, publicKey), other.verifyMldsa44(bad, message, publicKey)]).toEqual([
        false,
        false,
      ])
    }
  })

  it('refuses wrong lengths without throwing, and seeds of the wrong length by throwing', () => {
    const publicKey = mldsa44PublicKey(seed)
    const message = encodeUtf8('m')
    const signature = signMldsa44(message, seed)
    expect([publicKey.length, signature.length]).toEqual([1312, 2420])
    expect(verifyMldsa44(signature, message, publicKey)).toBe(true)
    expect(verifyMldsa44(signature.subarray(1), message, publicKey)).toBe(false)
    expect(verifyMldsa44(signature, message, publicKey.subarray(1))).toBe(false)
    expect(verifyMldsa44(new Uint8Array(2420), message, publicKey)).toBe(false)
    expect(verifyMldsa44(new Uint8Array(2420).fill(255), message, publicKey)).toBe(false)
    for (const length of [0, 31, 33]) {
      expect(() => mldsa44PublicKey(new Uint8Array(length))).toThrow(RangeError)
      expect(() => signMldsa44(message, new Uint8Array(length))).toThrow(RangeError)
    }
  })

  it('refuses hints that are not in their one encoding', () => {
    const publicKey = mldsa44PublicKey(seed)
    const message = encodeUtf8('hints')
    const signature = portable.signMldsa44(message, seed)
    // The last 84 bytes are 80 places for hints and 4 running counts; unused places are zero.
    const used = signature[2419] ?? 0
    expect(used).toBeLessThan(80)
    for (const [at, value] of [
      [2336 + used, 1],
      [2419, used + 1],
      [2419, 81],
      [2416, used + 1],
    ] as const) {
      const bad = Uint8Array.from(signature)
      bad[at] = value
      expect(verifyMldsa44(bad, message, publicKey)).toBe(false)
    }
    const swapped = Uint8Array.from(signature)
    swapped.set([signature[2337] ?? 0, signature[2336] ?? 0], 2336)
    expect(verifyMldsa44(swapped, message, publicKey)).toBe(false)
  })
})
