/** Tree hashing in batches (RFC 6962 section 2.1): the fastest way that this machine offers, chosen once and checked. */
import { equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { HASH_SIZE } from '../primitives/hash.ts'
import { sha256Into as nobleSha256Into } from '../primitives/sha256.portable.ts'
import { sha256Into, sha256Provider } from '../primitives/sha256.ts'
import { Batches, type Limits } from './batches.ts'
import { oneByOne } from './one-by-one.ts'

/** Hashes many leaves and nodes per call. */
export interface TreeHasher {
  /** How: four at a time in a WASM kernel, by the platform's own SHA-256, or in plain JavaScript. */
  readonly name: 'wasm-simd' | 'platform' | 'noble'
  /**
   * Writes the leaf hash of entry i to `out[32 * i]`. Throws RangeError unless `out` has 32 bytes for each entry.
   * Entries may not lie in `out`.
   */
  readonly hashLeaves: (entries: readonly Uint8Array[], out: Uint8Array) => void
  /**
   * Writes the node above hashes 2i and 2i + 1 of `pairs` to `out[32 * i]`. Throws RangeError unless `pairs` has 64 bytes
   * for each node and `out` 32. They may share memory if `out` does not begin after `pairs`: a level can be replaced in
   * place by the one above it.
   */
  readonly hashNodes: (pairs: Uint8Array, out: Uint8Array) => void
}

/**
 * Makes the named hasher, or the fastest one here when no name is given. Throws `usage` when this machine lacks the named
 * one or computes wrong hashes with it.
 */
export const openTreeHasher = (name?: TreeHasher['name']): TreeHasher => {
  switch (name) {
    case 'wasm-simd':
      return openKernelHasher()
    case 'platform':
      if (sha256Provider !== name) throw new TlogError('usage', 'tree hasher platform is not to be had in this build')
      return checkingSizes(name, oneByOne(sha256Into))
    case 'noble':
      return checkingSizes(name, oneByOne(nobleSha256Into))
    case undefined:
      try {
        return openKernelHasher()
      } catch {
        return openTreeHasher(sha256Provider)
      }
  }
}

/** The hasher of this process: chosen at the first call, the same from then on. */
export const treeHasher = (): TreeHasher => {
  chosen ??= openTreeHasher()
  return chosen
}

/** Makes the named hasher that of this process. Throws `usage` as openTreeHasher does. */
export const useTreeHasher = (name: TreeHasher['name']): void => {
  chosen = openTreeHasher(name)
}

let chosen: TreeHasher | undefined

type Hashing = Omit<TreeHasher, 'name'>

/**
 * The platform's hash takes longer to start than the kernel and less time per block: with SHA instructions, on Node 20 to
 * 24, they meet at five or six blocks a message and at two or three messages a group. Plain JavaScript is slower always.
 */
const LIMITS: Limits =
  sha256Provider === 'platform'
    ? { mostBlocks: 5, fewestInGroup: 3 }
    : { mostBlocks: Math.ceil((1 + 65_535 + 9) / 64), fewestInGroup: 1 }

const openKernelHasher = (): TreeHasher => {
  const single = oneByOne(sha256Into)
  const batches = Batches.open(single, LIMITS)
  if (batches === undefined)
    throw new TlogError('usage', 'tree hasher wasm-simd needs WebAssembly SIMD, and there is none')
  if (!agree(batches, single))
    throw new TlogError('usage', 'tree hasher wasm-simd computes wrong hashes on this machine')
  return checkingSizes('wasm-simd', batches)
}

/** True when both hash alike: nodes that end in each byte there is, and leaves of 0 to 310 bytes, which is 1 to 5 blocks. */
const agree = (a: Hashing, b: Hashing): boolean => {
  const pairs = new Uint8Array(2 * HASH_SIZE * 256)
  for (let i = 0; i < pairs.length; i++) pairs[i] = i % 64 === 63 ? Math.floor(i / 64) : (i * 151) % 257
  const leaves = Array.from({ length: 32 }, (_, i) => pairs.subarray(i, 11 * i))
  const hashAll = (hashing: Hashing): Uint8Array => {
    const out = new Uint8Array(HASH_SIZE * (256 + leaves.length))
    hashing.hashNodes(pairs, out.subarray(0, HASH_SIZE * 256))
    hashing.hashLeaves(leaves, out.subarray(HASH_SIZE * 256))
    return out
  }
  return equalBytes(hashAll(a), hashAll(b))
}

const checkingSizes = (name: TreeHasher['name'], hashing: Hashing): TreeHasher => ({
  name,
  hashLeaves: (entries, out) => {
    const want = HASH_SIZE * entries.length
    if (out.length !== want) throw new RangeError(`want ${want} bytes for the leaf hashes, got ${out.length}`)
    hashing.hashLeaves(entries, out)
  },
  hashNodes: (pairs, out) => {
    if (pairs.length !== 2 * out.length || out.length % HASH_SIZE !== 0) {
      throw new RangeError(`want 64 bytes of children for each 32 of nodes, got ${pairs.length} for ${out.length}`)
    }
    hashing.hashNodes(pairs, out)
  },
})
