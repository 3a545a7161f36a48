/** A log that is only a tree and a key: signs any head it is told to, true or not, for tests of witnesses and gossip. */
import { planConsistency } from '../../src/merkle/consistency.ts'
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import { planSubtreeConsistency } from '../../src/merkle/subtree.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { formatAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'

/** RFC 6962 section 2.1, word for word and slowly. */
const rootOf = (leaves: readonly Hash[]): Hash => {
  const [only] = leaves
  if (only === undefined) return EMPTY_ROOT
  if (leaves.length === 1) return only
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  return hashNode(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)))
}

/** A tree of numbered leaves under one key. */
export interface SignedLog {
  readonly origin: string
  readonly key: SignerKey
  readonly vkey: string
  root(size: number): Hash
  proof(size1: number, size2: number): readonly Hash[]
  subtreeRoot(start: number, end: number): Hash
  subtreeProof(start: number, end: number, size: number): readonly Hash[]
  /** The signed checkpoint of a size; with other lines where given. */
  checkpoint(size: number, other?: { readonly root?: Hash; readonly extensions?: readonly string[] }): Uint8Array
  /** The body of an add-checkpoint request from one size to another. */
  request(oldSize: number, size: number): Uint8Array
  /** The same key over a tree that differs from leaf `from` on. */
  fork(from: number): SignedLog
}

/** Makes a log; equal names and seeds have equal keys, and equal `leaf` functions equal trees. */
export const signedLog = (
  origin = 'log.example/signed',
  seed = 1,
  leaf: (index: number) => string = (index) => `leaf ${index}`,
): SignedLog => {
  const key = signerKey(origin, ED25519, new Uint8Array(32).fill(seed))
  const hashes: Hash[] = []
  const leaves = (start: number, end: number): readonly Hash[] => {
    while (hashes.length < end) hashes.push(hashLeaf(new TextEncoder().encode(leaf(hashes.length))))
    return hashes.slice(start, end)
  }
  const subtreeRoot = (start: number, end: number): Hash => rootOf(leaves(start, end))
  const root = (size: number): Hash => subtreeRoot(0, size)
  const proof = (size1: number, size2: number): readonly Hash[] =>
    size1 === 0 ? [] : planConsistency({ size1, size2 }).map(({ start, end }) => subtreeRoot(start, end))
  const checkpoint: SignedLog['checkpoint'] = (size, other = {}) =>
    signNote(formatCheckpoint({ origin, size, root: other.root ?? root(size), extensions: other.extensions ?? [] }), [
      signerOf(key),
    ])
  return {
    origin,
    key,
    vkey: formatVerifierKey(key),
    root,
    proof,
    subtreeRoot,
    subtreeProof: (start, end, size) =>
      planSubtreeConsistency({ start, end, size }).map((range) => subtreeRoot(range.start, range.end)),
    checkpoint,
    request: (oldSize, size) =>
      formatAddCheckpoint({ oldSize, proof: oldSize > size ? [] : proof(oldSize, size), checkpoint: checkpoint(size) }),
    fork: (from) => signedLog(origin, seed, (index) => (index < from ? leaf(index) : `fork ${index}`)),
  }
}
