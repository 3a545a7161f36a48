/** SHA-256: the published answers, and both implementations against an independent one. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import * as node from '../../src/primitives/sha256.node.ts'
import * as portable from '../../src/primitives/sha256.portable.ts'
import * as chosen from '../../src/primitives/sha256.ts'

// The examples of FIPS 180-2 appendix B and of NIST's SHA-256 example page.
const published: readonly { name: string; message: Uint8Array; hash: string }[] = [
  {
    name: 'the empty message',
    message: encodeUtf8(''),
    hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  },
  {
    name: 'one block',
    message: encodeUtf8('abc'),
    hash: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  },
  {
    name: 'two blocks',
    message: encodeUtf8('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq'),
    hash: '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  },
  {
    name: 'a million times a',
    message: new Uint8Array(1_000_000).fill(0x61),
    hash: 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0',
  },
]

describe.each([
  { name: 'node', implementation: node, provider: 'platform' },
  { name: 'portable', implementation: portable, provider: 'noble' },
])('sha256.$name', ({ implementation: { sha256, sha256Into, sha256Provider }, provider }) => {
  it.each(published)('answers as published for $name', ({ message, hash }) => {
    expect(encodeHex(sha256(message))).toBe(hash)
  })

  it('agrees with createHash at every length to 300', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i * i + 7 * i)
    for (let length = 0; length <= bytes.length; length++) {
      const message = bytes.subarray(0, length)
      const want = createHash('sha256').update(message).digest('hex')
      expect(encodeHex(sha256(message)), `length ${length}`).toBe(want)
    }
  })

  it('returns a plain array of its own each time', () => {
    const [a, b] = [sha256(encodeUtf8('a')), sha256(encodeUtf8('a'))]
    expect(a.constructor).toBe(Uint8Array)
    expect(a.buffer).not.toBe(b.buffer)
  })

  it('writes 32 bytes at the offset and no others, even over its own input', () => {
    const out = new Uint8Array(100).fill(7)
    sha256Into(out.subarray(0, 50), out, 20)
    expect(out.subarray(20, 52)).toEqual(sha256(new Uint8Array(50).fill(7)))
    expect([...out.subarray(0, 20), ...out.subarray(52)]).toEqual(Array(68).fill(7))
  })

  it('refuses to write past the end', () => {
    const out = new Uint8Array(40)
    expect(() => sha256Into(out, out, 9)).toThrow(RangeError)
    expect(out).toEqual(new Uint8Array(40))
  })

  it('says who computes', () => expect(sha256Provider).toBe(provider))
})

it('#sha256 is the platform on Node', () => {
  expect(chosen.sha256Provider).toBe('platform')
  expect(chosen.sha256).toBe(node.sha256)
})
