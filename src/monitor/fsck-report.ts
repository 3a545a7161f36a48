/** What a check of a log found: the first hundred problems in the order of the log, and how many there are. */

/** What is wrong: `checkpoint`, `root` (the tree is not the signed one), an `entry`, a `tile`, a `key` of the index, a `stray`. */
export type ProblemKind = 'checkpoint' | 'root' | 'entry' | 'tile' | 'key' | 'stray'

/** One thing that is wrong. */
export interface Problem {
  readonly kind: ProblemKind
  /** The index of the entry or key, the path of the tile, or the size of the checkpoint or tree. */
  readonly at: number | string
  readonly message: string
}

/** The verdict. */
export interface FsckReport {
  /** True when nothing is wrong: everything that was checked is what the signed checkpoint says. */
  readonly ok: boolean
  /** Of the tree that was checked. */
  readonly size: number
  /** The signed checkpoint as it was found, if it was. */
  readonly checkpoint?: Uint8Array | undefined
  readonly checked: Checked
  /** How many problems there are; the list ends at `MAX_PROBLEMS`. */
  readonly count: number
  /** In the order of the log, so that the first is the first bad place. */
  readonly problems: readonly Problem[]
}

/** How much was looked at. */
export interface Checked {
  readonly entries: number
  readonly tiles: number
  readonly keys: number
  /** Checkpoints that were given or are kept, and were compared with the tree. */
  readonly heads: number
}

/** Problems a report lists. */
export const MAX_PROBLEMS = 100

/** Gathers what a check finds. */
export class Findings {
  #count = 0
  #list: { readonly problem: Problem; readonly leaf: number }[] = []

  get count(): number {
    return this.#count
  }

  /** Adds a problem. `leaf` is the first index that it concerns, by which problems are put in order. */
  add(problem: Problem, leaf: number): void {
    this.#count++
    this.#list.push({ problem, leaf })
    // Sorted and cut now and then, because a lost disk has more problems than memory.
    if (this.#list.length > 10 * MAX_PROBLEMS) this.#list = this.#first()
  }

  /** The first problems, in the order of the log. */
  get problems(): readonly Problem[] {
    return this.#first().map(({ problem }) => problem)
  }

  #first() {
    return this.#list.toSorted((a, b) => a.leaf - b.leaf).slice(0, MAX_PROBLEMS)
  }
}
