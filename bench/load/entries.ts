/** Entries of random bytes, no two alike, which cost a load generator next to nothing to make. */
import { randomFillSync } from 'node:crypto'

const POOL = 16 * 2 ** 20

/**
 * Copies slices of a pool of random bytes, which are far enough apart that no compression finds them again, and writes a
 * counter over the first eight bytes of each. The pool is another one in every process.
 */
export class RandomEntries {
  readonly #pool = randomFillSync(Buffer.alloc(POOL))
  readonly #bytes: number
  #count = 0

  /** Entries of `bytes` bytes, from 8 to 65,535. */
  constructor(bytes: number) {
    this.#bytes = bytes
  }

  /** Writes the next entry to `into` at `offset`. */
  write(into: Buffer, offset: number): void {
    const start = (this.#count * this.#bytes) % (POOL - this.#bytes)
    this.#pool.copy(into, offset, start, start + this.#bytes)
    into.writeDoubleBE(this.#count++, offset)
  }
}
