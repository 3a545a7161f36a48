/** Every order of events for two witnesses and a log that signs up to three heads, on all shapes of small trees, to the end. */
import {
  addCheckpoint,
  compareServed,
  type Head,
  headIn,
  headOf,
  hearHead,
  isAgainstLog,
  type Judgement,
  judgement,
  nameOf,
  newNode,
  type Request,
  restarted,
  type SimNode,
} from './gossip-node.ts'
import { flawOf } from './gossip-oracle.ts'
import { consistencyOf, isOneHistory, type NamedTree, treeOf } from './gossip-trees.ts'
import { progress } from './parallel.ts'

/** A witness, and the heads that it was shown since it started. */
interface Seat {
  readonly node: SimNode
  readonly shown: readonly NamedTree[]
}

type State = readonly [Seat, Seat]

/** What was explored. */
export interface Explored {
  readonly shapes: number
  readonly states: number
  readonly transitions: number
  readonly broken: readonly string[]
}

const show = ({ node, shown }: Seat, head: Head, step: (node: SimNode) => SimNode): Seat => ({
  node: step(node),
  shown: shown.includes(head.tree) ? shown : [...shown, head.tree],
})

const leavesOf = (bytes: Uint8Array | undefined): string => (bytes === undefined ? '-' : headIn(bytes).tree.leaves)

const keyOfSeat = ({ node, shown }: Seat): string => {
  const { latest, kept, evidence, known, statements } = node
  return [
    latest?.tree.leaves,
    [...kept.values()].map(({ tree }) => tree.leaves).toSorted(),
    // Each piece was judged when it was found; from then on only who is accused matters.
    new Set(evidence.map(({ accused }) => accused.name)).size,
    // In which order they were seen matters only when there are hundreds.
    known.recent.map(({ bytes }) => leavesOf(bytes)).toSorted(),
    known.unproven.map(({ bytes }) => leavesOf(bytes)).toSorted(),
    leavesOf(known.agreed?.bytes),
    [...statements].map(([witness, { bytes }]) => `${witness}${leavesOf(bytes)}`).toSorted(),
    shown.map(({ leaves }) => leaves).toSorted(),
  ].join(';')
}

/** Explores all states that a log with these heads can bring two witnesses into. */
class Exploration {
  readonly broken: string[] = []
  transitions = 0
  readonly #judge: Judgement
  readonly #heads: readonly Head[]
  readonly #isHonest: boolean
  readonly #seen = new Set<string>()

  constructor(trees: readonly NamedTree[], judge: Judgement) {
    this.#judge = judge
    this.#heads = trees.map((tree) => headOf(tree))
    this.#isHonest = trees.every((a) => trees.every((b) => isOneHistory(a, b)))
  }

