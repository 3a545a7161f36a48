/**
 * A simulated world: no time, no sockets and no signatures, but a log, honest or not, and three witnesses of which one may be
 * rolled back or lie. Things are asked, sent, lost, repeated, reordered and restarted at random, and the oracle judges.
 */
import type { Evidence } from '../../src/tlog/evidence.ts'
import {
  accuse,
  addCheckpoint,
  compareServed,
  type Durable,
  type Head,
  headOf,
  hearHead,
  isAgainstLog,
  type Judgement,
  newNode,
  type Request,
  restarted,
  type SimNode,
} from './gossip-node.ts'
import { GossipOracle, type Roles } from './gossip-oracle.ts'
import { consistencyOf, type NamedTree, treeOf } from './gossip-trees.ts'
import type { Random } from './random.ts'

/** What the log does. */
export const logKinds = ['honest', 'forking', 'rolled back', 'equivocating'] as const

/** What one of the witnesses does. */
export const witnessKinds = ['all honest', 'one rolled back', 'one lying'] as const

/** What the schedule is to be like. */
export interface Plan extends Roles {
  readonly log: (typeof logKinds)[number]
  readonly witness: (typeof witnessKinds)[number]
}

/** A step of one node, as it happened, for who wants to do the same with real ones. */
export type Step =
  | (Ask & { readonly time: number; readonly decision: string })
  | Hear
  | Take
  | { readonly kind: 'compare'; readonly to: number; readonly head: Head }
  | { readonly kind: 'restart' | 'roll back' | 'acknowledge'; readonly to: number }

interface Ask {
  readonly kind: 'ask'
  readonly to: number
  readonly request: Request
}

interface Hear {
  readonly kind: 'hear'
  readonly to: number
  readonly head: Head
}

interface Take {
  readonly kind: 'take'
  readonly to: number
  readonly evidence: Evidence
}

/** What is on its way to a node. */
type Letter = Ask | Hear | Take

/** Trees do not grow over this in a schedule; in the last round they may. */
const maxSize = 10

const indices = [0, 1, 2] as const

/** One world. */
export class World {
  readonly plan: Plan
  readonly nodes: SimNode[] = [newNode, newNode, newNode]
  readonly oracle: GossipOracle
  readonly steps: Step[] = []
  readonly faults = {
    dropped: 0,
    repeated: 0,
    reordered: 0,
    restarts: 0,
    rollbacks: 0,
    lies: 0,
    forks: 0,
    acknowledged: 0,
  }
  readonly #random: Random
  readonly #judge: Judgement
  /** The tips of the histories; an honest log has one. */
  readonly #tips: string[] = ['']
  readonly #signed = new Map<string, NamedTree>([['', treeOf('')]])
  readonly #published = new Map<NamedTree, Head>()
  readonly #backups: Durable[] = []
  #letters: Letter[] = []
  #time = 100

  constructor(plan: Plan, random: Random, judge: Judgement) {
    this.plan = plan
    this.#random = random
    this.#judge = judge
    this.oracle = new GossipOracle(plan)
  }

  /** Takes one step at random. */
  step(): void {
    const random = this.#random
    const roll = random.next()
    if (roll < 0.14) this.#grow()
    else if (roll < 0.19) this.#fork()
    else if (roll < 0.42) this.#ask(random.integer(0, 3))
    else if (roll < 0.7) this.#deliver()
    else if (roll < 0.74) this.#drop()
    else if (roll < 0.82) this.#pull(random.integer(0, 3), random.integer(0, 3))
    else if (roll < 0.89) this.#compare(random.integer(0, 3))
    else if (roll < 0.93) this.#time += random.integer(0, 20)
    else if (roll < 0.96) this.#restart(random.integer(0, 3))
    else if (roll < 0.97) this.#acknowledge(random.integer(0, 3))
    else this.#misbehave()
  }

