/** Tree heads of RFC 6962, byte by byte. */
import { describe, expect, it } from 'vitest'
import { asHash } from '../../src/primitives/hash.ts'
import { formatDigitallySigned, parseDigitallySigned, treeHeadSignatureInput } from '../../src/tlog/tree-head.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('tree heads', () => {
  it('are signed as 50 bytes: version, type, timestamp, size, root (RFC 6962 section 3.5)', () => {
    const root = asHash(Uint8Array.from({ length: 32 }, (_, i) => i))
    const input = treeHeadSignatureInput({ timestamp: 1_396_877_652_123, size: 2 ** 53 - 1, root })
    expect(hex(input)).toBe(`0001000001453c65709b001fffffffffffff${hex(root)}`)
    expect(() => treeHeadSignatureInput({ timestamp: 0, size: 2 ** 53, root })).toThrow(RangeError)
  })

  it('format and parse the signature around them', () => {
    const wrapped = formatDigitallySigned(Uint8Array.of(0x30, 1, 2))
    expect(hex(wrapped)).toBe('04030003300102')
    expect(parseDigitallySigned(wrapped)).toEqual(Uint8Array.of(0x30, 1, 2))
    expect(hex(formatDigitallySigned(new Uint8Array(300)).slice(0, 4))).toBe('0403012c')
  })

  it.each(['', '04', '0403', '040300', '0401000130', '0303000130', '04030001', '040300013030'])('refuse %s', (text) => {
    const parse = (): Uint8Array => parseDigitallySigned(Buffer.from(text, 'hex'))
    expect(parse).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})
