/** Every proof of every tree up to 130 leaves, against the literal recursion, and every flipped bit of a proof refused. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { planConsistency, verifyConsistency } from '../../src/merkle/consistency.ts'
import { EMPTY_FRONTIER, type Frontier, frontierRoot, growFrontier } from '../../src/merkle/frontier.ts'
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import { openTreeHasher } from '../../src/merkle/hasher.ts'
import { planInclusion, verifyInclusion } from '../../src/merkle/inclusion.ts'
import { coveringNodes, type LeafRange } from '../../src/merkle/node.ts'
import {
  isSubtree,
  planSubtreeConsistency,
  planSubtreeInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from '../../src/merkle/subtree.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { TlogError } from '../../src/primitives/error.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { MTH, PATH, PROOF } from './reference.ts'

const MAX = 130
const leaves = Array.from({ length: MAX }, (_, i) => Uint8Array.of(i))
const leafHashes = leaves.map(hashLeaf)

/** The hash of a perfect subtree, remembered. */
const nodes = new Map<string, Hash>()
const node = (level: number, index: number): Hash => {
  const name = `${level}/${index}`
  const known = nodes.get(name)
  if (known !== undefined) return known
  const hash = level === 0 ? leafHashes[index]! : hashNode(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))
  nodes.set(name, hash)
  return hash
}
const rootOf = (range: LeafRange): Hash =>
  coveringNodes(range)
    .map(({ level, index }) => node(level, index))
    .reduceRight<Hash | undefined>((right, left) => (right === undefined ? left : hashNode(left, right)), undefined) ??
  EMPTY_ROOT
const proofOf = (ranges: readonly LeafRange[]): readonly Hash[] => ranges.map(rootOf)

/** What the published accumulated vectors fold: one line of text for each valid input. */
const folded = (lines: Iterable<string>): string => {
  const hash = createHash('sha256')
  for (const line of lines)
    hash.update(`${line}
`)
  return hash.digest('hex')
}
const hex = (hashes: readonly Hash[]): string => hashes.map((hash) => ` ${Buffer.from(hash).toString('hex')}`).join('')

/** Every change of one bit, and every change of length, must be refused. */
const expectRefused = (proof: readonly Hash[], verify: (proof: readonly Hash[]) => void, stride: number): void => {
  for (let bit = 0; bit < proof.length * 256; bit += stride) {
    const bad = proof.map((hash) => hash.slice() as Hash)
    bad[Math.floor(bit / 256)]![Math.floor(bit / 8) % 32]! ^= 1 << (bit % 8)
    expect(() => verify(bad)).toThrow(TlogError)
  }
  expect(() => verify([...proof, leafHashes[0]!])).toThrow(TlogError)
  if (proof.length > 0) expect(() => verify(proof.slice(1))).toThrow(TlogError)
}

describe('[MERKLE-1] the tree is that of RFC 6962', () => {
  it('frontier, grown in any steps, has the root of the recursion', () => {
    const hasher = openTreeHasher()
    for (let size = 0; size <= MAX; size++) {
      const want = MTH(leaves.slice(0, size))
      for (const step of [1, 3, 64, 130]) {
        let frontier: Frontier = EMPTY_FRONTIER
        for (let at = 0; at < size; at += step) {
          frontier = growFrontier(
            frontier,
            concatBytes(...leafHashes.slice(at, Math.min(size, at + step))),
            hasher,
          ).frontier
        }
        expect(Buffer.from(frontierRoot(frontier)).equals(want)).toBe(true)
      }
    }
  })
})

describe('[MERKLE-2] inclusion', () => {
  it('every (index, size) up to 130 has the proof of the recursion, which verifies', () => {
    for (let size = 1; size <= MAX; size++) {
      const root = rootOf({ start: 0, end: size })
      for (let index = 0; index < size; index++) {
        const proof = proofOf(planInclusion({ index, size }))
        verifyInclusion({ index, size, leafHash: leafHashes[index]!, root, proof })
        // The recursion is slow; every size is checked at its edges, and all indices for every eighth size.
        if (size % 8 === 1 || index === 0 || index === size - 1)
          expect(proof.map((h) => [...h])).toEqual(PATH(index, leaves.slice(0, size)).map((h) => [...h]))
      }
    }
  })

  it('no flipped bit and no other length is accepted', () => {
    for (const size of [1, 2, 3, 7, 8, 13, 64, 65, 130]) {
      const root = rootOf({ start: 0, end: size })
      for (let index = 0; index < size; index += size > 20 ? 11 : 1) {
        const claim = { index, size, leafHash: leafHashes[index]!, root }
        expectRefused(proofOf(planInclusion({ index, size })), (proof) => verifyInclusion({ ...claim, proof }), 7)
        const proof = proofOf(planInclusion({ index, size }))
        for (const other of [index - 1, index + 1, index + size]) {
          if (other !== index) expect(() => verifyInclusion({ ...claim, index: other, proof })).toThrow(TlogError)
        }
      }
    }
  })
})