  /** All that was on its way is lost; then one round of gossip, of all nodes or all but one, while the log serves its tiles. */
  lastRound(): void {
    this.faults.dropped += this.#letters.length
    this.#letters = []
    const largest = Math.max(...[...this.#signed.values()].map(({ size }) => size))
    if (this.#random.next() < 0.9)
      for (const [i, tip] of this.#tips.entries()) {
        this.#tips[i] = tip.padEnd(largest + 1, this.#letter(i))
        this.#sign(i)
      }
    const away = this.#random.next() < 0.3 ? this.#random.integer(0, 3) : undefined
    const connected = indices.filter((i) => i !== away)
    for (const i of connected) {
      for (const j of connected) if (i !== j) this.#pull(i, j)
      this.#compare(i)
      this.#compare(i)
      const faulty = this.plan.faulty
      const lastWords =
        faulty !== undefined && connected.some((j) => j === faulty) ? this.nodes[faulty]?.latest : undefined
      this.oracle.afterRound(i, this.#node(i), this.#newestOf(this.#historyFor(i)), lastWords)
    }
    if (this.plan.log === 'honest') this.#expectService(connected)
  }

  /** An honest log is served by every honest witness, whatever happened before. */
  #expectService(connected: readonly number[]): void {
    for (const to of connected.filter((i) => i !== this.plan.faulty)) {
      const tree = treeOf(this.#tips[0] ?? '')
      const oldSize = this.#node(to).latest?.size ?? 0
      const decision = this.#answer(to, { oldSize, head: headOf(tree), proof: consistencyOf(oldSize, tree.leaves) })
      if (decision !== 'cosign') this.oracle.broken.push(`w${to} does not serve an honest log: ${decision}`)
    }
  }

  #node(i: number): SimNode {
    return this.nodes[i] ?? newNode
  }

  #letter(history: number): string {
    return 'abcdefghij'[history + (this.plan.log === 'rolled back' ? this.faults.forks : 0)] ?? 'z'
  }

  #sign(history: number): void {
    const tree = treeOf(this.#tips[history] ?? '')
    this.#signed.set(tree.leaves, tree)
  }

  #grow(): void {
    const history = this.#random.integer(0, this.#tips.length)
    const tip = this.#tips[history] ?? ''
    if (tip.length >= maxSize) return
    this.#tips[history] = tip + this.#letter(history).repeat(this.#random.integer(1, 3))
    if (this.#random.next() < 0.9) this.#sign(history)
  }

  #fork(): void {
    if (this.plan.log === 'honest' || this.faults.forks >= 3) return
    const from = this.#random.integer(0, this.#tips.length)
    const tip = this.#tips[from] ?? ''
    const begun = tip.slice(0, this.#random.integer(0, tip.length + 1))
    this.faults.forks++
    if (this.plan.log === 'rolled back') this.#tips[0] = begun
    else this.#tips.push(begun + this.#letter(this.#tips.length))
    this.#sign(this.#tips.length - 1)
  }

  /** Which history a node is shown. */
  #historyFor(i: number): number {
    return this.plan.log === 'equivocating' ? i % this.#tips.length : this.#tips.length - 1
  }

  #signedOf(history: number): readonly NamedTree[] {
    const tip = this.#tips[history] ?? ''
    return [...this.#signed.values()].filter(({ leaves }) => tip.startsWith(leaves))
  }

  #newestOf(history: number): NamedTree {
    return this.#signedOf(history).reduce((a, b) => (b.size > a.size ? b : a), treeOf(''))
  }

