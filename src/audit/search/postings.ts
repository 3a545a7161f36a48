/** Postings in memory: for each term the events that have it, as chains in flat arrays, since most terms have one event. */

/** Terms by number, from 0, and the offsets of the events that have them. */
export class Postings {
  // Place 0 of the chains is none.
  #offsets = new Uint16Array(65_536)
  #before = new Uint32Array(65_536)
  #used = 1
  // For each term the place of its last event, and how many there are.
  #last = new Uint32Array(4_096)
  #counts = new Uint16Array(4_096)
  #terms = 0

  /** Makes a term that no event has. */
  newTerm(): number {
    if (this.#terms === this.#last.length) {
      this.#last = grown(this.#last, new Uint32Array(2 * this.#terms))
      this.#counts = grown(this.#counts, new Uint16Array(2 * this.#terms))
    }
    return this.#terms++
  }

  /** Adds an event to a term, once. Events come in the order of their offsets. */
  add(term: number, offset: number): void {
    const last = this.#last[term] ?? 0
    if (last !== 0 && this.#offsets[last] === offset) return
    if (this.#used === this.#offsets.length) {
      this.#offsets = grown(this.#offsets, new Uint16Array(2 * this.#used))
      this.#before = grown(this.#before, new Uint32Array(2 * this.#used))
    }
    this.#offsets[this.#used] = offset
    this.#before[this.#used] = last
    this.#last[term] = this.#used++
    this.#counts[term] = (this.#counts[term] ?? 0) + 1
  }

  /** The offsets of the events that have a term, ascending. */
  offsetsOf(term: number): Uint16Array {
    const offsets = new Uint16Array(this.#counts[term] ?? 0)
    let place = this.#last[term] ?? 0
    for (let i = offsets.length - 1; i >= 0; i--) {
      offsets[i] = this.#offsets[place] ?? 0
      place = this.#before[place] ?? 0
    }
    return offsets
  }
}

const grown = <T extends Uint16Array | Uint32Array>(from: T, to: T): T => {
  to.set(from)
  return to
}
