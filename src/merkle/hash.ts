/** The Merkle Tree Hash of RFC 6962 section 2.1, one leaf or node at a time. For many at once see hasher.ts. */
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import { sha256 } from '../primitives/sha256.ts'

// spec: The hash of an empty list is the hash of an empty string: MTH({}) = SHA-256().
/** The root hash of the empty tree. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array(0))

// spec: The hash of a list with one entry (also known as a leaf hash) is: MTH({d(0)}) = SHA-256(0x00 || d(0)).
/** The first byte of what is hashed for a leaf. */
export const LEAF_PREFIX = 0x00

// spec: For n > 1 [...] MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])).
/** The first byte of what is hashed for a node. */
export const NODE_PREFIX = 0x01

/** The leaf hash of an entry. */
export const hashLeaf = (entry: Uint8Array): Hash => {
  const length = 1 + entry.length
  const message = length <= leafMessage.length ? leafMessage.subarray(0, length) : new Uint8Array(length)
  message[0] = LEAF_PREFIX
  message.set(entry, 1)
  return sha256(message)
}

/** The hash of the node above `left` and `right`. Throws RangeError unless both have 32 bytes. */
export const hashNode = (left: Hash, right: Hash): Hash => {
  // Types erase, and proofs come from strangers: a short array would leave bytes of an earlier node in the message.
  if (left.length !== HASH_SIZE || right.length !== HASH_SIZE) {
    throw new RangeError(`want two hashes of ${HASH_SIZE} bytes, got ${left.length} and ${right.length}`)
  }
  nodeMessage[0] = NODE_PREFIX
  nodeMessage.set(left, 1)
  nodeMessage.set(right, 1 + HASH_SIZE)
  return sha256(nodeMessage)
}

// Messages are put together here, not in new arrays. Nothing waits or calls back, so nobody sees one half made.
const leafMessage = new Uint8Array(2 ** 16)
const nodeMessage = new Uint8Array(1 + 2 * HASH_SIZE)
