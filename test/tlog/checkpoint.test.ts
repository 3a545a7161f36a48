/** Checkpoints: strict text, a real log's 16 of them, and what makes one trusted. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { signNote } from '../../src/note/note.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import { asHash } from '../../src/primitives/hash.ts'
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from '../../src/tlog/checkpoint.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import { behindTheSofa, tesseraLog } from '../support/keys.ts'
import { expectStrict, nudged } from '../support/mangle.ts'
import { shared } from '../support/shared.ts'

const code = (value: string) => expect.objectContaining({ code: value })
const text = behindTheSofa.slice(0, behindTheSofa.indexOf('\n— '))
const [origin, size, root] = text.split('\n') as [string, string, string]

describe('the text of checkpoints', () => {
  it('reads and writes the example of the specification', () => {
    const checkpoint = parseCheckpoint(text)
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20852163, extensions: [] })
    expect(formatCheckpoint(checkpoint)).toBe(text)
  })

  it.each([
    ['no newline at the end', text.trimEnd()],
    ['two lines', `${origin}\n${size}\n`],
    ['nothing', ''],
    ['one newline', '\n'],
    ['an empty origin', `\n${size}\n${root}\n`],
    ['an empty line at the end', `${text}\n`],
    ['an empty extension line', `${text}\nx\n`],
    ['a leading zero', `${origin}\n0${size}\n${root}\n`],
    ['a sign', `${origin}\n+${size}\n${root}\n`],
    ['a minus', `${origin}\n-1\n${root}\n`],
    ['a space after the size', `${origin}\n${size} \n${root}\n`],
    ['an exponent', `${origin}\n1e3\n${root}\n`],
    ['hex', `${origin}\n0x10\n${root}\n`],
    ['a size of 2^53', `${origin}\n9007199254740992\n${root}\n`],
    ['a size of 2^64', `${origin}\n18446744073709551616\n${root}\n`],
    ['a root of 31 bytes', `${origin}\n${size}\n${'A'.repeat(40)}Ag==\n`],
    ['a root of 33 bytes', `${origin}\n${size}\n${'A'.repeat(44)}\n`],
    ['a root without padding', `${origin}\n${size}\n${root.slice(0, -1)}\n`],
    ['a root with loose bits', `${origin}\n${size}\n${root.slice(0, -2)}J=\n`],
    ['a carriage return', `${origin}\r\n${size}\r\n${root}\r\n`],
    ['a tab in the origin', `a\tb\n${size}\n${root}\n`],
    ['a lone surrogate', `a\ud800\n${size}\n${root}\n`],
  ])('refuses %s', (_, bad) => {
    expect(() => parseCheckpoint(bad)).toThrow(code('malformed'))
  })

  it('takes any origin that is one line, and the largest size', () => {
    const odd = `  a+b ☃\n9007199254740991\n${root}\next 1\n  \n`
    expect(formatCheckpoint(parseCheckpoint(odd))).toBe(odd)
    expect(parseCheckpoint(odd).extensions).toEqual(['ext 1', '  '])
  })

  it.each([
    ['an empty origin', { origin: '' }],
    ['an origin of two lines', { origin: 'a\n5' }],
    ['an extension of two lines', { extensions: ['a\nb'] }],
    ['an empty extension', { extensions: ['a', ''] }],
    ['a control', { extensions: ['\u0007'] }],
    ['a root of 31 bytes', { root: new Uint8Array(31) as never }],
  ])('does not write %s', (_, change) => {
    expect(() => formatCheckpoint({ ...parseCheckpoint(text), ...change })).toThrow(code('malformed'))
  })

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('does not write the size %d', (bad) => {
    expect(() => formatCheckpoint({ ...parseCheckpoint(text), size: bad })).toThrow(RangeError)
  })

  it('refuses or reproduces every damage', () => {
    const through = (bytes: Uint8Array) => encodeUtf8(formatCheckpoint(parseCheckpoint(decodeUtf8(bytes))))
    const { refused, accepted } = expectStrict(nudged(encodeUtf8(`${text}extension\n`)), through)
    expect(refused).toBeGreaterThan(100)
    expect(accepted).toBeGreaterThan(100)
  })

  it('reads what it wrote', () => {
    const line = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .map((s) => s.replaceAll(/\p{Cc}/gu, ''))
      .filter((s) => s !== '')
    fc.assert(
      fc.property(
        fc.record({
          origin: line,
          size: fc.maxSafeNat(),
          root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asHash),
          extensions: fc.array(line, { maxLength: 3 }),
        }),
        (checkpoint) => {
          expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint)
        },
      ),
      { numRuns: 200 },
    )
  })
})

describe('signed checkpoints', () => {
  const verifiers = [verifierOf(tesseraLog.vkey)]
  const signed = signNote(formatCheckpoint({ ...parseCheckpoint(text), origin: tesseraLog.origin }), [
    signerOf(tesseraLog.skey),
  ])

  it('opens with the key of the log, and keeps its own copy of the bytes', () => {
    const mine = Buffer.from(signed)
    const opened = openCheckpoint(mine, { origin: tesseraLog.origin, verifiers })
    mine.fill(0)
    expect(opened.bytes).toEqual(signed)
    expect(opened.checkpoint.size).toBe(20852163)
    expect(opened.verified).toHaveLength(1)
  })

  it('names the origin when it is another log, whoever signed', () => {
    expect(() => openCheckpoint(signed, { origin: 'example.com/other', verifiers })).toThrow(code('wrong_origin'))
    expect(() => openCheckpoint(signed, { origin: 'example.com/other', verifiers: [] })).toThrow(code('wrong_origin'))
  })

  it('is untrusted without a known key, and bad with a wrong signature', () => {
    expect(() => openCheckpoint(signed, { verifiers: [] })).toThrow(code('untrusted'))
    const forged = encodeUtf8(decodeUtf8(signed).replace('20852163', '20852164'))
    expect(() => openCheckpoint(forged, { verifiers })).toThrow(code('bad_signature'))
  })

  it('is malformed when a trusted key signed something else', () => {
    const other = signNote('not a checkpoint\n', [signerOf(tesseraLog.skey)])
    expect(() => openCheckpoint(other, { verifiers })).toThrow(code('malformed'))
  })

  const folder = shared('vectors', 'tessera-log')
  it.skipIf(folder === undefined)('verifies the checkpoints of a real log and signs them to the same bytes', () => {
    const names = ['checkpoint', ...Array.from({ length: 16 }, (_, i) => `checkpoint.${i}`)]
    const roots = names.map((name) => {
      const bytes = new Uint8Array(readFileSync(`${folder}/${name}`))
      const opened = openCheckpoint(bytes, { origin: tesseraLog.origin, verifiers })
      expect(opened.checkpoint.size).toBe(name === 'checkpoint' ? 15 : Number(name.slice('checkpoint.'.length)))
      expect(opened.verified).toHaveLength(1)
      expect(signNote(formatCheckpoint(opened.checkpoint), [signerOf(tesseraLog.skey)])).toEqual(bytes)
      return formatCheckpoint(opened.checkpoint).split('\n')[2]
    })
    expect(roots.at(-1)).toBe('rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=')
  })
})
