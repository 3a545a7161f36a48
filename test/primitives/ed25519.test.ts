/** Ed25519: the published vectors, and the same verdict from both providers on everything that is crafted to split them. */
import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as platform from '../../src/primitives/ed25519.node.ts'
import * as portable from '../../src/primitives/ed25519.portable.ts'
import * as chosen from '../../src/primitives/ed25519.ts'
import { assertEd25519Key, isEd25519Key } from '../../src/primitives/ed25519-key.ts'
import { decodeHex, encodeHex } from '../../src/primitives/hex.ts'

const providers = [platform, portable]
const malformed = expect.objectContaining({ code: 'malformed' })
const message = Buffer.from('a message')

const P = 2n ** 255n - 19n
const L = 2n ** 252n + 27742317777372353535851937790883648493n
const mod = (n: bigint) => ((n % L) + L) % L
const little = (n: bigint) => decodeHex(n.toString(16).padStart(64, '0')).reverse()
const fromLittle = (bytes: Uint8Array) => BigInt(`0x${encodeHex(Uint8Array.from(bytes).reverse())}`)
const sha512 = (...parts: readonly Uint8Array[]) => createHash('sha512').update(Buffer.concat(parts)).digest()

/** The secret scalar of a seed, RFC 8032 section 5.1.5, so that a test can sign what no honest signer would. */
const scalarOf = (seed: Uint8Array) => {
  const half = sha512(seed).subarray(0, 32)
  half[0] = (half[0] ?? 0) - ((half[0] ?? 0) % 8)
  half[31] = ((half[31] ?? 0) % 64) + 64
  return fromLittle(half)
}

/** Signs with chosen encodings of R and A: S = r + k·a, where k is the hash of exactly these bytes. */
const forge = (r: bigint, encodedR: Uint8Array, a: bigint, encodedA: Uint8Array, text: Uint8Array = message) => {
  const k = mod(fromLittle(sha512(encodedR, encodedA, text)))
  return Buffer.concat([encodedR, little(mod(r + k * a))])
}

/** Whether R is, byte for byte, the encoding of [S]B − [k]A: all that a verifier checks who vets neither key nor R. */
const equationHolds = (signature: Uint8Array, key: Uint8Array) => {
  const encodedR = signature.subarray(0, 32)
  const k = mod(fromLittle(sha512(encodedR, key, message)))
  const kA = Point.fromBytes(key, true).multiply(k, false)
  const sB = Point.BASE.multiply(fromLittle(signature.subarray(32)), false)
  return Buffer.compare(sB.add(kA.negate()).toBytes(), encodedR) === 0
}

const T8 = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
const torsion = Array.from({ length: 8 }, (_, i) => (i === 0 ? Point.ZERO : T8.multiply(BigInt(i))))

/** The eight points of small order, and their six encodings that RFC 8032 does not allow. */
const smallOrder = [
  ...torsion.map((point) => point.toBytes()),
  ...[P, P + 2n ** 255n, P + 1n, P + 1n + 2n ** 255n, 1n + 2n ** 255n, P - 1n + 2n ** 255n].map(little),
]

const seed = new Uint8Array(32).fill(42)
const publicKey = platform.ed25519PublicKey(seed)
const A = Point.fromBytes(publicKey)
const a = mod(scalarOf(seed))
const good = platform.signEd25519(message, seed)

