/** Inconsistency: two checkpoints that one log signed and that cannot both be true, as an error that is evidence. */
import { verifyConsistency } from '../merkle/consistency.ts'
import { EMPTY_ROOT } from '../merkle/hash.ts'
import { parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { openNote, parseNote } from '../note/note.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { equalHash, type Hash } from '../primitives/hash.ts'
import { parseCheckpoint } from '../tlog/checkpoint.ts'
import { type Evidence, forkOfOneSize, withoutOthers } from '../tlog/evidence.ts'
import { verifierOf } from '../tlog/signatures/index.ts'
import { checkpointReader, type Trust } from './trust.ts'

/** Two signed checkpoints of one log, and the proof between them that failed. */
export interface Inconsistency {
  /** The signed checkpoint of the smaller tree, or of two equal sizes the one seen first. */
  readonly older: Uint8Array
  /** The signed checkpoint of the larger tree. */
  readonly newer: Uint8Array
  /**
   * The consistency proof between the two sizes in the tree of `newer`: it leads to the root of `newer`, and to a root of
   * the smaller size that is not that of `older`. Empty when the sizes are equal: then the two roots say it all.
   */
  readonly proof: readonly Hash[]
  /** That root of the smaller size, as the tree of `newer` has it. */
  readonly rootInNewer: Hash
}

/**
 * The log signed two histories. Keep the error: whoever trusts the log's key can check what it carries, without us and
 * without the log.
 */
export class InconsistentError extends TlogError implements Inconsistency {
  override readonly name = 'InconsistentError'
  readonly older: Uint8Array
  readonly newer: Uint8Array
  readonly proof: readonly Hash[]
  readonly rootInNewer: Hash

  constructor(
    message: string,
    { older, newer, proof, rootInNewer }: Inconsistency,
    options?: { readonly cause?: unknown },
  ) {
    super('inconsistent', message, options)
    this.older = older
    this.newer = newer
    this.proof = proof
    this.rootInNewer = rootInNewer
  }
}

/**
 * Checks such evidence as a stranger would: both checkpoints are the log's, and no one tree fits both. Throws `bad_proof`
 * when they may both be true, and as `CheckpointReader.openKept` does when one is not the log's.
 */
export const verifyInconsistency = (evidence: Inconsistency, trust: Trust): void => {
  const reader = checkpointReader(trust)
  // The log's own signatures convict it; nobody else needs to have seen the two heads.
  const older = reader.openKept(evidence.older).checkpoint
  const newer = reader.openKept(evidence.newer).checkpoint
  const { rootInNewer, proof } = evidence
  if (older.origin !== newer.origin || older.size > newer.size || equalHash(older.root, rootInNewer)) {
    throw new TlogError('bad_proof', 'the two checkpoints do not contradict each other')
  }
  if (older.size > 0) {
    verifyConsistency({ size1: older.size, root1: rootInNewer, size2: newer.size, root2: newer.root, proof })
  } else if (!equalHash(rootInNewer, EMPTY_ROOT)) {
    throw new TlogError('bad_proof', 'every tree begins with the empty one')
  }
}

/**
 * The same as a file for everyone (spec/gossip.md): with the pinned key that signed both checkpoints. Undefined when no one
 * key did, as when the log changed its key in between, or when keys are pinned as `verifiers`.
 */
export const evidenceOf = ({ older, newer, proof, rootInNewer }: Inconsistency, trust: Trust): Evidence | undefined => {
  const vkeys = typeof trust.vkey === 'string' ? [trust.vkey] : (trust.vkey ?? [])
  const keys = [...vkeys.map(parseVerifierKey), ...(trust.policy?.logs ?? []).map(({ key }) => key)]
  const accused = keys.find((key) => isSignedBy(key, older) && isSignedBy(key, newer))
  if (accused === undefined) return undefined
  const sizeOf = (bytes: Uint8Array): number => parseCheckpoint(parseNote(bytes).text).size
  if (sizeOf(older) === sizeOf(newer)) return withoutOthers(forkOfOneSize(accused, older, newer))
  const contradiction = { rootInLarger: rootInNewer, proof }
  return withoutOthers({ kind: 'fork', accused, smaller: older, larger: newer, contradiction })
}

const isSignedBy = (key: VerifierKey, bytes: Uint8Array): boolean => {
  try {
    return openNote(bytes, [verifierOf(key)]).verified.length > 0
  } catch (error) {
    if (isTlogError(error)) return false
    throw error
  }
}
