/** The published probes of transparency-dev/merkle, most of which must be refused. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verifyConsistency } from '../../src/merkle/consistency.ts'
import { verifyInclusion } from '../../src/merkle/inclusion.ts'
import { verifySubtreeConsistency, verifySubtreeInclusion } from '../../src/merkle/subtree.ts'
import { TlogError } from '../../src/primitives/error.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { sha256 } from '../../src/primitives/sha256.ts'
import { shared } from '../support/shared.ts'

interface Probe {
  readonly name: string
  readonly value: Record<string, unknown>
}

const folder = shared('vectors', 'merkle')

const probes = (kind: string): readonly Probe[] => {
  if (folder === undefined) return []
  const files = readdirSync(join(folder, kind), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.json'),
  )
  // Numbers over 2^53 would be rounded by JSON.parse and pass by luck; they are kept apart as NaN.
  const parse = (text: string): Record<string, unknown> =>
    JSON.parse(
      text.replaceAll(/: (\d{16,})/g, (all, digits: string) => (Number.isSafeInteger(Number(digits)) ? all : ': null')),
    )
  return files.sort().map((name) => ({ name, value: parse(readFileSync(join(folder, kind, name), 'utf8')) }))
}

const bytes = (value: unknown): Hash => new Uint8Array(Buffer.from((value as string | null) ?? '', 'base64')) as Hash
const proofOf = (value: unknown): readonly Hash[] => ((value as string[] | null) ?? []).map(bytes)
const number = (value: unknown): number => (value === null ? Number.NaN : (value as number))

/** Two probes of equal sizes take the text "don't care" for a root and must be accepted; here a root has 32 bytes. */
const withHashes = (value: Record<string, unknown>): Record<string, unknown> => {
  const hashed = (root: unknown): unknown =>
    bytes(root).length === 32 ? root : Buffer.from(sha256(bytes(root))).toString('base64')
  return 'root1' in value ? { ...value, root1: hashed(value['root1']), root2: hashed(value['root2']) } : value
}

const judge = (kind: string, count: number, verify: (value: Record<string, unknown>) => void): void => {
  describe.skipIf(folder === undefined)(kind, () => {
    const all = probes(kind)
    it(`has its ${count} probes`, () => expect(all).toHaveLength(count))
    it.each(all)('$name', ({ value }) => {
      if (value['wantErr'] === true) expect(() => verify(value)).toThrow(TlogError)
      else verify(withHashes(value))
    })
  })
}

judge('inclusion', 98, (p) =>
  verifyInclusion({
    index: number(p['leafIdx']),
    size: number(p['treeSize']),
    leafHash: bytes(p['leafHash']),
    root: bytes(p['root']),
    proof: proofOf(p['proof']),
  }),
)
judge('consistency', 98, (p) =>
  verifyConsistency({
    size1: number(p['size1']),
    size2: number(p['size2']),
    root1: bytes(p['root1']),
    root2: bytes(p['root2']),
    proof: proofOf(p['proof']),
  }),
)
judge('subtreeinclusion', 102, (p) =>
  verifySubtreeInclusion({
    index: number(p['leafIdx']),
    start: number(p['start']),
    end: number(p['end']),
    leafHash: bytes(p['leafHash']),
    subtreeRoot: bytes(p['root']),
    proof: proofOf(p['proof']),
  }),
)
judge('subtreeconsistency', 59, (p) =>
  verifySubtreeConsistency({
    start: number(p['start']),
    end: number(p['end']),
    size: number(p['size']),
    subtreeRoot: bytes(p['root1']),
    root: bytes(p['root2']),
    proof: proofOf(p['proof']),
  }),
)
