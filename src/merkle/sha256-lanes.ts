/**
 * SHA-256 (FIPS 180-4) of four messages at once, as WASM SIMD code.
 *
 * A vector holds the same 32-bit word of four messages, so that each instruction works for four hashes:
 *
 *     lane          0           1           2           3
 *             +-----------+-----------+-----------+-----------+
 *     state   |     a     |     a     |     a     |     a     |    8 vectors, a to h
 *             |    ...    |    ...    |    ...    |    ...    |
 *     words   |    W0     |    W0     |    W0     |    W0     |    16 vectors: the schedule's last 16 words
 *             |    ...    |    ...    |    ...    |    ...    |
 *             +-----------+-----------+-----------+-----------+
 *               message 0   message 1   message 2   message 3
 *
 * In memory each message is in one piece: blocks are transposed on their way in, hashes on their way out.
 */
import { type Code, each, get, i32, type Local, type Locals, repeatWhile, set, v128 } from './wasm.ts'

/** Writes the code of one function that hashes in lanes, and holds the numbers of its variables. */
export class Sha256Lanes {
  /** The first of four addresses, one per lane: where the lane's next block lies, or the words for its next rounds. */
  readonly pointers: Local
  /** The first of 16 vectors: W0 to W15 of the block at hand. */
  readonly words: Local
  readonly #state: Local
  readonly #before: Local
  readonly #sum: Local
  readonly #pairs: Local
  readonly #scratch: Local
  readonly #counter: Local

  constructor(locals: Locals) {
    this.pointers = locals.i32(4)
    this.words = locals.v128(16)
    this.#state = locals.v128(8)
    this.#before = locals.v128(8)
    this.#sum = locals.v128()
    this.#pairs = locals.v128(2)
    this.#scratch = locals.v128(8)
    this.#counter = locals.i32()
  }

