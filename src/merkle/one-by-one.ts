/** Leaf and node hashes for many messages, one after the other, over any SHA-256. */
import { HASH_SIZE } from '../primitives/hash.ts'
import { LEAF_PREFIX, NODE_PREFIX } from './hash.ts'

/** Hashes a batch message by message; allocates a view per leaf and nothing else. */
export interface OneByOne {
  /** Writes the leaf hash of `entry` to `out` at `offset`. */
  readonly hashLeaf: (entry: Uint8Array, out: Uint8Array, offset: number) => void
  /** Writes the hash of the node above the two hashes at `pairs[from]` to `out` at `offset`. */
  readonly hashNode: (pairs: Uint8Array, from: number, out: Uint8Array, offset: number) => void
  /** Writes the leaf hash of entry i to `out[32 * i]`. */
  readonly hashLeaves: (entries: readonly Uint8Array[], out: Uint8Array) => void
  /** Writes the node above hashes 2i and 2i + 1 of `pairs` to `out[32 * i]`. */
  readonly hashNodes: (pairs: Uint8Array, out: Uint8Array) => void
}

/** Makes leaf and node hashing of a SHA-256 that writes to a place in an array. */
export const oneByOne = (sha256Into: (data: Uint8Array, out: Uint8Array, offset: number) => void): OneByOne => {
  const leaf = new Uint8Array(2 ** 16)
  const node = new Uint8Array(1 + 2 * HASH_SIZE)
  leaf[0] = LEAF_PREFIX
  node[0] = NODE_PREFIX

  const hashLeaf: OneByOne['hashLeaf'] = (entry, out, offset) => {
    const length = 1 + entry.length
    const message = length <= leaf.length ? leaf.subarray(0, length) : new Uint8Array(length)
    message.set(entry, 1)
    sha256Into(message, out, offset)
  }
  const hashNode: OneByOne['hashNode'] = (pairs, from, out, offset) => {
    // A loop, which takes less time than making a view of 64 bytes.
    for (let i = 0; i < 2 * HASH_SIZE; i++) node[1 + i] = pairs[from + i] as number
    sha256Into(node, out, offset)
  }
  return {
    hashLeaf,
    hashNode,
    hashLeaves: (entries, out) => {
      let offset = 0
      for (const entry of entries) {
        hashLeaf(entry, out, offset)
        offset += HASH_SIZE
      }
    },
    hashNodes: (pairs, out) => {
      for (let offset = 0; offset < out.length; offset += HASH_SIZE) hashNode(pairs, 2 * offset, out, offset)
    },
  }
}
