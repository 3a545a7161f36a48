/** Logs that do nothing but grow: their signed heads and the proofs between them, as updates for a witness. */
import { createHash } from 'node:crypto'
import { planConsistency } from '../../src/merkle/consistency.ts'
import { hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import { coveringNodes, type LeafRange } from '../../src/merkle/node.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { formatAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'

/** So many logs, told apart by a number in their names. */
export interface LogSet {
  readonly name: string
  readonly count: number
}

const keyOf = ({ name }: LogSet, i: number): SignerKey => {
  const origin = `${name}.example/${i}`
  return signerKey(origin, ED25519, createHash('sha256').update(origin).digest())
}

const keysOf = (set: LogSet): readonly SignerKey[] => Array.from({ length: set.count }, (_, i) => keyOf(set, i))

/** What a witness is told of them. */
export const vkeysOf = (set: LogSet): readonly string[] => keysOf(set).map(formatVerifierKey)

/** Entries that each update adds: so proofs are as long as those of logs that grow, and no leaf is hashed for them. */
const STEP = 256
const STEP_LEVEL = 8

/** One tree for all of the logs, whose nodes of level 8 are made up. */
class SharedTree {
  readonly #nodes = new Map<string, Hash>()
  readonly #proofs = new Map<number, readonly Hash[]>()

  #node(level: number, index: number): Hash {
    const id = `${level} ${index}`
    const known = this.#nodes.get(id)
    if (known !== undefined) return known
    const made =
      level === STEP_LEVEL
        ? hashLeaf(encodeUtf8(String(index)))
        : hashNode(this.#node(level - 1, 2 * index), this.#node(level - 1, 2 * index + 1))
    this.#nodes.set(id, made)
    return made
  }

  /** The root over leaves that a node of the tree covers with nothing to its left. */
  root(range: LeafRange): Hash {
    const hashes = coveringNodes(range).map(({ level, index }) => this.#node(level, index))
    return hashes.reduceRight((right, left) => hashNode(left, right))
  }

  /** From `round` steps to one more. */
  proof(round: number): readonly Hash[] {
    const known = this.#proofs.get(round)
    if (known !== undefined) return known
    const sizes = { size1: round * STEP, size2: (round + 1) * STEP }
    const made = round === 0 ? [] : planConsistency(sizes).map((range) => this.root(range))
    this.#proofs.set(round, made)
    return made
  }
}

interface GrowingLog {
  readonly key: SignerKey
  /** Updates that were cosigned. */
  rounds: number
}

/** Hands out updates of the logs in turn, never two of one log at a time. */
export class Updates {
  readonly #tree = new SharedTree()
  readonly #idle: GrowingLog[]

  /** Every log has been cosigned `rounds` times before. */
  constructor(set: LogSet, rounds: number) {
    this.#idle = keysOf(set).map((key) => ({ key, rounds }))
  }

  /** The body of the next add-checkpoint request, and what to call once that is answered with a cosignature. */
  next(): { readonly body: Uint8Array; readonly cosigned: () => void } {
    const log = this.#idle.shift()
    if (log === undefined) throw new Error('more requests at a time than logs')
    const size = (log.rounds + 1) * STEP
    const root = this.#tree.root({ start: 0, end: size })
    const text = formatCheckpoint({ origin: log.key.name, size, root, extensions: [] })
    const checkpoint = signNote(text, [signerOf(log.key)])
    const body = formatAddCheckpoint({ oldSize: log.rounds * STEP, proof: this.#tree.proof(log.rounds), checkpoint })
    const cosigned = (): void => {
      log.rounds++
      this.#idle.push(log)
    }
    return { body, cosigned }
  }
}