describe('[MERKLE-3] consistency', () => {
  it('every (size1, size2) up to 130 has the proof of the recursion, which verifies', () => {
    for (let size2 = 1; size2 <= MAX; size2++) {
      for (let size1 = 1; size1 <= size2; size1++) {
        const proof = proofOf(planConsistency({ size1, size2 }))
        const [root1, root2] = [rootOf({ start: 0, end: size1 }), rootOf({ start: 0, end: size2 })]
        verifyConsistency({ size1, size2, root1, root2, proof })
        if (size2 % 13 === 0 || size2 < 20)
          expect(proof.map((h) => [...h])).toEqual(PROOF(size1, leaves.slice(0, size2)).map((h) => [...h]))
        if (size1 < size2 && size2 % 10 === 0)
          expect(() => verifyConsistency({ size1, size2, root1: root2, root2, proof })).toThrow(TlogError)
      }
    }
  })

  it('no flipped bit and no other length is accepted', () => {
    for (const [size1, size2] of [
      [1, 2],
      [3, 7],
      [4, 8],
      [6, 8],
      [64, 130],
      [65, 130],
      [129, 130],
    ] as const) {
      const claim = { size1, size2, root1: rootOf({ start: 0, end: size1 }), root2: rootOf({ start: 0, end: size2 }) }
      expectRefused(proofOf(planConsistency({ size1, size2 })), (proof) => verifyConsistency({ ...claim, proof }), 5)
    }
  })

  it('the empty tree proves nothing', () => {
    expect(() => planConsistency({ size1: 0, size2: 3 })).toThrow(TlogError)
    expect(() =>
      verifyConsistency({ size1: 0, size2: 3, root1: leafHashes[0]!, root2: leafHashes[0]!, proof: [] }),
    ).toThrow(TlogError)
  })
})

describe('[MERKLE-4] subtrees', () => {
  it('every subtree of every tree up to 40 is proven to be part of it, and its leaves part of the subtree', () => {
    for (let size = 1; size <= 40; size++) {
      const root = rootOf({ start: 0, end: size })
      for (let start = 0; start < size; start++) {
        for (let end = start + 1; end <= size; end++) {
          if (start % 2 ** Math.ceil(Math.log2(end - start)) !== 0) {
            expect(() => planSubtreeConsistency({ start, end, size })).toThrow(TlogError)
            continue
          }
          const subtreeRoot = rootOf({ start, end })
          const proof = proofOf(planSubtreeConsistency({ start, end, size }))
          verifySubtreeConsistency({ start, end, size, subtreeRoot, root, proof })
          expect(() =>
            verifySubtreeConsistency({ start, end, size, subtreeRoot: leafHashes[size]!, root, proof }),
          ).toThrow(TlogError)
          const path = proofOf(planSubtreeInclusion({ index: start, start, end }))
          verifySubtreeInclusion({ index: start, start, end, leafHash: leafHashes[start]!, subtreeRoot, proof: path })
        }
      }
    }
  })
})

describe('[MERKLE-4] the accumulated vectors of draft-ietf-plants-merkle-tree-certs', () => {
  const ranges = function* (most: number): Iterable<LeafRange> {
    for (let end = 0; end <= most; end++)
      for (let start = 0; start <= end; start++) if (isSubtree({ start, end })) yield { start, end }
  }

  it('subtree hashes', () => {
    const lines = [...ranges(MAX)].map((range) => `[${range.start}, ${range.end}) ${hex([rootOf(range)]).trim()}`)
    expect(folded(lines)).toBe('b82806ad4265bb151c1119c0f4db437bb4d1a1f887b3a7fba1cd4ebf552e3e81')
  })

  it('subtree inclusion proofs', () => {
    const lines = function* (): Iterable<string> {
      for (const { start, end } of ranges(MAX)) {
        for (let index = start; index < end; index++) {
          yield `${index} [${start}, ${end})${hex(proofOf(planSubtreeInclusion({ index, start, end })))}`
        }
      }
    }
    expect(folded(lines())).toBe('ac2a8f989e44d99e399db448050ff5f19757df53cfb716aa81015d3955d8163f')
  })

  it('subtree consistency proofs', () => {
    const lines = function* (): Iterable<string> {
      for (let size = 0; size <= MAX; size++) {
        for (const { start, end } of ranges(size)) {
          yield `[${start}, ${end}) ${size}${hex(proofOf(planSubtreeConsistency({ start, end, size })))}`
        }
      }
    }
    expect(folded(lines())).toBe('10fa99b37bf9bf9ffa26b412fbd98bd75363256d0b75d61bc4538b9c9c5a0a74')
  })
})

describe('[MERKLE-5] sizes up to 2^53-1', () => {
  it.each([2 ** 31, 2 ** 32 - 1, 2 ** 32 + 1, 2 ** 40 + 12_345, 2 ** 53 - 1])(
    'plans proofs in a tree of size %d',
    (size) => {
      for (const index of [0, 1, Math.floor(size / 2), size - 2, size - 1]) {
        const ranges = planInclusion({ index, size })
        // The siblings and the leaf itself tile the whole tree.
        const covered = [...ranges, { start: index, end: index + 1 }].sort((a, b) => a.start - b.start)
        expect(covered[0]?.start).toBe(0)
        expect(covered.at(-1)?.end).toBe(size)
        for (let i = 1; i < covered.length; i++) expect(covered[i]?.start).toBe(covered[i - 1]?.end)
      }
      expect(coveringNodes({ start: 0, end: size }).reduce((sum, { level }) => sum + 2 ** level, 0)).toBe(size)
    },
  )

  it.each([-1, 0.5, 2 ** 53, Number.NaN])('refuses %d as a size or an index', (bad) => {
    expect(() => planInclusion({ index: bad, size: 10 })).toThrow(TlogError)
    expect(() => planInclusion({ index: 0, size: bad })).toThrow(TlogError)
  })
})
