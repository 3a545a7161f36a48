/** Evidence files: one text for each, good ones convince with one key alone, and nothing else does. */
import { describe, expect, it } from 'vitest'
import { COSIGNATURE_V1 } from '../../src/note/algorithm.ts'
import { signerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { type Evidence, forkOfOneSize, formatEvidence, parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()
const branch = log.fork(3)
const witness = signerKey('witness.example/w', COSIGNATURE_V1, new Uint8Array(32).fill(5))
const cosigned = (size: number, time: number): Uint8Array =>
  signNote(formatCheckpoint({ origin: log.origin, size, root: log.root(size), extensions: [] }), [
    signerOf(witness, { time }),
  ])

const ofOneSize = forkOfOneSize(log.key, log.checkpoint(7), branch.checkpoint(7))
const ofTwoSizes: Evidence = {
  kind: 'fork',
  accused: log.key,
  smaller: log.checkpoint(5),
  larger: branch.checkpoint(9),
  contradiction: { rootInLarger: branch.root(5), proof: branch.proof(5, 9) },
}
const ofPowerOfTwo: Evidence = {
  ...ofTwoSizes,
  smaller: log.checkpoint(4),
  contradiction: { rootInLarger: branch.root(4), proof: branch.proof(4, 9) },
}
const rollback: Evidence = { kind: 'rollback', accused: witness, smaller: cosigned(5, 200), larger: cosigned(9, 100) }

describe('[EVID-1] evidence', () => {
  it.each([
    ['a fork of one size', ofOneSize],
    ['a fork of two sizes', ofTwoSizes],
    ['a fork from a perfect tree', ofPowerOfTwo],
    ['a rollback of a witness', rollback],
  ])('of %s is one text, and convinces', (_, evidence) => {
    const bytes = formatEvidence(evidence)
    expect(formatEvidence(parseEvidence(bytes))).toEqual(bytes)
    expect(verifyEvidence(parseEvidence(bytes)).origin).toBe(log.origin)
  })

  it('of one size is the same file whoever finds it', () => {
    const other = forkOfOneSize(log.key, branch.checkpoint(7), log.checkpoint(7))
    expect(formatEvidence(other)).toEqual(formatEvidence(ofOneSize))
  })

  it.each<[string, Evidence, string]>([
    ['the same tree twice', forkOfOneSize(log.key, log.checkpoint(7), log.checkpoint(7)), 'bad_proof'],
    [
      'trees that agree',
      {
        ...ofTwoSizes,
        larger: log.checkpoint(9),
        contradiction: { rootInLarger: log.root(5), proof: log.proof(5, 9) },
      },
      'bad_proof',
    ],
    ['a proof of other trees', { ...ofTwoSizes, larger: log.checkpoint(9) }, 'bad_proof'],
    [
      'no proof between two sizes',
      { kind: 'fork', accused: log.key, smaller: ofTwoSizes.smaller, larger: ofTwoSizes.larger },
      'bad_proof',
    ],
    [
      'sizes the wrong way round',
      { ...ofTwoSizes, smaller: ofTwoSizes.larger, larger: ofTwoSizes.smaller },
      'bad_proof',
    ],
    ['a key that signed neither', { ...ofOneSize, accused: signedLog(log.origin, 9).key }, 'untrusted'],
    ['two logs', { ...ofOneSize, larger: signedLog('log.example/x', 1).checkpoint(7) }, 'untrusted'],
    ['a rollback of a log key', { ...ofTwoSizes, kind: 'rollback', contradiction: undefined }, 'bad_proof'],
    ['cosignatures in their order', { ...rollback, smaller: cosigned(5, 100), larger: cosigned(9, 200) }, 'bad_proof'],
    ['cosignatures of one second', { ...rollback, smaller: cosigned(5, 100), larger: cosigned(9, 100) }, 'bad_proof'],
    ['a cosignature without a time', { ...rollback, larger: cosigned(9, 0) }, 'bad_proof'],
  ])('of %s convinces nobody', (_, evidence, code) => {
    expect(() => verifyEvidence(evidence)).toThrow(expect.objectContaining({ code }))
  })

  it('with any flipped bit is malformed, or convinces nobody, or is not changed in what it proves', () => {
    const bytes = formatEvidence(ofTwoSizes)
    const proves = (changed: Uint8Array): boolean => {
      try {
        verifyEvidence(parseEvidence(changed))
        return true
      } catch {
        return false
      }
    }
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const changed = bytes.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(proves(changed)).toBe(false)
    }
  })

  it.each([
    ['another header', (text: string) => text.replace('@v1', '@v2')],
    ['another kind', (text: string) => text.replace('fork ', 'spoon ')],
    ['a block more', (text: string) => `${text}\n\n`],
    ['a block less', (text: string) => text.slice(0, text.lastIndexOf('\n\n') + 1)],
    ['a proof without its root', (text: string) => text.replace(/root .*\n/, '')],
    ['carriage returns', (text: string) => text.replaceAll('\n', '\r\n')],
  ])('with %s is malformed', (_, change) => {
    const text = change(new TextDecoder().decode(formatEvidence(ofTwoSizes)))
    expect(() => parseEvidence(new TextEncoder().encode(text))).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})
