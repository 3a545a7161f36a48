/** ML-DSA-44: the accumulated vectors of C2SP/CCTV, wrong lengths, and one encoding of the hints. */
import { shake128 } from '@noble/hashes/sha3.js'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { mldsa44Keys, signMldsa44, verifyMldsa44 } from '../../src/primitives/mldsa44.ts'

const seed = new Uint8Array(32).fill(8)

describe('ML-DSA-44', () => {
  // c2sp.org/CCTV, ML-DSA/accumulated: the answer is published there. The 10,000 rounds take a minute.
  it('makes the keys and signatures of the accumulated test of 100 rounds', () => {
    const seeds = shake128.create({})
    const all = shake128.create({})
    const empty = new Uint8Array()
    for (let i = 0; i < 100; i++) {
      const { publicKey, secretKey } = mldsa44Keys(seeds.xof(32))
      const signature = signMldsa44(empty, secretKey)
      all.update(publicKey).update(signature)
      if (i % 10 === 0) expect(verifyMldsa44(signature, empty, publicKey)).toBe(true)
    }
    expect(encodeHex(all.xof(32))).toBe('d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4')
  })

  it('refuses wrong lengths without throwing, and seeds of the wrong length by throwing', () => {
    const { publicKey, secretKey } = mldsa44Keys(seed)
    const message = encodeUtf8('m')
    const signature = signMldsa44(message, secretKey)
    expect([publicKey.length, secretKey.length, signature.length]).toEqual([1312, 2560, 2420])
    expect(verifyMldsa44(signature, message, publicKey)).toBe(true)
    expect(verifyMldsa44(signature.subarray(1), message, publicKey)).toBe(false)
    expect(verifyMldsa44(signature, message, publicKey.subarray(1))).toBe(false)
    expect(verifyMldsa44(new Uint8Array(2420), message, publicKey)).toBe(false)
    expect(verifyMldsa44(new Uint8Array(2420).fill(255), message, publicKey)).toBe(false)
    for (const length of [0, 31, 33]) expect(() => mldsa44Keys(new Uint8Array(length))).toThrow(RangeError)
  })

  it('refuses hints that are not in their one encoding', () => {
    const { publicKey, secretKey } = mldsa44Keys(seed)
    const message = encodeUtf8('hints')
    const signature = signMldsa44(message, secretKey)
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
