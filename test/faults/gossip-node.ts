/**
 * A witness as the simulator runs it: the real decisions (decide, see, compare, hear), and around them, without signatures,
 * storage or time of their own, what the shells of src/witness and src/gossip do. Every step takes a state and returns one.
 */
import { compare, type KnownHeads, NO_HEADS, type SeenHead, see } from '../../src/gossip/heads.ts'
import { hear, type Statement } from '../../src/gossip/statements.ts'
import { COSIGNATURE_V1, ED25519 } from '../../src/note/algorithm.ts'
import { type SignerKey, signerKey } from '../../src/note/key.ts'
import { equalHash, type Hash } from '../../src/primitives/hash.ts'
import { type Evidence, forkOfOneSize } from '../../src/tlog/evidence.ts'
import { type Decision, decide } from '../../src/witness/decide.ts'
import { consistencyOf, type NamedTree, treeOf } from './gossip-trees.ts'

/** The functions that are put to the test, so that broken ones can take their place. */
export interface Judgement {
  readonly decide: typeof decide
  readonly see: typeof see
  readonly compare: typeof compare
  readonly hear: typeof hear
}

/** The real ones. */
export const judgement: Judgement = { decide, see, compare, hear }

/** The key of the simulated log. */
export const logKey: SignerKey = signerKey('log.example/simulated', ED25519, new Uint8Array(32).fill(1))

/** The keys of the simulated witnesses. */
export const witnessKeys: readonly SignerKey[] = [0, 1, 2].map((i) =>
  signerKey(`w${i}.example`, COSIGNATURE_V1, new Uint8Array(32).fill(10 + i)),
)

/** A cosignature: by which witness, at which time in seconds. */
export interface Cosignature {
  readonly witness: number
  readonly time: number
}

/** A checkpoint that the log signed, as somebody holds it. */
export interface Head extends SeenHead {
  readonly tree: NamedTree
  readonly cosigned: readonly Cosignature[]
}

const heads = new WeakMap<Uint8Array, Head>()

/** Makes a head; its bytes are no note, they only stand for it. */
export const headOf = (tree: NamedTree, cosigned: readonly Cosignature[] = []): Head => {
  const name = `${tree.leaves} ${cosigned.map(({ witness, time }) => `${witness}@${time}`).join(' ')}`
  const head = { tree, cosigned, size: tree.size, root: tree.root, bytes: new TextEncoder().encode(name) }
  heads.set(head.bytes, head)
  return head
}

/** The head that bytes stand for. */
export const headIn = (bytes: Uint8Array): Head => {
  const head = heads.get(bytes)
  if (head === undefined) throw new Error('these bytes stand for no head')
  return head
}

/** What a witness has on disk. */
export interface Durable {
  readonly latest: Head | undefined
  readonly kept: ReadonlyMap<number, Head>
  readonly evidence: readonly Evidence[]
  /** The operator knows that the log signed two histories, and wants it cosigned all the same. */
  readonly acknowledged: boolean
}

/** A witness. */
export interface SimNode extends Durable {
  readonly known: KnownHeads
  readonly statements: ReadonlyMap<number, Statement>
}

/** A witness that has seen nothing. */
export const newNode: SimNode = {
  latest: undefined,
  kept: new Map(),
  evidence: [],
  acknowledged: false,
  known: NO_HEADS,
  statements: new Map(),
}

/** A request to go from `oldSize` to `head`. */
export interface Request {
  readonly oldSize: number
  readonly head: Head
  readonly proof: readonly Hash[]
}

const sameKey = (a: Evidence['accused'], b: Evidence['accused']): boolean => a.name === b.name && a.keyId === b.keyId

/** True when that key is the log's or one of those that cosigned the head. */
export const hasSigned = (key: Evidence['accused'], { cosigned }: Head): boolean =>
  sameKey(key, logKey) || cosigned.some(({ witness }) => sameKey(key, witnessKeys[witness] ?? logKey))

/** What evidence says, in one line. */
export const nameOf = ({ kind, accused, smaller, larger }: Evidence): string =>
  `${kind} by ${accused.name}: ${headIn(smaller).tree.leaves || '-'} and ${headIn(larger).tree.leaves}`

/** Keeps evidence, as the store does: once, four pieces against a key, and none against who did not sign both. */
export const accuse = (node: SimNode, evidence: Evidence): SimNode => {
  const { accused, smaller, larger } = evidence
  if (![smaller, larger].every((bytes) => hasSigned(accused, headIn(bytes)))) return node
  const isKept = node.evidence.some((other) => nameOf(other) === nameOf(evidence))
  if (isKept || node.evidence.filter((other) => sameKey(other.accused, accused)).length >= 4) return node
  return { ...node, evidence: [...node.evidence, evidence] }
}

