/** What must hold of simulated witnesses whatever happens, judged from all that ever happened and not from what nodes remember. */
import { verifyConsistency } from '../../src/merkle/consistency.ts'
import type { Evidence } from '../../src/tlog/evidence.ts'
import {
  type Cosignature,
  type Head,
  hasSigned,
  headIn,
  isAgainstLog,
  logKey,
  nameOf,
  type SimNode,
  witnessKeys,
} from './gossip-node.ts'
import { isOneHistory, type NamedTree } from './gossip-trees.ts'

/** Which witness breaks the rules, if one does. */
export interface Roles {
  readonly isLogHonest: boolean
  /** Index of the witness that was rolled back or lies. */
  readonly faulty?: number | undefined
}

/** Why evidence proves nothing, undefined when it does: judged by the letters of the leaves. */
export const flawOf = ({ kind, accused, smaller, larger, contradiction }: Evidence): string | undefined => {
  const [a, b] = [headIn(smaller), headIn(larger)]
  if (!hasSigned(accused, a) || !hasSigned(accused, b)) return 'names a key that did not sign both'
  if (kind === 'rollback') {
    const timeOf = ({ cosigned }: Head): number =>
      cosigned.find(({ witness }) => witnessKeys[witness]?.name === accused.name)?.time ?? 0
    return a.size < b.size && timeOf(a) > timeOf(b) ? undefined : 'is of statements that are both true'
  }
  if (isOneHistory(a.tree, b.tree)) return 'is of two heads of one history'
  if (a.size > b.size) return 'has the larger head first'
  if (a.size === b.size) return contradiction === undefined ? undefined : 'has a proof for heads of one size'
  if (contradiction === undefined) return 'has no proof'
  const { rootInLarger, proof } = contradiction
  try {
    if (a.size > 0) verifyConsistency({ size1: a.size, root1: rootInLarger, size2: b.size, root2: b.root, proof })
    return undefined
  } catch {
    return 'has a proof that leads nowhere'
  }
}

/** The memory of one simulated world. */
export class GossipOracle {
  readonly #roles: Roles
  readonly #cosigned: NamedTree[][] = [[], [], []]
  readonly #cosigners = new Map<NamedTree, Set<number>>()
  readonly #heard: { trees: Set<NamedTree>; statements: { head: Head; by: Cosignature }[] }[] = [0, 1, 2].map(() => ({
    trees: new Set(),
    statements: [],
  }))
  readonly #judged = new WeakSet<Evidence>()
  readonly broken: string[] = []

  constructor(roles: Roles) {
    this.#roles = roles
  }

  /** Takes down a cosignature that was made: never one of two histories, never one of a smaller tree, by whom it should not. */
  cosigned(witness: number, { tree }: Head): void {
    const before = this.#cosigned[witness] ?? []
    if (witness !== this.#roles.faulty) {
      for (const other of before) {
        if (!isOneHistory(other, tree)) this.broken.push(`w${witness} cosigned ${other.leaves} and ${tree.leaves}`)
        if (other.size > tree.size) this.broken.push(`w${witness} went back from ${other.leaves} to ${tree.leaves}`)
      }
    }
    before.push(tree)
    const by = this.#cosigners.get(tree) ?? new Set()
    this.#cosigners.set(tree, by.add(witness))
    this.#judgeQuorums(tree)
  }

  /** Two quorums share a witness that keeps the rules: any two of three, and with one that does not, all three. */
  #judgeQuorums(tree: NamedTree): void {
    const quorum = this.#roles.faulty === undefined ? 2 : 3
    if ((this.#cosigners.get(tree)?.size ?? 0) < quorum) return
    for (const [other, by] of this.#cosigners)
      if (by.size >= quorum && !isOneHistory(other, tree))
        this.broken.push(`${other.leaves} and ${tree.leaves} both have a quorum of ${quorum}`)
  }

  /** Takes down that a node was shown a head. */
  heard(witness: number, head: Head): void {
    const heard = this.#heard[witness]
    heard?.trees.add(head.tree)
    for (const by of head.cosigned) heard?.statements.push({ head, by })
  }

  /** Takes down that a node forgot what it does not have on disk. */
  forgot(witness: number): void {
    this.#heard[witness] = { trees: new Set(), statements: [] }
  }

  /** Judges new evidence: it must prove something, and never against who did nothing. */
  evidenceOf(witness: number, { evidence }: SimNode): void {
    for (const piece of evidence) {
      if (this.#judged.has(piece)) continue
      this.#judged.add(piece)
      const flaw = flawOf(piece)
      if (flaw !== undefined) this.broken.push(`w${witness} keeps evidence that ${flaw}: ${nameOf(piece)}`)
      const { faulty, isLogHonest } = this.#roles
      const isGuilty = piece.accused === logKey ? !isLogHonest : piece.accused === witnessKeys[faulty ?? -1]
      if (!isGuilty) this.broken.push(`w${witness} accuses who did nothing: ${nameOf(piece)}`)
    }
  }

  /**
   * After a round in which the log served the tree `served`: of heads that this node was shown and that cannot both be
   * true, it must hold evidence, when they have one size or the served tree covers both. The same for a witness that said
   * two things of the largest size that it spoke of here, or whose latest word, `lastWords`, takes that back.
   */
  afterRound(witness: number, node: SimNode, served: NamedTree, lastWords: Head | undefined): void {
    if (witness === this.#roles.faulty) return
    const trees = [...(this.#heard[witness]?.trees ?? [])]
    const forked = trees.find((a, i) =>
      trees
        .slice(i + 1)
        .some((b) => !isOneHistory(a, b) && (a.size === b.size || Math.max(a.size, b.size) <= served.size)),
    )
    if (forked !== undefined && !isAgainstLog(node))
      this.broken.push(`w${witness} was shown ${trees.map(({ leaves }) => leaves).join(', ')} and holds no evidence`)
    if (lastWords !== undefined && this.#isTakenBack(witness, lastWords) && !holdsAgainst(node, this.#roles.faulty))
      this.broken.push(
        `w${witness} holds nothing against w${this.#roles.faulty}, which takes back what it said: ${lastWords.tree.leaves}`,
      )
  }

  #isTakenBack(witness: number, lastWords: Head): boolean {
    const { faulty } = this.#roles
    const said = (this.#heard[witness]?.statements ?? []).filter(({ by }) => by.witness === faulty)
    const size = Math.max(-1, ...said.map(({ head }) => head.size))
    const largest = said.filter(({ head }) => head.size === size)
    const first = Math.min(...largest.map(({ by }) => by.time))
    const now = lastWords.cosigned.find(({ witness: by }) => by === faulty)?.time ?? 0
    return new Set(largest.map(({ head }) => head.tree)).size > 1 || (lastWords.size < size && now > first)
  }
}

const holdsAgainst = ({ evidence }: SimNode, witness: number | undefined): boolean =>
  evidence.some(({ accused }) => accused === witnessKeys[witness ?? -1])