  /** Begins four new hashes. */
  start(): Code {
    return INITIAL_STATE.map((value, i) => set(this.#state + i, v128.constant(value)))
  }

  /** Reads the 64 bytes at each pointer into `words`. */
  loadBlock(): Code {
    const row = (lane: number, offset: number): Code => swapBytes(v128.load(get(this.pointers + lane), offset))
    return each(4, (i) => this.#transpose((lane) => row(lane, 16 * i), this.words + 4 * i))
  }

  /** Hashes the block in `words`. ROUND_CONSTANTS must lie at the address `constants`. */
  compress(constants: number): Code {
    const row = this.#counter // the address of the constants of 16 rounds
    const sixteenRounds = (prepare: (i: number) => Code): Code =>
      each(16, (i) => [prepare(i), this.#round(i, v128.add(get(this.words + i), v128.loadSplat(get(row), 4 * i)))])
    const nextRow = set(row, i32.add(get(row), i32.constant(64)))
    return this.#addingState([
      set(row, i32.constant(constants)),
      sixteenRounds(() => []),
      nextRow,
      // A loop, since V8 gives up on good register allocation in functions of more than 8,192 values: 64 rounds written
      // one after the other and the same for the second block take half as long again.
      repeatWhile(i32.notEqual(get(row), i32.constant(constants + 256)), [
        sixteenRounds((i) => this.#extendWords(i)),
        nextRow,
      ]),
    ])
  }

  /** Hashes the block of which the 64 sums W + K lie at each pointer, and moves the pointers behind them. */
  compressReady(): Code {
    const left = this.#counter
    const fourRounds = (i: number): Code => [
      this.#transpose((lane) => v128.load(get(this.pointers + lane), 4 * i), this.words),
      each(4, (j) => this.#round(i + j, get(this.words + j))),
    ]
    return this.#addingState([
      set(left, i32.constant(8)),
      repeatWhile(get(left), [
        fourRounds(0),
        fourRounds(4),
        each(4, (lane) => set(this.pointers + lane, i32.add(get(this.pointers + lane), i32.constant(32)))),
        set(left, i32.add(get(left), i32.constant(-1))),
      ]),
    ])
  }

  /** Writes the four hashes, one after the other, to the address in `out`. */
  storeHashes(out: Local): Code {
    const half = (i: number): Code => [
      this.#transpose((row) => get(this.#state + 4 * i + row), this.words),
      each(4, (lane) => v128.store(get(out), 32 * lane + 16 * i, swapBytes(get(this.words + lane)))),
    ]
    return each(2, half)
  }

  /** The rounds of a block; its result is their outcome added to the state before them. */
  #addingState(rounds: Code): Code {
    const [b, c] = [this.#state + 1, this.#state + 2]
    return [
      each(8, (i) => set(this.#before + i, get(this.#state + i))),
      set(this.#pairs + 1, v128.xor(get(b), get(c))),
      rounds,
      each(8, (i) => set(this.#state + i, v128.add(get(this.#state + i), get(this.#before + i)))),
    ]
  }

  /** Round i of 8. Nothing moves from a to b, b to c and so on: instead the names move one vector back each round. */
  #round(i: number, wordAndConstant: Code): Code {
    const name = (place: number): Local => this.#state + ((place + 64 - i) % 8)
    const [a, b, d, e, f, g, h] = [name(0), name(1), name(3), name(4), name(5), name(6), name(7)]
    // b ^ c is what the round before knew as a ^ b.
    const [ab, bc] = [this.#pairs + (i % 2), this.#pairs + ((i + 1) % 2)]
    const choose = v128.xor(get(g), v128.and(get(e), v128.xor(get(f), get(g))))
    const majority = v128.xor(get(b), v128.and(get(ab), get(bc)))
    return [
      set(this.#sum, v128.add(get(h), wordAndConstant, choose, bigSigma(e, 6, 11, 25))),
      set(d, v128.add(get(d), get(this.#sum))),
      set(ab, v128.xor(get(a), get(b))),
      set(h, v128.add(get(this.#sum), bigSigma(a, 2, 13, 22), majority)),
    ]
  }

  /** Word i becomes the word 16 places further on in the schedule. */
  #extendWords(i: number): Code {
    const ago = (rounds: number): Local => this.words + ((i + 16 - rounds) % 16)
    return set(
      ago(16),
      v128.add(get(ago(16)), get(ago(7)), smallSigma(ago(15), 7, 18, 3), smallSigma(ago(2), 17, 19, 10)),
    )
  }

  /** Sets four vectors, from `columns` on, to the columns of four rows. */
  #transpose(row: (i: number) => Code, columns: Local): Code {
    const [rows, pairs] = [this.#scratch, this.#scratch + 4]
    const mix = (into: Local, a: Local, lanes: readonly number[], step = 1): Code =>
      set(into, v128.shuffle(get(a), get(a + step), lanes))
    return [
      each(4, (i) => set(rows + i, row(i))),
      mix(pairs, rows, [0, 4, 1, 5]), // columns 0 and 1 of rows 0 and 1
      mix(pairs + 1, rows + 2, [0, 4, 1, 5]), // of rows 2 and 3
      mix(pairs + 2, rows, [2, 6, 3, 7]), // columns 2 and 3 of rows 0 and 1
      mix(pairs + 3, rows + 2, [2, 6, 3, 7]),
      mix(columns, pairs, [0, 1, 4, 5]),
      mix(columns + 1, pairs, [2, 3, 6, 7]),
      mix(columns + 2, pairs + 2, [0, 1, 4, 5]),
      mix(columns + 3, pairs + 2, [2, 3, 6, 7]),
    ]
  }
}

const rotate = (x: Local, bits: number): Code =>
  v128.or(v128.shiftRight(get(x), bits), v128.shiftLeft(get(x), 32 - bits))

const bigSigma = (x: Local, r1: number, r2: number, r3: number): Code =>
  v128.xor(rotate(x, r1), rotate(x, r2), rotate(x, r3))

const smallSigma = (x: Local, r1: number, r2: number, shift: number): Code =>
  v128.xor(rotate(x, r1), rotate(x, r2), v128.shiftRight(get(x), shift))

/** SHA-256 counts bytes from the high end of a word, WASM from the low one. */
const swapBytes = (words: Code): Code => v128.swizzle(words, [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12])

const primes = (count: number): readonly number[] => {
  const found: number[] = []
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n)
  return found
}

const first32BitsOfFraction = (x: number): number => Math.floor((x - Math.floor(x)) * 2 ** 32)

// spec: These words represent the first thirty-two bits of the fractional parts of the cube roots of the first
// sixty-four prime numbers (FIPS 180-4, section 4.2.2).
/** K, one constant per round. */
export const ROUND_CONSTANTS: readonly number[] = primes(64).map((prime) => first32BitsOfFraction(Math.cbrt(prime)))

// spec: These words were obtained by taking the first thirty-two bits of the fractional parts of the square roots of the
// first eight prime numbers (FIPS 180-4, section 5.3.3).
const INITIAL_STATE = primes(8).map((prime) => first32BitsOfFraction(Math.sqrt(prime)))
