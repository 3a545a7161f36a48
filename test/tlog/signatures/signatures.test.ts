/** Signature algorithms: one suite over the list, and the signed bytes of each as its specification writes them. */
import { describe, expect, it } from 'vitest'
import { type Algorithm, COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../../src/note/algorithm.ts'
import { formatSignerKey, formatVerifierKey, parseSignerKey, signerKey } from '../../../src/note/key.ts'
import { formatNote, openNote, parseNote, signNote } from '../../../src/note/note.ts'
import { concatBytes, encodeUint64, encodeUtf8 } from '../../../src/primitives/bytes.ts'
import { verifyEd25519 } from '../../../src/primitives/ed25519.ts'
import { asHash } from '../../../src/primitives/hash.ts'
import { signMldsa44 } from '../../../src/primitives/mldsa44.ts'
import { formatCheckpoint } from '../../../src/tlog/checkpoint.ts'
import { cosignatureTime, signatureAlgorithms, signerOf, verifierOf } from '../../../src/tlog/signatures/index.ts'
import {
  cosignedMessage,
  type Subtree,
  signSubtree,
  verifySubtreeSignature,
} from '../../../src/tlog/signatures/mldsa44.ts'

const code = (value: string) => expect.objectContaining({ code: value })
const list = Object.keys(signatureAlgorithms).map((type) => Number(type) as Algorithm)
const seed = new Uint8Array(32).fill(8)
const root = asHash(new Uint8Array(32).fill(0xab))
const textOf = (origin: string, extensions: readonly string[] = []) =>
  formatCheckpoint({ origin, size: 300, root, extensions })
const text = textOf('log.example')

describe.each(list)('signature type %i', (algorithm) => {
  const key = signerKey('witness.example/w1', algorithm, seed)
  const other = signerKey('witness.example/w1', algorithm, new Uint8Array(32).fill(9))
  const signature = signerOf(key, { time: 1679315147 }).sign(text)
  const verifier = verifierOf(formatVerifierKey(key))

  it('verifies what it signed, from the texts of its keys alone', () => {
    const note = signNote(text, [signerOf(formatSignerKey(key), { time: 1679315147 })])
    expect(openNote(note, [verifier]).verified).toHaveLength(1)
  })

  it('says its name, key ID and verifier key', () => {
    const signer = signerOf(key, { time: 1 })
    expect([signer.name, signer.keyId, signer.vkey]).toEqual([key.name, key.keyId, formatVerifierKey(key)])
    expect([verifier.name, verifier.keyId]).toEqual([key.name, key.keyId])
  })

  it('signs the same statement for the same text and time', () => {
    const again = signerOf(key, { time: 1679315147 }).sign(text)
    expect(again.subarray(0, 8)).toEqual(signature.subarray(0, 8))
    expect(verifier.verify(text, again)).toBe(true)
  })

  it('refuses another text, another key and other lengths', () => {
    expect(verifier.verify(textOf('other.example'), signature)).toBe(false)
    expect(verifierOf(other).verify(text, signature)).toBe(false)
    for (const bad of [signature.slice(1), signature.slice(0, -1), Uint8Array.of(...signature, 0), new Uint8Array()]) {
      expect(verifier.verify(text, bad)).toBe(false)
    }
  })

  it('refuses a flipped bit anywhere, the time included', () => {
    const step = algorithm === SUBTREE_V1 ? 997 : 31
    for (let bit = 0; bit < signature.length * 8; bit += step) {
      const flipped = Uint8Array.from(signature)
      flipped[Math.floor(bit / 8)] = (flipped[Math.floor(bit / 8)] ?? 0) ^ (1 << (bit % 8))
      expect(verifier.verify(text, flipped)).toBe(false)
    }
  })
})

describe.each(list.filter((type) => signatureAlgorithms[type].timed))('the time in signature type %i', (algorithm) => {
  const key = signerKey('witness.example/w1', algorithm, seed)
  const signature = signerOf(key, { time: 1679315147 }).sign(text)
  const verifier = verifierOf(key)

  it('is what its reader gets back, and cannot be left away', () => {
    expect(cosignatureTime({ name: key.name, keyId: key.keyId, signature })).toBe(1679315147)
    for (const time of [undefined, -1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => signerOf(key, { time })).toThrow(RangeError)
    }
  })

  it('stands over nothing but checkpoints', () => {
    expect(() => signerOf(key, { time: 1 }).sign('any text\n')).toThrow(code('malformed'))
  })

  it('is false, without throwing, above 2^53-1', () => {
    for (const head of [
      [0, 0x20],
      [0x7f, 255],
      [255, 255],
    ]) {
      expect(verifier.verify(text, Uint8Array.of(...head, ...signature.slice(2)))).toBe(false)
    }
  })
})

describe('the bytes that are signed', () => {
  it('is the note text alone for type 0x01', () => {
    const key = signerKey('a', ED25519, seed)
    expect(verifyEd25519(signerOf(key).sign('hé\n'), encodeUtf8('hé\n'), key.publicKey)).toBe(true)
  })

  it('is two lines and the whole text for type 0x04, extension lines included', () => {
    const key = signerKey('a', COSIGNATURE_V1, seed)
    const extended = textOf('log.example', ['extension'])
    const signature = signerOf(key, { time: 1679315147 }).sign(extended)
    const message = encodeUtf8(`cosignature/v1\ntime 1679315147\n${extended}`)
    expect(signature.subarray(0, 8)).toEqual(Uint8Array.of(0, 0, 0, 0, 0x64, 0x18, 0x50, 0xcb))
    expect(verifyEd25519(signature.subarray(8), message, key.publicKey)).toBe(true)
  })

  it('is the structure cosigned_message for type 0x06', () => {
    const message = cosignedMessage({
      cosigner: 'w',
      timestamp: 1679315147,
      origin: 'log',
      start: 0,
      end: 2 ** 40 + 5,
      hash: root,
    })
    const want = [
      Buffer.from('subtree/v1\n\0', 'latin1').toString('hex'),
      '0177',
      '00000000641850cb',
      '036c6f67',
      '0000000000000000',
      '0000010000000005',
      'ab'.repeat(32),
    ]
    expect(Buffer.from(message).toString('hex')).toBe(want.join(''))
    expect(want[0]).toHaveLength(24)
  })

  it('does not cover extension lines for type 0x06, but does cover the name of the cosigner', () => {
    const key = signerKey('a', SUBTREE_V1, seed)
    const signature = signerOf(key, { time: 5 }).sign(text)
    expect(verifierOf(key).verify(textOf('log.example', ['extension']), signature)).toBe(true)
    expect(verifierOf(signerKey('b', SUBTREE_V1, seed)).verify(text, signature)).toBe(false)
  })

  it('keeps types 0x01 and 0x04 apart even for one key pair', () => {
    const [plain, timed] = [ED25519, COSIGNATURE_V1].map((type) => signerKey('a', type, seed)) as [never, never]
    const signature = signerOf(timed, { time: 5 }).sign(text)
    expect(verifierOf(plain).verify(text, signature.slice(8))).toBe(false)
    expect(verifierOf(plain).verify(`cosignature/v1\ntime 5\n${text}`, signature)).toBe(false)
  })
})

describe('cosignatures of type 0x06', () => {
  const key = signerKey('witness.example', SUBTREE_V1, seed)
  const subtree: Subtree = { origin: 'log.example', start: 8, end: 13, hash: root }

  it('may leave the time open', () => {
    const note = signNote(text, [signerOf(key, { time: 0 })])
    expect(openNote(note, [verifierOf(key)]).verified.map(cosignatureTime)).toEqual([0])
  })

  it('covers every field of a subtree, which has no time', () => {
    const signature = signSubtree(key, subtree)
    expect(signature.subarray(0, 8)).toEqual(new Uint8Array(8))
    expect(verifySubtreeSignature(key, subtree, signature)).toBe(true)
    const changes = [{ origin: 'log.examplf' }, { start: 9 }, { end: 12 }, { hash: asHash(new Uint8Array(32)) }]
    for (const change of changes) expect(verifySubtreeSignature(key, { ...subtree, ...change }, signature)).toBe(false)
  })

  it('refuses a time on a subtree that does not start at 0, even one that is signed', () => {
    expect(() => cosignedMessage({ ...subtree, cosigner: 'w', timestamp: 1 })).toThrow(RangeError)
    const message = concatBytes(
      encodeUtf8('subtree/v1\n\0'),
      Uint8Array.of(15, ...encodeUtf8('witness.example')),
      encodeUint64(1),
      Uint8Array.of(11, ...encodeUtf8('log.example')),
      encodeUint64(8),
      encodeUint64(13),
      root,
    )
    const signature = concatBytes(encodeUint64(1), signMldsa44(message, seed))
    expect(verifySubtreeSignature(key, subtree, signature)).toBe(false)
  })

  it('is the same as a checkpoint cosignature when a subtree starts at 0', () => {
    const checkpoint: Subtree = { origin: 'log.example', start: 0, end: 300, hash: root }
    expect(verifySubtreeSignature(key, checkpoint, signerOf(key, { time: 0 }).sign(text))).toBe(true)
    expect(verifierOf(key).verify(text, signSubtree(key, checkpoint))).toBe(true)
  })

  it('takes names and origins of 255 bytes and refuses 256', () => {
    const long = textOf('o'.repeat(255))
    expect(verifierOf(key).verify(long, signerOf(key, { time: 1 }).sign(long))).toBe(true)
    const tooLong = textOf('o'.repeat(256))
    expect(() => signerOf(key, { time: 1 }).sign(tooLong)).toThrow(code('malformed'))
    expect(verifierOf(key).verify(tooLong, signerOf(key, { time: 1 }).sign(text))).toBe(false)
    expect(() => cosignedMessage({ ...subtree, cosigner: '☃'.repeat(86), timestamp: 0 })).toThrow(code('malformed'))
  })

  it('answers false for a text that is no checkpoint', () => {
    expect(verifierOf(key).verify('any text\n', signerOf(key, { time: 1 }).sign(text))).toBe(false)
  })

  it('refuses subtrees that are none', () => {
    expect(() => cosignedMessage({ ...subtree, end: 7, cosigner: 'w', timestamp: 0 })).toThrow(RangeError)
    expect(() => cosignedMessage({ ...subtree, start: -1, cosigner: 'w', timestamp: 0 })).toThrow(RangeError)
    expect(() => cosignedMessage({ ...subtree, end: 2 ** 53, cosigner: 'w', timestamp: 0 })).toThrow(RangeError)
  })
})

describe('several algorithms under one note', () => {
  it('lets a reader verify those it knows and leave the others', () => {
    const keys = list.map((type) => signerKey('log.example', type, seed))
    const note = signNote(
      text,
      keys.map((key) => signerOf(key, { time: 7 })),
    )
    expect(openNote(note, keys.map(verifierOf)).verified.map(cosignatureTime)).toEqual([undefined, 7, 7])
    for (const key of keys) expect(openNote(note, [verifierOf(key)]).unverified).toHaveLength(2)
  })

  it('rejects a note whose post-quantum signature is another one of the same key', () => {
    const key = signerKey('log.example', SUBTREE_V1, seed)
    const note = parseNote(signNote(text, [signerOf(key, { time: 7 })]))
    const [first] = note.signatures as [(typeof note.signatures)[0]]
    const stale = signerOf(key, { time: 7 }).sign(textOf('log.example').replace('300', '299'))
    expect(() =>
      openNote(formatNote({ ...note, signatures: [{ ...first, signature: stale }] }), [verifierOf(key)]),
    ).toThrow(code('bad_signature'))
  })

  it('reads a signer key back from its text for each algorithm', () => {
    for (const type of list) {
      const key = signerKey('log.example', type, seed)
      expect(parseSignerKey(formatSignerKey(key))).toEqual(key)
    }
  })
})