  #publishedOf(tree: NamedTree): Head {
    return this.#published.get(tree) ?? headOf(tree)
  }

  #ask(to: number): void {
    const random = this.#random
    const history = random.next() < 0.7 ? this.#historyFor(to) : random.integer(0, this.#tips.length)
    const tree = random.next() < 0.7 ? this.#newestOf(history) : random.pick(this.#signedOf(history))
    const latest = this.#node(to).latest
    const oldSize = random.next() < 0.85 ? (latest?.size ?? 0) : random.integer(0, maxSize)
    const isBent = random.next() < 0.1
    const other = random.pick(this.#tips)
    const proof = consistencyOf(oldSize, isBent ? other : tree.leaves)
    this.#send({ kind: 'ask', to, request: { oldSize, head: headOf(tree), proof } })
  }

  #send(letter: Letter): void {
    this.#letters.push(letter)
  }

  #deliver(): void {
    if (this.#letters.length === 0) return
    const at = this.#random.integer(0, this.#letters.length)
    const letter = this.#letters[at]
    if (letter === undefined) return
    if (at > 0) this.faults.reordered++
    if (this.#random.next() < 0.85) this.#letters.splice(at, 1)
    else this.faults.repeated++
    this.#receive(letter)
  }

  #receive(letter: Letter): void {
    if (this.#isLiar(letter.to)) return
    if (letter.kind === 'ask') this.#answer(letter.to, letter.request)
    else if (letter.kind === 'hear') this.#hear(letter.to, letter.head)
    else this.#take(letter.to, letter.evidence)
  }

  #isLiar(i: number): boolean {
    return this.plan.witness === 'one lying' && i === this.plan.faulty
  }

  #drop(): void {
    if (this.#letters.length === 0) return
    this.faults.dropped++
    this.#letters.splice(this.#random.integer(0, this.#letters.length), 1)
  }

  #answer(to: number, request: Request): string {
    const before = this.#node(to)
    const answered = addCheckpoint(this.#judge, before, request, { witness: to, time: this.#time })
    const { node, decision, cosigned } = answered
    this.steps.push({ kind: 'ask', to, request, time: this.#time, decision: decision.kind })
    this.#put(to, node)
    if (cosigned === undefined) return decision.kind
    this.oracle.cosigned(to, cosigned)
    this.oracle.heard(to, cosigned)
    if (node.latest !== before.latest) this.#spread(to, cosigned)
    return decision.kind
  }

  /** A cosigned checkpoint goes to all peers, and the log publishes it with all cosignatures that it has. */
  #spread(from: number, head: Head): void {
    const others = this.#publishedOf(head.tree).cosigned.filter(({ witness }) => witness !== from)
    this.#published.set(head.tree, headOf(head.tree, [...others, ...head.cosigned]))
    for (const to of indices) if (to !== from) this.#send({ kind: 'hear', to, head })
  }

  #put(to: number, node: SimNode): void {
    const before = this.#node(to).evidence
    this.nodes[to] = node
    if (node.evidence === before) return
    this.oracle.evidenceOf(to, node)
    for (const evidence of node.evidence.filter((piece) => !before.includes(piece)))
      for (const peer of indices) if (peer !== to) this.#send({ kind: 'take', to: peer, evidence })
  }

  #hear(to: number, head: Head): void {
    this.steps.push({ kind: 'hear', to, head })
    this.oracle.heard(to, head)
    this.#put(to, hearHead(this.#judge, this.#node(to), head))
  }

  #take(to: number, evidence: Evidence): void {
    this.steps.push({ kind: 'take', to, evidence })
    this.#put(to, accuse(this.#node(to), evidence))
  }

  #pull(to: number, from: number): void {
    if (to === from || this.#isLiar(to)) return
    const { latest, evidence } = this.#node(from)
    if (latest !== undefined) this.#hear(to, latest)
    for (const piece of evidence) this.#take(to, piece)
  }

  #compare(to: number): void {
    if (this.#isLiar(to)) return
    const served = this.#publishedOf(this.#newestOf(this.#historyFor(to)))
    this.steps.push({ kind: 'compare', to, head: served })
    this.oracle.heard(to, served)
    this.#put(to, compareServed(this.#judge, this.#node(to), served))
  }

  /** The witness serves the log again, and must not cosign a fork for that. */
  #acknowledge(to: number): void {
    const node = this.#node(to)
    if (this.#isLiar(to) || !isAgainstLog(node)) return
    this.faults.acknowledged++
    this.steps.push({ kind: 'acknowledge', to })
    this.nodes[to] = { ...node, acknowledged: true }
  }

  #restart(to: number): void {
    if (this.#isLiar(to)) return
    this.faults.restarts++
    this.steps.push({ kind: 'restart', to })
    this.#start(to, this.#node(to))
  }

  #start(to: number, durable: Durable): void {
    this.oracle.forgot(to)
    if (durable.latest !== undefined) this.oracle.heard(to, durable.latest)
    this.#put(to, restarted(this.#judge, durable))
  }

  /** The witness that breaks the rules is backed up or restored, or cosigns whatever it likes at whatever time it likes. */
  #misbehave(): void {
    const { faulty, witness } = this.plan
    if (faulty === undefined) return
    if (witness === 'one rolled back') {
      const backup = this.#random.next() < 0.5 ? undefined : this.#backups.at(-1)
      if (backup === undefined) this.#backups.push(this.#node(faulty))
      else this.#rollBack(faulty, backup)
    } else this.#lie(faulty)
  }

  #rollBack(faulty: number, backup: Durable): void {
    this.faults.rollbacks++
    this.steps.push({ kind: 'roll back', to: faulty })
    this.#start(faulty, backup)
  }

  #lie(faulty: number): void {
    this.faults.lies++
    const tree = this.#random.pick([...this.#signed.values()])
    const head = headOf(tree, [{ witness: faulty, time: this.#random.integer(50, this.#time + 50) }])
    this.nodes[faulty] = { ...this.#node(faulty), latest: head }
    this.oracle.cosigned(faulty, head)
    this.#spread(faulty, head)
  }
}

/** The kinds of log and witness, all combinations in turn. */
export const planOf = (schedule: number, random: Random): Plan => {
  const log = logKinds[schedule % logKinds.length] ?? 'honest'
  const witness = witnessKinds[Math.floor(schedule / logKinds.length) % witnessKinds.length] ?? 'all honest'
  const faulty = witness === 'all honest' ? undefined : random.integer(0, 3)
  return { log, witness, isLogHonest: log === 'honest', faulty }
}