const accuseAll = (node: SimNode, make: (accused: SignerKey) => Evidence): SimNode =>
  [logKey, ...witnessKeys].reduce((so, key) => accuse(so, make(key)), node)

/** True when the witness holds evidence against the log. */
export const isAgainstLog = ({ evidence }: Durable): boolean => evidence.some(({ accused }) => sameKey(accused, logKey))

/** Takes a head from anywhere, as `Gossip.hear`. */
export const hearHead = (judge: Judgement, node: SimNode, head: Head): SimNode => {
  let next = node
  for (const { witness, time } of head.cosigned) {
    const { size, root, bytes } = head
    const statement = { witness: witnessKeys[witness] ?? logKey, size, root, time, bytes }
    const { last, evidence } = judge.hear(next.statements.get(witness), statement)
    next = { ...next, statements: new Map(next.statements).set(witness, last) }
    if (evidence !== undefined) next = accuse(next, evidence)
  }
  const kept = next.kept.get(head.size)
  const before = kept === undefined ? next.known : judge.see(next.known, kept).heads
  const { heads: known, verdict } = judge.see(before, head)
  next = { ...next, known }
  if (verdict.kind !== 'fork') return next
  return accuseAll(next, (accused) => forkOfOneSize(accused, verdict.other.bytes, head.bytes))
}

/** Hears what the log serves and compares with its tiles, as a round of the exchange does. */
export const compareServed = (judge: Judgement, node: SimNode, served: Head): SimNode => {
  const heard = hearHead(judge, node, served)
  const { leaves } = served.tree
  const rootAt = (size: number): Hash => treeOf(leaves.slice(0, size)).root
  const { heads: known, contradicted } = judge.compare(heard.known, { size: served.size, rootAt })
  let next: SimNode = { ...heard, known }
  for (const { size, bytes } of contradicted) {
    if (size === served.size) continue
    const contradiction = { rootInLarger: rootAt(size), proof: consistencyOf(size, leaves) }
    const pair = { smaller: bytes, larger: served.bytes }
    next = accuseAll(next, (accused) => ({ kind: 'fork', accused, ...pair, contradiction }))
  }
  return next
}

/** A checkpoint that was cosigned less than so many seconds ago is answered with the same cosignature. */
const repeatSeconds = 5

/** What came of a request; `cosigned` is the checkpoint as the witness keeps it. */
export interface Answered {
  readonly node: SimNode
  readonly decision: Decision
  readonly cosigned?: Head
}

/** Decides on a request and cosigns, as `Witness.addCheckpoint`, at the witness's own time. */
export const addCheckpoint = (judge: Judgement, node: SimNode, request: Request, self: Cosignature): Answered => {
  const { latest } = node
  const { head, oldSize, proof } = request
  const kept = node.kept.get(head.size)
  const isFork = kept !== undefined && !equalHash(kept.root, head.root)
  let next = isFork ? accuse(node, forkOfOneSize(logKey, kept.bytes, head.bytes)) : node
  const decision = judge.decide(latest, { oldSize, tree: head.tree, proof })
  if (decision.kind === 'refused' && typeof decision.fork === 'object' && latest !== undefined) {
    const pair = { smaller: latest.bytes, larger: head.bytes }
    next = accuse(next, { kind: 'fork', accused: logKey, ...pair, contradiction: decision.fork })
  }
  if (decision.kind !== 'cosign') return { node: next, decision }
  const isOwn = next.evidence.some(({ accused }) => accused === witnessKeys[self.witness])
  if (isOwn || (isAgainstLog(next) && !next.acknowledged))
    return { node: next, decision: { kind: 'refused', reason: 'the log, or the witness itself, signed two histories' } }
  const last = latest?.cosigned.find(({ witness }) => witness === self.witness)?.time ?? 0
  const time = Math.max(self.time, last)
  if (latest !== undefined && latest.tree === head.tree && last + repeatSeconds > time)
    return { node: next, decision, cosigned: latest }
  const cosigned = headOf(head.tree, [{ witness: self.witness, time }])
  next = { ...next, latest: cosigned, kept: new Map(next.kept).set(head.size, cosigned) }
  return { node: hearHead(judge, next, cosigned), decision, cosigned }
}

/** Starts from what is on disk. */
export const restarted = (judge: Judgement, { latest, kept, evidence, acknowledged }: Durable): SimNode => {
  const node = { ...newNode, latest, kept, evidence, acknowledged }
  return latest === undefined ? node : hearHead(judge, node, latest)
}
