/** Keys as text: the published examples, derived key IDs, and no second text for any key. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { isKeyName } from '../../src/note/characters.ts'
import {
  formatSignerKey,
  formatVerifierKey,
  keyId,
  parseSignerKey,
  parseVerifierKey,
  signerKey,
  verifierKey,
} from '../../src/note/key.ts'
import { encodeBase64 } from '../../src/primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import type { TlogError } from '../../src/primitives/error.ts'
import { exampleMessage, peterNeumann, tesseraLog } from '../support/keys.ts'
import { expectStrict, mangled, nudged } from '../support/mangle.ts'

const malformed = expect.objectContaining({ code: 'malformed' })
const seed = Uint8Array.from({ length: 32 }, (_, i) => i)
const throughVkey = (bytes: Uint8Array) => encodeUtf8(formatVerifierKey(parseVerifierKey(decodeUtf8(bytes))))
const throughSkey = (bytes: Uint8Array) => encodeUtf8(formatSignerKey(parseSignerKey(decodeUtf8(bytes))))

describe('verifier keys', () => {
  it.each([tesseraLog.vkey, peterNeumann.vkey, exampleMessage.vkey])(
    'reads the published key %s and writes it again',
    (vkey) => {
      const key = parseVerifierKey(vkey)
      expect(key.algorithm).toBe(ED25519)
      expect(key.publicKey).toHaveLength(32)
      expect(key.keyId).toBe(keyId(key.name, key.algorithm, key.publicKey))
      expect(formatVerifierKey(key)).toBe(vkey)
    },
  )

  it('keeps key IDs above 2^31 unsigned and pads small ones', () => {
    expect(parseVerifierKey(peterNeumann.vkey).keyId).toBe(0xc74f20a3)
    const names = Array.from({ length: 64 }, (_, i) => `log${i}`)
    const small = names.map((name) => signerKey(name, ED25519, seed)).find((key) => key.keyId < 0x10000000)
    expect(formatVerifierKey(small!)).toMatch(/\+0[0-9a-f]{7}\+/)
  })

  it('gives one public key another key ID under each name and algorithm', () => {
    const { publicKey } = signerKey('a', ED25519, seed)
    const ids = ['a', 'b'].flatMap((name) => [ED25519, COSIGNATURE_V1].map((type) => keyId(name, type, publicKey)))
    expect(new Set(ids).size).toBe(4)
  })

  it('refuses or reproduces every substring and every byte one up or down', () => {
    const { refused, accepted } = expectStrict(mangled(encodeUtf8(exampleMessage.vkey)), throughVkey)
    expect(accepted).toBe(0)
    expect(refused).toBeGreaterThan(2000)
  })

  const bytes = (algorithm: number, length: number) => encodeBase64(new Uint8Array(length + 1).fill(algorithm, 0, 1))
  const good = parseVerifierKey(exampleMessage.vkey)
  it.each([
    ['an empty text', ''],
    ['an empty name', `+530d903a+${bytes(1, 32)}`],
    ['a name with a space', exampleMessage.vkey.replace('/', ' ')],
    ['a name with U+0085', exampleMessage.vkey.replace('/', '\u0085')],
    ['a name with a tab', exampleMessage.vkey.replace('/', '\t')],
    ['a name with a control', exampleMessage.vkey.replace('/', '\u0001')],
    ['a third plus before the key ID', exampleMessage.vkey.replace('/', '+')],
    ['an upper-case key ID', exampleMessage.vkey.replace('530d903a', '530D903A')],
    ['another key ID', exampleMessage.vkey.replace('530d903a', '530d903b')],
    ['a key ID of seven digits', exampleMessage.vkey.replace('530d903a', '530d903')],
    ['no key', `example.com/foo+530d903a+`],
    ['only a type', `example.com/foo+530d903a+AQ==`],
    ['a type without a meaning here', formatVerifierKey({ ...good, algorithm: 0x02 as 0x01 })],
    ['an Ed25519 key of 31 bytes', formatVerifierKey({ ...good, publicKey: good.publicKey.slice(1) })],
    ['an Ed25519 key that is no point', formatVerifierKey({ ...good, publicKey: new Uint8Array(32).fill(2) })],
    ['an ML-DSA-44 key of 1,311 bytes', `example.com/foo+530d903a+${bytes(6, 1311)}`],
    ['a newline at the end', `${exampleMessage.vkey}\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parseVerifierKey(text)).toThrow(malformed)
  })

  it('refuses a small-order key even with the right key ID', () => {
    const publicKey = Uint8Array.of(1, ...new Uint8Array(31))
    const text = formatVerifierKey({ name: 'a', keyId: keyId('a', ED25519, publicKey), algorithm: ED25519, publicKey })
    expect(() => parseVerifierKey(text)).toThrow(malformed)
    expect(() => verifierKey('a', ED25519, publicKey)).toThrow(malformed)
  })
})

describe('signer keys', () => {
  it.each([tesseraLog, peterNeumann])(
    'reads the published key of $vkey and derives the public half',
    ({ skey, vkey }) => {
      const key = parseSignerKey(skey)
      expect(formatSignerKey(key)).toBe(skey)
      expect(formatVerifierKey(key)).toBe(vkey)
    },
  )

  it('refuses or reproduces every damage to a signer key', () => {
    const { accepted } = expectStrict(nudged(encodeUtf8(peterNeumann.skey)), throughSkey)
    expect(accepted).toBe(0)
  })

  it('does not take a verifier key for a signer key, nor the other way round', () => {
    expect(() => parseSignerKey(peterNeumann.vkey)).toThrow(malformed)
    expect(() => parseVerifierKey(peterNeumann.skey)).toThrow(malformed)
  })

  it('keeps the secret out of its messages', () => {
    const secret = peterNeumann.skey.slice(-20)
    for (const text of [
      peterNeumann.skey.replace('c74f', 'c75f'),
      `${peterNeumann.skey}!`,
      peterNeumann.skey.slice(1),
    ]) {
      try {
        parseSignerKey(text)
        expect.unreachable()
      } catch (error) {
        expect((error as TlogError).message).not.toContain(secret)
        expect((error as TlogError).message).not.toContain(secret.slice(0, 8))
      }
    }
  })

  it.each([31, 33, 0])('refuses a seed of %i bytes', (length) => {
    expect(() => signerKey('a', ED25519, new Uint8Array(length))).toThrow(malformed)
    expect(() => signerKey('a', SUBTREE_V1, new Uint8Array(length))).toThrow(malformed)
  })

  it('copies the seed it is given', () => {
    const mine = Buffer.from(seed)
    const key = signerKey('a', ED25519, mine)
    mine.fill(0)
    expect(key.seed).toEqual(seed)
  })

  it('writes and reads any name, seed and algorithm', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }).filter(isKeyName),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom(ED25519, COSIGNATURE_V1, SUBTREE_V1),
        (name, anySeed, algorithm) => {
          const key = signerKey(name, algorithm, anySeed)
          expect(parseSignerKey(formatSignerKey(key))).toEqual(key)
          const { seed: _, ...publicHalf } = key
          expect(parseVerifierKey(formatVerifierKey(key))).toEqual(publicHalf)
        },
      ),
      { numRuns: 60 },
    )
  })
})
