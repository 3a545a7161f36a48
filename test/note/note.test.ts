/** Signed notes: the published examples, strict form, and what makes a note trusted. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { NoteSigner, NoteVerifier } from '../../src/note/algorithm.ts'
import { isKeyName } from '../../src/note/characters.ts'
import { signerKey } from '../../src/note/key.ts'
import {
  formatNote,
  formatSignatures,
  MAX_NOTE_BYTES,
  MAX_SIGNATURES,
  openNote,
  parseNote,
  parseSignatures,
  signNote,
} from '../../src/note/note.ts'
import { decodeUtf8, encodeUtf8, equalBytes } from '../../src/primitives/bytes.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import { behindTheSofa, exampleMessage, peterNeumann, quasimodo } from '../support/keys.ts'
import { expectStrict, mangled, nudged } from '../support/mangle.ts'

const code = (value: string) => expect.objectContaining({ code: value })
const roundTrip = (bytes: Uint8Array) => formatNote(parseNote(bytes))
const SIG = '— a AAAAAAA=\n'

describe('the form of notes', () => {
  it.each([exampleMessage.note, peterNeumann.note, behindTheSofa, quasimodo])(
    'reads and writes a published note',
    (note) => {
      expect(decodeUtf8(roundTrip(encodeUtf8(note)))).toBe(note)
    },
  )

  it('separates at the last empty line', () => {
    expect(parseNote(encodeUtf8(quasimodo)).text).toBe(quasimodo.slice(0, quasimodo.indexOf('\n— ')))
    expect(parseNote(encodeUtf8(`\n\n\n${SIG}`)).text).toBe('\n\n')
  })

  it.each([
    ['nothing', ''],
    ['no blank line', `text\n${SIG}`],
    ['no text', `\n${SIG}`],
    ['no signatures', 'text\n\n'],
    ['no newline at the end', `text\n\n${SIG.trimEnd()}`],
    ['a line after the signatures', `text\n\n${SIG}more\n`],
    ['a carriage return', `text\r\n\n${SIG}`],
    ['a carriage return after a signature', `text\n\n— a AAAAAAA=\r\n`],
    ['a tab in the text', `te\txt\n\n${SIG}`],
    ['a zero byte in the text', `te\0xt\n\n${SIG}`],
    ['U+001F in the text', `te\u001fxt\n\n${SIG}`],
    ['a hyphen for the dash', 'text\n\n- a AAAAAAA=\n'],
    ['an en dash for the dash', 'text\n\n– a AAAAAAA=\n'],
    ['no space after the dash', 'text\n\n—a AAAAAAA=\n'],
    ['two spaces after the dash', 'text\n\n—  a AAAAAAA=\n'],
    ['two spaces after the name', 'text\n\n— a  AAAAAAA=\n'],
    ['a space at the end', 'text\n\n— a AAAAAAA= \n'],
    ['no name', 'text\n\n—  AAAAAAA=\n'],
    ['a plus in the name', 'text\n\n— a+b AAAAAAA=\n'],
    ['a no-break space in the name', 'text\n\n— a\u00a0b AAAAAAA=\n'],
    ['U+0085 in the name', 'text\n\n— a\u0085b AAAAAAA=\n'],
    ['U+3000 in the name', 'text\n\n— a\u3000b AAAAAAA=\n'],
    ['U+2028 in the name', 'text\n\n— a\u2028b AAAAAAA=\n'],
    ['a control in the name', 'text\n\n— a\u0001b AAAAAAA=\n'],
    ['no signature after the name', 'text\n\n— a\n'],
    ['an empty signature', 'text\n\n— a \n'],
    ['only a key ID', 'text\n\n— a AAAAAA==\n'],
    ['base64 without padding', 'text\n\n— a AAAAAAA\n'],
    ['base64 with loose bits', 'text\n\n— a AAAAAAB=\n'],
    ['base64 of the URL alphabet', 'text\n\n— a AAAAA_A=\n'],
  ])('refuses %s', (_, note) => {
    expect(() => parseNote(encodeUtf8(note))).toThrow(code('malformed'))
  })

  it.each([
    ['DEL', 'te\u007fxt\n'],
    ['C1 controls', 'te\u0080xt\n'],
    ['a byte order mark', '\ufefftext\n'],
    ['an em dash', '— a AAAAAAA=\n'],
    ['a text that is one newline', '\n'],
  ])('keeps %s in a text', (_, text) => {
    expect(parseNote(encodeUtf8(`${text}\n${SIG}`)).text).toBe(text)
  })

  it.each([[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x80]])(
    'refuses bytes that are not UTF-8: %i',
    (...bad) => {
      const note = Uint8Array.of(...bad, ...encodeUtf8(`text\n\n${SIG}`))
      expect(() => parseNote(note)).toThrow(code('malformed'))
    },
  )

  it('takes 64 signatures and 1 MiB, and no more', () => {
    const of = (count: number) => encodeUtf8(`text\n\n${SIG.repeat(count)}`)
    expect(parseNote(of(MAX_SIGNATURES)).signatures).toHaveLength(64)
    expect(() => parseNote(of(MAX_SIGNATURES + 1))).toThrow(code('too_large'))
    const room = MAX_NOTE_BYTES - 2 - encodeUtf8(SIG).length
    const long = (length: number) => encodeUtf8(`${'x'.repeat(length)}\n\n${SIG}`)
    expect(parseNote(long(room)).text).toHaveLength(room + 1)
    expect(() => parseNote(long(room + 1))).toThrow(code('too_large'))
  })

  it('refuses or reproduces every substring and every byte one up or down', () => {
    const note = encodeUtf8(`one\n\ntwo\n\n— b.example/é AAAAAf8=\n${SIG}`)
    const { refused, accepted } = expectStrict(mangled(note), roundTrip)
    expect(refused).toBeGreaterThan(1000)
    expect(accepted).toBeGreaterThan(10)
  })

  it('refuses or reproduces every damage to a real note', () => {
    expectStrict(nudged(encodeUtf8(behindTheSofa)), roundTrip)
  })

  it('reads what it wrote, for any text and signatures', () => {
    const signature = fc.record({
      name: fc.string({ unit: 'grapheme', minLength: 1 }).filter(isKeyName),
      keyId: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      signature: fc.uint8Array({ minLength: 1, maxLength: 80 }),
    })
    const line = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/\p{Cc}/gu, ''))
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1 }).map((lines) => `${lines.join('\n')}\n`),
        fc.array(signature, { minLength: 1, maxLength: 5 }),
        (text, signatures) => {
          expect(parseNote(formatNote({ text, signatures }))).toEqual({ text, signatures })
        },
      ),
      { numRuns: 200 },
    )
  })

  it.each([
    ['a text without a newline at the end', 'text', 'a', 1],
    ['a text with a control', 'te\u0000xt\n', 'a', 1],
    ['a text with a lone surrogate', 'te\ud800xt\n', 'a', 1],
    ['a name with a lone surrogate', 'text\n', 'a\udc00', 1],
    ['a name with a space', 'text\n', 'a b', 1],
    ['an empty signature', 'text\n', 'a', 0],
  ])('does not write %s', (_, text, name, length) => {
    const signatures = [{ name, keyId: 0, signature: new Uint8Array(length) }]
    expect(() => formatNote({ text, signatures })).toThrow(code('malformed'))
  })

  it.each([-1, 2 ** 32, 0.5, Number.NaN])('does not write the key ID %d', (keyId) => {
    expect(() => formatSignatures([{ name: 'a', keyId, signature: Uint8Array.of(0) }])).toThrow(RangeError)
  })

  it('does not write a note without signatures', () => {
    expect(() => signNote('text\n', [])).toThrow(code('malformed'))
  })

  it('reads signature lines alone, as witnesses answer them', () => {
    const lines = behindTheSofa.slice(behindTheSofa.indexOf('— '))
    expect(formatSignatures(parseSignatures(lines))).toBe(lines)
    for (const bad of ['', '\n', lines.trimEnd(), `\n${lines}`, `${lines}\n`]) {
      expect(() => parseSignatures(bad)).toThrow(code('malformed'))
    }
  })
})

describe('opening notes', () => {
  it.each([exampleMessage, peterNeumann])('verifies the published note of $vkey', ({ vkey, note }) => {
    const opened = openNote(encodeUtf8(note), [verifierOf(vkey)])
    expect(opened.verified).toHaveLength(1)
    expect(opened.unverified).toEqual([])
    expect(note.startsWith(`${opened.text}\n— `)).toBe(true)
  })

  it('signs the published note to the same bytes', () => {
    const text = peterNeumann.note.slice(0, peterNeumann.note.indexOf('\n— '))
    expect(decodeUtf8(signNote(text, [signerOf(peterNeumann.skey)]))).toBe(peterNeumann.note)
  })

  it('does not open a note with any byte of its text changed', () => {
    const bytes = encodeUtf8(exampleMessage.note)
    const textLength = bytes.indexOf(0x0a)
    for (let at = 0; at < textLength; at++) {
      const copy = bytes.slice()
      copy[at] = (bytes[at] ?? 0) === 0x20 ? 0x21 : (bytes[at] ?? 0) - 1
      expect(() => openNote(copy, [verifierOf(exampleMessage.vkey)])).toThrow(code('bad_signature'))
    }
  })

  const seed = (n: number) => new Uint8Array(32).fill(n)
  const keys = [1, 2, 3].map((n) => signerKey(`k${n}`, 1, seed(n)))
  const [one, two, three] = keys.map((key) => ({ signer: signerOf(key), verifier: verifierOf(key) })) as [
    Pair,
    Pair,
    Pair,
  ]
  interface Pair {
    readonly signer: NoteSigner
    readonly verifier: NoteVerifier
  }
  const note = signNote('text\n', [one.signer, two.signer])

  it('keeps verified and unverified signatures apart, in the order of the note', () => {
    const opened = openNote(note, [two.verifier, three.verifier])
    expect(opened.verified.map((s) => s.name)).toEqual(['k2'])
    expect(opened.unverified.map((s) => s.name)).toEqual(['k1'])
  })

  it('is untrusted without a signature by a known key', () => {
    expect(() => openNote(note, [three.verifier])).toThrow(code('untrusted'))
    expect(() => openNote(note, [])).toThrow(code('untrusted'))
  })

  it('rejects the whole note when one known key fails beside one that verifies', () => {
    const { text, signatures } = parseNote(note)
    const [first, second] = signatures as [(typeof signatures)[0], (typeof signatures)[0]]
    const swapped = formatNote({ text, signatures: [first, { ...second, signature: first.signature }] })
    expect(() => openNote(swapped, [one.verifier, two.verifier])).toThrow(code('bad_signature'))
    expect(openNote(swapped, [one.verifier]).verified).toHaveLength(1)
  })

  it('ignores a signature that shares only the name or only the key ID with a known key', () => {
    const { text, signatures } = parseNote(note)
    const [first] = signatures as [(typeof signatures)[0]]
    const sameName = { ...first, keyId: first.keyId === 0 ? 1 : first.keyId - 1 }
    const sameId = { ...first, name: 'other' }
    const opened = openNote(formatNote({ text, signatures: [sameName, sameId, first] }), [one.verifier])
    expect(opened.verified).toHaveLength(1)
    expect(opened.unverified).toHaveLength(2)
  })

  it('checks every signature of a key that stands twice', () => {
    const { text, signatures } = parseNote(note)
    const [first] = signatures as [(typeof signatures)[0]]
    const broken = { ...first, signature: first.signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }
    expect(openNote(formatNote({ text, signatures: [first, first] }), [one.verifier]).verified).toHaveLength(2)
    expect(() => openNote(formatNote({ text, signatures: [first, broken] }), [one.verifier])).toThrow(
      code('bad_signature'),
    )
  })

  it('refuses to choose between two verifiers of one name and key ID', () => {
    expect(() => openNote(note, [one.verifier, { ...two.verifier, name: 'k1', keyId: one.verifier.keyId }])).toThrow(
      RangeError,
    )
  })

  it('hands the verifier exactly the text and the bytes after the key ID', () => {
    const seen: [string, Uint8Array][] = []
    const spy: NoteVerifier = { name: 'a', keyId: 0, verify: (...args) => seen.push(args) > 0 }
    openNote(encodeUtf8('x\n\ny\n\n— a AAAAAAEC\n'), [spy])
    expect(seen[0]?.[0]).toBe('x\n\ny\n')
    expect(equalBytes(seen[0]?.[1] ?? new Uint8Array(), Uint8Array.of(1, 2))).toBe(true)
  })
})
