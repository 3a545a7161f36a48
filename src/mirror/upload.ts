/** One upload: each package is proven to be of the checkpoint's tree, and then kept together with a few others. */
import { EMPTY_FRONTIER, frontierRoot, growFrontier } from '../merkle/frontier.ts'
import { treeHasher } from '../merkle/hasher.ts'
import { verifySubtreeConsistency } from '../merkle/subtree.ts'
import { concatBytes } from '../primitives/bytes.ts'
import { HASH_SIZE, type Hash } from '../primitives/hash.ts'
import type { EntryPackage, PackageRange } from '../tlog/protocol/add-entries.ts'
import type { LogCopy } from './log-copy.ts'

/** Packages are kept together up to this many entries or bytes: a sync of the disk for each would take most of the time. */
const MAX_ENTRIES = 2_048
const MAX_BYTES = 1_048_576

const NONE = new Uint8Array(0)

/** A tree by its size and root. */
export interface Tree {
  readonly size: number
  readonly root: Hash
}

/** Owned by one request; any number of them may work on one copy at the same time. */
export class Upload {
  readonly #copy: LogCopy
  readonly #tree: Tree
  #first = 0
  #entries: Uint8Array[] = []
  #leafHashes: Uint8Array[] = []
  #bytes = 0
  #saved = 0

  /** `tree` is that of the checkpoint to which the proofs lead. */
  constructor(copy: LogCopy, tree: Tree) {
    this.#copy = copy
    this.#tree = tree
  }

  /** How many entries were new. */
  get saved(): number {
    return this.#saved
  }

  /** True when enough has come together to be kept. */
  get isFull(): boolean {
    return this.#entries.length >= MAX_ENTRIES || this.#bytes >= MAX_BYTES
  }

  /** Checks a package, which must follow the one before. Rejects with `bad_proof`, and `corrupt`. The entries are kept until `flush`. */
  async add({ subtreeStart, start, end }: PackageRange, { entries, proof }: EntryPackage): Promise<void> {
    // An upload may begin in the middle of a subtree.
    const before = start === subtreeStart ? NONE : await this.#copy.leafHashes({ start: subtreeStart, end: start })
    const leafHashes = new Uint8Array(entries.length * HASH_SIZE)
    treeHasher().hashLeaves(entries, leafHashes)
    // spec: First, it reconstructs the subtree hash based on the received entries and entries already in the log. It then
    // verifies the subtree consistency proof using this hash and the checkpoint at `upload_end`.
    const { frontier } = growFrontier(EMPTY_FRONTIER, concatBytes(before, leafHashes), treeHasher())
    const subtreeRoot = frontierRoot(frontier)
    verifySubtreeConsistency({ start: subtreeStart, end, subtreeRoot, proof, ...this.#tree })
    if (this.#entries.length === 0) this.#first = start
    this.#entries.push(...entries)
    this.#leafHashes.push(leafHashes)
    this.#bytes += entries.reduce((sum, entry) => sum + entry.length, 0)
  }

  /** Resolves when everything that was added is durable. Rejects with `poisoned`. */
  async flush(): Promise<void> {
    if (this.#entries.length === 0) return
    const batch = { first: this.#first, entries: this.#entries, leafHashes: concatBytes(...this.#leafHashes) }
    this.#entries = []
    this.#leafHashes = []
    this.#bytes = 0
    this.#saved += await this.#copy.append(batch)
  }
}
