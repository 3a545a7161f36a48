/** Receipts: proof files verified offline, against the entry's own bytes and pinned keys alone. */
import { hashLeaf } from '../merkle/hash.ts'
import { verifyInclusion } from '../merkle/inclusion.ts'
import type { Hash } from '../primitives/hash.ts'
import { parseProofFile } from '../tlog/proof-file.ts'
import type { Cosigner } from '../tlog/quorum.ts'
import { checkpointReader, type Trust, type VerifiedCheckpoint } from './trust.ts'

/** The entry that a proof must be about: its bytes, or its leaf hash when only that is known. */
export type Subject = { readonly entry: Uint8Array } | { readonly leafHash: Hash }

/** What a proof file says, after all of it was verified but `extra`. */
export interface VerifiedProof {
  /** Where the entry is in the log. */
  readonly index: number
  readonly leafHash: Hash
  /** Of the tree that it was proven in. */
  readonly size: number
  readonly root: Hash
  readonly origin: string
  readonly checkpoint: VerifiedCheckpoint
  /** The witnesses of the policy that cosigned, within the time asked for; empty without a policy. */
  readonly cosigners: readonly Cosigner[]
  /** Data of the application that nothing vouches for. */
  readonly extra?: Uint8Array | undefined
}

/**
 * Verifies a proof file without the network: that a log which is trusted has signed a tree with this entry in it. Says
 * nothing about consistency with other checkpoints of that log. Throws
 *
 * - `malformed` or `too_large`   the file, its checkpoint or a vkey is not in its form
 * - `wrong_origin`               the checkpoint is of another log
 * - `bad_signature`              a signature by a known key does not verify
 * - `untrusted`                  the log's key did not sign, or the policy's quorum is not met within the time asked for
 * - `bad_proof`                  the checkpoint is good, but this entry is not what the proof is about
 * - TypeError                    for a trust without keys, or a time without a quorum
 */
export const verifyProofFile = (bytes: Uint8Array, claim: Subject & Trust): VerifiedProof => {
  const { index, proof, extra, checkpoint: signed } = parseProofFile(bytes)
  const checkpoint = checkpointReader(claim).open(signed)
  const leafHash = 'entry' in claim ? hashLeaf(claim.entry) : claim.leafHash
  const { origin, size, root } = checkpoint.checkpoint
  verifyInclusion({ index, size, root, leafHash, proof })
  return { index, leafHash, size, root, origin, checkpoint, cosigners: checkpoint.cosigners, ...(extra && { extra }) }
}
