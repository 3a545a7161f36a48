/** RFC 6962 hashing and signed notes once more, small and apart from the program's own, to judge it by. */
import { createHash, createPublicKey, verify } from 'node:crypto'

const hashOf = (prefix: number, ...parts: readonly Uint8Array[]): Buffer => {
  const hash = createHash('sha256').update(Uint8Array.of(prefix))
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The hash of an entry in the tree. */
export const leafHashOf = (entry: Uint8Array): Buffer => hashOf(0, entry)
const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => hashOf(1, left, right)

/** The root over `hashes`, by the recursive definition. */
export const rootOf = (hashes: readonly Buffer[]): Buffer => {
  if (hashes.length === 0) return createHash('sha256').digest()
  const frontier = new GrowingTree()
  for (const hash of hashes) frontier.push(hash)
  return frontier.root()
}

/** A tree that grows a leaf at a time and knows its root at every size. */
export class GrowingTree {
  /** The roots of the perfect subtrees that make up the tree, from the left, with their heights. */
  readonly #subtrees: { readonly height: number; readonly hash: Buffer }[] = []
  size = 0

  /** Adds a leaf hash on the right. */
  push(hash: Buffer): void {
    let last = { height: 0, hash }
    for (;;) {
      const left = this.#subtrees.at(-1)
      if (left?.height !== last.height) break
      this.#subtrees.pop()
      last = { height: left.height + 1, hash: nodeHash(left.hash, last.hash) }
    }
    this.#subtrees.push(last)
    this.size++
  }

  /** The root of what was added so far. */
  root(): Buffer {
    const hashes = this.#subtrees.map(({ hash }) => hash)
    return hashes.length === 0
      ? createHash('sha256').digest()
      : hashes.reduceRight((right, left) => nodeHash(left, right))
  }
}

/** The hashes of each level of tiles over `leaves`: level 0 are the leaves, level n+1 the roots of the full tiles of n. */
export const tileLevels = (leaves: readonly Buffer[]): readonly (readonly Buffer[])[] => {
  const levels = [leaves]
  for (let level = leaves; level.length >= 256; ) {
    level = Array.from({ length: Math.floor(level.length / 256) }, (_, i) =>
      rootOf(level.slice(256 * i, 256 * i + 256)),
    )
    levels.push(level)
  }
  return levels
}

/** What a checkpoint says. */
export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Buffer
  readonly text: string
}

const ed25519Spki = Buffer.from('302a300506032b6570032100', 'hex')

/** Opens a checkpoint signed by `vkey` (an Ed25519 verifier key). Throws when anything is amiss. */
export const openCheckpoint = (text: string, vkey: string): Checkpoint => {
  const [, name, id, key] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? []
  const raw = Buffer.from(key ?? '', 'base64')
  if (name === undefined || id === undefined || raw[0] !== 1) throw new Error(`not an Ed25519 vkey: ${vkey}`)
  const split = text.lastIndexOf('\n\n')
  const body = text.slice(0, split + 1)
  const signatures = text
    .slice(split + 2)
    .trimEnd()
    .split('\n')
  const line = signatures.find((signature) => {
    const bytes = Buffer.from(signature.split(' ')[2] ?? '', 'base64')
    return signature.startsWith(`— ${name} `) && bytes.subarray(0, 4).toString('hex') === id
  })
  const signature = Buffer.from(line?.split(' ')[2] ?? '', 'base64').subarray(4)
  const publicKey = createPublicKey({ key: Buffer.concat([ed25519Spki, raw.subarray(1)]), format: 'der', type: 'spki' })
  if (!verify(null, Buffer.from(body), publicKey, signature))
    throw new Error(`bad signature on ${JSON.stringify(text)}`)
  const [origin = '', size = '', root = ''] = body.split('\n')
  if (origin !== name || !/^\d+$/.test(size)) throw new Error(`not a checkpoint of ${name}: ${JSON.stringify(text)}`)
  return { origin, size: Number(size), root: Buffer.from(root, 'base64'), text }
}

/** The root that an RFC 6962 inclusion proof leads to. Throws when it has the wrong length. */
export const rootFromInclusion = (proof: {
  readonly index: number
  readonly size: number
  readonly leafHash: Buffer
  readonly hashes: readonly Buffer[]
}): Buffer => {
  const rest = [...proof.hashes]
  const climb = (index: number, size: number): Buffer => {
    if (size === 1) return proof.leafHash
    const half = 2 ** Math.ceil(Math.log2(size) - 1)
    const sibling = rest.pop()
    if (sibling === undefined) throw new Error('the inclusion proof is too short')
    return index < half ? nodeHash(climb(index, half), sibling) : nodeHash(sibling, climb(index - half, size - half))
  }
  const root = climb(proof.index, proof.size)
  if (rest.length > 0) throw new Error('the inclusion proof is too long')
  return root
}
