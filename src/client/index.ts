/** The client SDK: reading, verifying and adding to transparency logs, in browsers and everywhere else. */

export { type ConsistencyClaim, verifyConsistency } from '../merkle/consistency.ts'
export { EMPTY_ROOT, hashLeaf, hashNode } from '../merkle/hash.ts'
export { type InclusionClaim, rootFromInclusion, verifyInclusion } from '../merkle/inclusion.ts'
export {
  type Algorithm,
  COSIGNATURE_V1,
  ED25519,
  type NoteSigner,
  type NoteVerifier,
  SUBTREE_V1,
} from '../note/algorithm.ts'
export { formatVerifierKey, parseVerifierKey, type VerifierKey } from '../note/key.ts'
export { formatNote, type Note, type NoteSignature, type OpenedNote, openNote, parseNote } from '../note/note.ts'
export { type ErrorCode, isTlogError, TlogError } from '../primitives/error.ts'
export { asHash, equalHash, formatHash, type Hash } from '../primitives/hash.ts'
export {
  type Checkpoint,
  formatCheckpoint,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
} from '../tlog/checkpoint.ts'
export { formatEntryBundle, MAX_ENTRY_SIZE, parseEntryBundle } from '../tlog/entry-bundle.ts'
export {
  type Contradiction,
  type Evidence,
  type EvidenceKind,
  evidenceId,
  formatEvidence,
  type ProvenEvidence,
  parseEvidence,
  verifyEvidence,
} from '../tlog/evidence.ts'
export { formatPolicy, type Policy, type PolicyLog, type PolicyWitness, parsePolicy } from '../tlog/policy.ts'
export { formatProofFile, parseProofFile, type TlogProof } from '../tlog/proof-file.ts'
export {
  type AcceptedCheckpoint,
  type Cosigner,
  checkPolicy,
  isQuorum,
  type PolicyCheck,
  type TimeSpan,
} from '../tlog/quorum.ts'
export { verifierOf } from '../tlog/signatures/index.ts'
export { formatTilePath, parseTilePath, type TileId } from '../tlog/tile.ts'
export type { CheckpointStore } from './heads.ts'
export type { HttpOptions, HttpRequest, Send } from './http.ts'
export { httpSender } from './http.ts'
export { evidenceOf, type Inconsistency, InconsistentError, verifyInconsistency } from './inconsistent.ts'
export { type FollowOptions, LogClient, type LogClientOptions, type LogEntry } from './log-client.ts'
export { Producer, type ProducerOptions, type Receipt } from './producer.ts'
export { type Subject, type VerifiedProof, verifyProofFile } from './receipt.ts'
export type { ResourceCache } from './resource-cache.ts'
export { type BundleId, type CallOptions, httpResources, type LogResources } from './resources.ts'
export { lruTileCache } from './tile-cache.ts'
export { type HashTileId, type TileCache, type TileSource, TileTree, type TreeHead } from './tile-tree.ts'
export {
  type CheckpointReader,
  CLOCK_TOLERANCE,
  checkpointReader,
  type Trust,
  type VerifiedCheckpoint,
} from './trust.ts'
