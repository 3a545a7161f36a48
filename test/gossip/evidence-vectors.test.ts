/** The vectors of spec/vectors/evidence.json, which another implementation can be tested with: they are what this one says. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { COSIGNATURE_V1, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { signerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import {
  type Evidence,
  evidenceId,
  forkOfOneSize,
  formatEvidence,
  parseEvidence,
  verifyEvidence,
} from '../../src/tlog/evidence.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { repositoryRoot } from '../support/root.ts'
import { signedLog } from '../support/signed-log.ts'

// The platform's signatures are of another random number each time.
vi.mock('#mldsa44', () => import('../../src/primitives/mldsa44.portable.ts'))

interface Vector {
  readonly title: string
  /** Undefined for what is no evidence. */
  readonly id?: string
  readonly error?: string
  readonly text: string
}

const log = signedLog('log.example/vectors', 1)
const branch = log.fork(3)

const cosigned = (algorithm: number, size: number, time: number): Uint8Array =>
  signNote(formatCheckpoint({ origin: log.origin, size, root: log.root(size), extensions: [] }), [
    signerOf(witness(algorithm), { time }),
  ])
const witness = (algorithm: number) => signerKey('witness.example/w', algorithm, new Uint8Array(32).fill(2))

const twoSizes = (size: number): Evidence => ({
  kind: 'fork',
  accused: log.key,
  smaller: log.checkpoint(size),
  larger: branch.checkpoint(9),
  contradiction: { rootInLarger: branch.root(size), proof: branch.proof(size, 9) },
})
const rollback = (algorithm: number): Evidence => ({
  kind: 'rollback',
  accused: witness(algorithm),
  smaller: cosigned(algorithm, 5, 1_700_000_001),
  larger: cosigned(algorithm, 9, 1_700_000_000),
})

const good: readonly (readonly [string, Evidence])[] = [
  ['fork of one size', forkOfOneSize(log.key, log.checkpoint(7), branch.checkpoint(7))],
  ['fork between two sizes', twoSizes(5)],
  ['fork from a size that is a power of two', twoSizes(4)],
  ['rollback, Ed25519', rollback(COSIGNATURE_V1)],
  ['rollback, ML-DSA-44', rollback(SUBTREE_V1)],
]
const bad: readonly (readonly [string, Evidence])[] = [
  ['the same tree twice', forkOfOneSize(log.key, log.checkpoint(7), log.checkpoint(7))],
  [
    'trees that agree',
    { ...twoSizes(5), larger: log.checkpoint(9), contradiction: { rootInLarger: log.root(5), proof: log.proof(5, 9) } },
  ],
  ['a proof for another tree', { ...twoSizes(5), larger: log.checkpoint(9) }],
  ['another key', { ...twoSizes(5), accused: signedLog('log.example/vectors', 9).key }],
  ['times in their order', { ...rollback(COSIGNATURE_V1), smaller: cosigned(COSIGNATURE_V1, 5, 1_699_999_999) }],
]

const codeOf = (text: string): string | undefined => {
  try {
    verifyEvidence(parseEvidence(new TextEncoder().encode(text)))
    return undefined
  } catch (error) {
    return (error as { readonly code: string }).code
  }
}

const path = join(repositoryRoot, 'spec/vectors/evidence.json')
const made = (): readonly Vector[] => {
  const text = (evidence: Evidence): string => new TextDecoder().decode(formatEvidence(evidence))
  const id = (evidence: Evidence): string => evidenceId(formatEvidence(evidence))
  const carriage = text(twoSizes(5)).replaceAll('\n', '\r\n')
  return [
    ...good.map(([title, evidence]): Vector => ({ title, id: id(evidence), text: text(evidence) })),
    ...bad.map(([title, evidence]): Vector => ({ title, error: codeOf(text(evidence)) ?? '', text: text(evidence) })),
    { title: 'carriage returns', error: codeOf(carriage) ?? '', text: carriage },
  ]
}

describe('[EVID-1] the vectors of evidence', () => {
  it('are those that this program makes (TREEHEAD_WRITE_VECTORS=1 writes them)', () => {
    if (process.env['TREEHEAD_WRITE_VECTORS'] === '1') writeFileSync(path, `${JSON.stringify(made(), undefined, 2)}\n`)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(made())
  })

  it('say what a reader must say', () => {
    const vectors = JSON.parse(readFileSync(path, 'utf8')) as readonly Vector[]
    expect(vectors.map(({ text }) => codeOf(text))).toEqual(vectors.map(({ error }) => error))
    for (const { id, text } of vectors)
      if (id !== undefined) expect(evidenceId(new TextEncoder().encode(text))).toBe(id)
  })
})
