/** Seeded randomness for the fault suites: the same seed gives the same run. */

/** A stream of numbers that a seed determines. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** An integer in [from, to). */
  integer(from: number, to: number): number
  /** One of the items. */
  pick<T>(items: readonly T[]): T
  /** That many bytes. */
  bytes(length: number): Uint8Array
}

/** The generator "mulberry32": 32 bits of state, good enough to choose faults. */
export const seededRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (from: number, to: number): number => from + Math.floor(next() * (to - from))
  return {
    next,
    integer,
    pick: (items) => items[integer(0, items.length)] as (typeof items)[number],
    bytes: (length) => Uint8Array.from({ length }, () => integer(0, 256)),
  }
}

/** Seeds for `count` experiments, far apart, from the one that is printed. */
export const derivedSeed = (seed: number, experiment: number): number => (seed * 1_000_003 + experiment) >>> 0
