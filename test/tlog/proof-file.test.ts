/** Proof files: strict form, exact round trips, and the checkpoint kept byte for byte. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import { asHash } from '../../src/primitives/hash.ts'
import { formatProofFile, MAX_PROOF_FILE_BYTES, parseProofFile } from '../../src/tlog/proof-file.ts'
import { behindTheSofa } from '../support/keys.ts'
import { expectStrict, nudged } from '../support/mangle.ts'

const code = (value: string) => expect.objectContaining({ code: value })
const hash = (n: number) => asHash(new Uint8Array(32).fill(n))
const H = 'gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ='
const HEAD = 'c2sp.org/tlog-proof@v1\n'
const checkpoint = encodeUtf8(behindTheSofa)
const roundTrip = (bytes: Uint8Array) => formatProofFile(parseProofFile(bytes))

describe('proof files', () => {
  it('has the shape of the specification: header, extra, index, hashes, empty line, checkpoint', () => {
    const bytes = formatProofFile({ extra: encodeUtf8('ext'), index: 73894, proof: [hash(0), hash(255)], checkpoint })
    expect(decodeUtf8(bytes)).toBe(
      `${HEAD}extra ZXh0\nindex 73894\n${'A'.repeat(43)}=\n${'/'.repeat(42)}8=\n\n${behindTheSofa}`,
    )
  })

  it.each([
    ['an entry alone in its tree', `${HEAD}index 0\n\n${behindTheSofa}`],
    ['two hashes', `${HEAD}index 73894\n${H}\n${H}\n\n${behindTheSofa}`],
    ['extra data', `${HEAD}extra AA==\nindex 9007199254740991\n${H}\n\n${behindTheSofa}`],
    ['63 hashes', `${HEAD}index 1\n${`${H}\n`.repeat(63)}\n${behindTheSofa}`],
  ])('reads and writes %s', (_, text) => {
    expect(decodeUtf8(roundTrip(encodeUtf8(text)))).toBe(text)
  })

  it.each([
    ['nothing', ''],
    ['another version', `c2sp.org/tlog-proof@v2\nindex 0\n\n${behindTheSofa}`],
    ['no header', `index 0\n\n${behindTheSofa}`],
    ['a line before the header', `\n${HEAD}index 0\n\n${behindTheSofa}`],
    ['a space after the header', `c2sp.org/tlog-proof@v1 \nindex 0\n\n${behindTheSofa}`],
    ['carriage returns', `c2sp.org/tlog-proof@v1\r\nindex 0\r\n\n${behindTheSofa}`],
    ['no index', `${HEAD}${H}\n\n${behindTheSofa}`],
    ['only a header', `${HEAD}\n${behindTheSofa}`],
    ['a leading zero', `${HEAD}index 01\n\n${behindTheSofa}`],
    ['a negative index', `${HEAD}index -1\n\n${behindTheSofa}`],
    ['no number', `${HEAD}index \n\n${behindTheSofa}`],
    ['an index of 2^53', `${HEAD}index 9007199254740992\n\n${behindTheSofa}`],
    ['two spaces before the index', `${HEAD}index  1\n\n${behindTheSofa}`],
    ['two index lines', `${HEAD}index 1\nindex 1\n\n${behindTheSofa}`],
    ['an empty extra line', `${HEAD}extra \nindex 1\n\n${behindTheSofa}`],
    ['extra without a space', `${HEAD}extra\nindex 1\n\n${behindTheSofa}`],
    ['extra after the index', `${HEAD}index 1\nextra AA==\n\n${behindTheSofa}`],
    ['two extra lines', `${HEAD}extra AA==\nextra AA==\nindex 1\n\n${behindTheSofa}`],
    ['extra with loose bits', `${HEAD}extra AB==\nindex 1\n\n${behindTheSofa}`],
    ['a hash of 31 bytes', `${HEAD}index 1\n${'A'.repeat(40)}Ag==\n\n${behindTheSofa}`],
    ['a hash with loose bits', `${HEAD}index 1\n${H.slice(0, -2)}R=\n\n${behindTheSofa}`],
    ['two empty lines', `${HEAD}index 1\n\n\n${behindTheSofa}`],
    ['no empty line', `${HEAD}index 1\n${behindTheSofa}`],
    ['no checkpoint', `${HEAD}index 1\n\n`],
    ['an unsigned checkpoint', `${HEAD}index 1\n\n${behindTheSofa.slice(0, behindTheSofa.indexOf('\n— '))}`],
    ['a note that is no checkpoint', `${HEAD}index 1\n\ntext\n\n— a AAAAAAA=\n`],
    ['something after the checkpoint', `${HEAD}index 1\n\n${behindTheSofa}more\n`],
  ])('refuses %s', (_, text) => {
    expect(() => parseProofFile(encodeUtf8(text))).toThrow(code('malformed'))
  })

  it('refuses more hashes than any tree needs, and files over 4 MiB', () => {
    const long = `${HEAD}index 1\n${`${H}\n`.repeat(64)}\n${behindTheSofa}`
    expect(() => parseProofFile(encodeUtf8(long))).toThrow(code('too_large'))
    expect(() => parseProofFile(new Uint8Array(MAX_PROOF_FILE_BYTES + 1))).toThrow(code('too_large'))
    expect(() => formatProofFile({ index: 1, proof: Array(64).fill(hash(1)), checkpoint })).toThrow(code('too_large'))
  })

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('does not write the index %d', (index) => {
    expect(() => formatProofFile({ index, proof: [], checkpoint })).toThrow(RangeError)
  })

  it('does not write empty extra data or a short hash', () => {
    expect(() => formatProofFile({ extra: new Uint8Array(), index: 1, proof: [], checkpoint })).toThrow(RangeError)
    const short = new Uint8Array(31) as never
    expect(() => formatProofFile({ index: 1, proof: [short], checkpoint })).toThrow(code('malformed'))
  })

  it('refuses or reproduces every damage', () => {
    const bytes = encodeUtf8(`${HEAD}extra AAE=\nindex 10\n${H}\n\na\n11\n${H}\n\n— a AAAAAAA=\n`)
    const { refused, accepted } = expectStrict(nudged(bytes), roundTrip)
    expect(refused).toBeGreaterThan(300)
    expect(accepted).toBeGreaterThan(50)
  })

  it('reads what it wrote', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(
        fc.record(
          {
            extra: fc.uint8Array({ minLength: 1, maxLength: 100 }),
            index: fc.maxSafeNat(),
            proof: fc.array(bytes32.map(asHash), { maxLength: 63 }),
            checkpoint: fc.constant(checkpoint),
          },
          { requiredKeys: ['index', 'proof', 'checkpoint'] },
        ),
        (file) => {
          expect(parseProofFile(formatProofFile(file))).toEqual(file)
        },
      ),
      { numRuns: 200 },
    )
  })
})