describe.each(providers)('Ed25519 by $ed25519Provider', ({ ed25519PublicKey, signEd25519, verifyEd25519 }) => {
  // RFC 8032 section 7.1, tests 1 to 3.
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('agrees with RFC 8032 for the seed %s', (secret, key, text, signature) => {
    expect(encodeHex(ed25519PublicKey(decodeHex(secret)))).toBe(key)
    expect(encodeHex(signEd25519(decodeHex(text), decodeHex(secret)))).toBe(signature)
    expect(verifyEd25519(decodeHex(signature), decodeHex(text), decodeHex(key))).toBe(true)
  })

  it('refuses a signature with any bit flipped, and any other message or key', () => {
    for (let bit = 0; bit < 512; bit += 7) {
      const flipped = Uint8Array.from(good)
      flipped[Math.floor(bit / 8)] = (flipped[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8))
      expect(verifyEd25519(flipped, message, publicKey)).toBe(false)
    }
    expect(verifyEd25519(good, message.subarray(1), publicKey)).toBe(false)
    expect(verifyEd25519(good, message, ed25519PublicKey(new Uint8Array(32).fill(1)))).toBe(false)
  })

  it('answers false for wrong lengths, and throws for a seed of the wrong length', () => {
    expect(verifyEd25519(good.subarray(1), message, publicKey)).toBe(false)
    expect(verifyEd25519(Uint8Array.of(...good, 0), message, publicKey)).toBe(false)
    expect(verifyEd25519(new Uint8Array(), message, publicKey)).toBe(false)
    expect(verifyEd25519(good, message, publicKey.subarray(1))).toBe(false)
    expect(verifyEd25519(good, message, Uint8Array.of(...publicKey, 0))).toBe(false)
    for (const length of [0, 31, 33, 64]) {
      expect(() => signEd25519(message, new Uint8Array(length))).toThrow(RangeError)
      expect(() => ed25519PublicKey(new Uint8Array(length))).toThrow(RangeError)
    }
  })

  it('refuses S + L, and every S that is not below L', () => {
    const s = fromLittle(good.subarray(32))
    for (const other of [s + L, s + 2n * L, L, 2n ** 256n - 1n]) {
      expect(verifyEd25519(Buffer.concat([good.subarray(0, 32), little(other)]), message, publicKey)).toBe(false)
    }
  })

  it('accepts what the forger of these tests makes with an honest R, so that its refusals mean something', () => {
    const r = 12345n
    expect(verifyEd25519(forge(r, Point.BASE.multiply(r).toBytes(), a, publicKey), message, publicKey)).toBe(true)
  })

  it('refuses R with a torsion component, which a cofactored check would accept', () => {
    const r = 12345n
    for (const point of torsion.slice(1)) {
      const encoded = Point.BASE.multiply(r).add(point).toBytes()
      expect(verifyEd25519(forge(r, encoded, a, publicKey), message, publicKey)).toBe(false)
    }
  })

  it('refuses R of small order in all 14 encodings, also where the equation holds', () => {
    for (const encoded of smallOrder) {
      expect(verifyEd25519(forge(0n, encoded, a, publicKey), message, publicKey)).toBe(false)
    }
    // No honest signer knows the logarithm 0 of the identity. Node 24's own crypto refuses it, that of 20 and 22 does not.
    expect(equationHolds(forge(0n, Point.ZERO.toBytes(), a, publicKey), publicKey)).toBe(true)
  })

  it('refuses keys of small order in all 14 encodings, also for messages where the equation holds', () => {
    let held = 0
    for (const encoded of smallOrder) {
      for (const r of [1n, 2n, 3n, 5n, 7n, 11n, 13n, 17n]) {
        const signature = forge(r, Point.BASE.multiply(r).toBytes(), 0n, encoded)
        if (equationHolds(signature, encoded)) held++
        expect(verifyEd25519(signature, message, encoded)).toBe(false)
      }
    }
    expect(held).toBeGreaterThan(8)
  })

  it('refuses keys of mixed order, also where the equation holds without the cofactor', () => {
    let held = 0
    for (const point of torsion.slice(1)) {
      const mixed = A.add(point).toBytes()
      for (let r = 1n; r <= 24n; r++) {
        const signature = forge(r, Point.BASE.multiply(r).toBytes(), a, mixed)
        if (equationHolds(signature, mixed)) held++
        expect(verifyEd25519(signature, message, mixed)).toBe(false)
      }
    }
    expect(held).toBeGreaterThan(8)
  })
})

describe('keys fit for use', () => {
  it('finds 14 different encodings of small order, and refuses each', () => {
    expect(new Set(smallOrder.map(encodeHex)).size).toBe(14)
    for (const encoded of smallOrder) {
      expect(isEd25519Key(encoded)).toBe(false)
      expect(() => assertEd25519Key(encoded)).toThrow(malformed)
    }
  })

  it('refuses every key of mixed order', () => {
    for (const point of torsion.slice(1)) expect(() => assertEd25519Key(A.add(point).toBytes())).toThrow(malformed)
  })

  it.each([
    ['y of p + 2 and the like, where it is a point', Array.from({ length: 19 }, (_, i) => little(P + BigInt(i)))],
    ['y that is no point', [little(2n), little(7n)]],
    ['32 bytes of 0xff', [new Uint8Array(32).fill(255)]],
    ['other lengths', [publicKey.subarray(1), Uint8Array.of(...publicKey, 0), new Uint8Array()]],
  ])('refuses %s', (_, keys) => {
    for (const key of keys) expect(() => assertEd25519Key(key)).toThrow(malformed)
  })

  it('takes an honest key again and again', () => {
    for (let i = 0; i < 3; i++) expect(() => assertEd25519Key(publicKey)).not.toThrow()
  })

  it('is not fooled by a key that changes after it was vetted', () => {
    const key = Uint8Array.from(publicKey)
    expect(isEd25519Key(key)).toBe(true)
    key.set(Point.ZERO.toBytes())
    expect(isEd25519Key(key)).toBe(false)
    expect(platform.verifyEd25519(good, message, key)).toBe(false)
  })
})

describe('the two providers', () => {
  it('runs the platform here', () => {
    expect(chosen.ed25519Provider).toBe('platform')
  })

  it('make the same keys and signatures, and accept each other', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(bytes32, fc.uint8Array({ maxLength: 300 }), (secret, text) => {
        const key = portable.ed25519PublicKey(secret)
        const signature = portable.signEd25519(text, secret)
        expect(platform.ed25519PublicKey(secret)).toEqual(key)
        expect(platform.signEd25519(text, secret)).toEqual(signature)
        for (const { verifyEd25519 } of providers) expect(verifyEd25519(signature, text, key)).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('give one verdict on every mix of honest, mixed, small and broken R, A and S', () => {
    const r = 9n
    const points = (honest: Point) => [
      ...torsion.map((point) => honest.add(point).toBytes()),
      ...smallOrder,
      little(P + 3n),
      new Uint8Array(32).fill(255),
    ]
    let accepted = 0
    for (const encodedA of points(A)) {
      for (const encodedR of points(Point.BASE.multiply(r))) {
        const honestR = encodeHex(encodedR) === encodeHex(Point.BASE.multiply(r).toBytes())
        const signature = forge(honestR ? r : 0n, encodedR, a, encodedA)
        const [one, other] = providers.map(({ verifyEd25519 }) => verifyEd25519(signature, message, encodedA))
        expect(one).toBe(other)
        if (one) accepted++
      }
    }
    expect(accepted).toBe(1)
  })
})