  /** Goes through all states, and answers how many there are; ends early when something is broken. */
  run(): number {
    const nothing: Seat = { node: newNode, shown: [] }
    const open: State[] = [[nothing, nothing]]
    for (let state = open.pop(); state !== undefined && this.broken.length === 0; state = open.pop()) {
      for (const next of this.#after(state)) {
        this.transitions++
        // Which of the two it is makes no difference.
        const key = next.map(keyOfSeat).toSorted().join('|')
        if (this.#seen.has(key)) continue
        this.#seen.add(key)
        open.push(next)
      }
    }
    return this.#seen.size
  }

  *#after(state: State): Generator<State> {
    for (const i of [0, 1] as const) {
      const put = (seat: Seat): State => {
        this.#judgeEvidence(state[i], seat)
        return i === 0 ? [seat, state[1]] : [state[0], seat]
      }
      const seat = state[i]
      // It cosigns no more, and nothing that it hears will change its mind.
      if (isAgainstLog(seat.node)) continue
      const said = state[1 - i]?.node.latest
      if (said !== undefined) yield put(show(seat, said, (node) => hearHead(this.#judge, node, said)))
      const { latest } = seat.node
      if (latest !== undefined)
        yield put(show({ node: restarted(this.#judge, seat.node), shown: [] }, latest, (node) => node))
      for (const head of this.#heads) {
        yield put(
          this.#judgeRound(
            show(seat, head, (node) => compareServed(this.#judge, node, head)),
            head.tree,
          ),
        )
        for (const request of this.#requests(seat, head)) yield put(this.#ask(seat, i, request))
      }
    }
  }

  /** To go to a head from where the witness is or from nothing, with the proof of its own tree or of another one. */
  *#requests({ node }: Seat, head: Head): Generator<Request> {
    for (const oldSize of new Set([node.latest?.size ?? 0, 0, head.size]))
      for (const { tree } of this.#heads)
        if (tree.size === head.size || tree === head.tree)
          yield { oldSize, head, proof: consistencyOf(oldSize, tree.leaves) }
  }

  #ask(seat: Seat, i: 0 | 1, request: Request): Seat {
    const { node, cosigned } = addCheckpoint(this.#judge, seat.node, request, { witness: i, time: 1 })
    if (cosigned === undefined) return { node, shown: seat.shown }
    for (const { tree } of seat.node.kept.values()) {
      if (!isOneHistory(tree, cosigned.tree)) this.broken.push(`cosigned ${tree.leaves} and ${cosigned.tree.leaves}`)
      if (tree.size > cosigned.size) this.broken.push(`went back from ${tree.leaves} to ${cosigned.tree.leaves}`)
    }
    return show({ node, shown: seat.shown }, cosigned, (same) => same)
  }

  #judgeEvidence(before: Seat, { node }: Seat): void {
    for (const piece of node.evidence) {
      if (before.node.evidence.includes(piece)) continue
      const flaw = flawOf(piece)
      if (flaw !== undefined) this.broken.push(`evidence ${flaw}: ${nameOf(piece)}`)
      if (this.#isHonest) this.broken.push(`accuses who did nothing: ${nameOf(piece)}`)
    }
  }

  #judgeRound(seat: Seat, served: NamedTree): Seat {
    const covered = seat.shown.filter(({ size }) => size <= served.size)
    const isForked = covered.some((tree) => !isOneHistory(tree, served))
    if (isForked && !isAgainstLog(seat.node))
      this.broken.push(
        `shown ${seat.shown.map(({ leaves }) => leaves).join(', ')}, served ${served.leaves}, no evidence`,
      )
    return seat
  }
}

/** How far to go. */
export interface ExploreOptions {
  /** Leaves in a tree, at most. */
  readonly size: number
  /** Heads that the log signs, at most: 2 or 3. */
  readonly heads: 2 | 3
  readonly judge?: Judgement
}

/** All sets of one to three different trees of up to `size` leaves, but for the names of the leaves. */
const shapes = ({ size, heads }: ExploreOptions): readonly (readonly NamedTree[])[] => {
  let last = ['']
  const all: string[] = []
  for (let i = 0; i < size; i++) {
    last = last.flatMap((leaves) => ['a', 'b', 'c'].map((leaf) => leaves + leaf))
    all.push(...last)
  }
  const found = new Map<string, readonly NamedTree[]>()
  const add = (set: readonly string[]): void => {
    const named = new Map<string, string>()
    // What follows on equal beginnings is named in the order in which it appears.
    const rename = (leaves: string): string =>
      [...leaves].reduce((name, _, i) => {
        const begun = leaves.slice(0, i)
        const siblings = [...named.keys()].filter((other) => other.length === i + 1 && other.startsWith(begun))
        const known = named.get(leaves.slice(0, i + 1)) ?? 'abc'.charAt(siblings.length)
        named.set(leaves.slice(0, i + 1), known)
        return name + known
      }, '')
    const trees = set.toSorted().map(rename)
    found.set(trees.toSorted().join(' '), trees.map(treeOf))
  }
  for (const [i, a] of all.entries()) {
    add([a])
    for (const [j, b] of all.slice(i + 1).entries()) {
      add([a, b])
      if (heads === 3) for (const c of all.slice(i + j + 2)) add([a, b, c])
    }
  }
  return [...found.values()]
}

/** Explores all shapes of trees that small. */
export const explore = (options: ExploreOptions): Explored => {
  const broken: string[] = []
  let states = 0
  let transitions = 0
  const all = shapes(options)
  for (const [i, trees] of all.entries()) {
    const exploration = new Exploration(trees, options.judge ?? judgement)
    states += exploration.run()
    transitions += exploration.transitions
    const names = trees.map(({ leaves }) => leaves).join(', ')
    broken.push(...exploration.broken.map((what) => `${what} (heads ${names})`))
    progress(`witness-sim: ${i + 1} of ${all.length} shapes explored`)
  }
  return { shapes: all.length, states, transitions, broken }
}
