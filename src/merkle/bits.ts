/** Bit arithmetic on sizes and indices up to 2^53−1, which JavaScript's own bit operators would cut to 32 bits. */

/** The number of bits needed to write `n` (0 for 0). `n` is an integer from 0 to 2^53−1. */
export const bitLength = (n: number): number => {
  const high = Math.floor(n / 2 ** 32)
  return high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(n >>> 0)
}

/** The number of times 2 divides `n`; `n` is from 1 to 2^53−1. */
export const trailingZeros = (n: number): number => {
  const low = n >>> 0
  const lowest = (word: number): number => 31 - Math.clz32(word & -word)
  return low !== 0 ? lowest(low) : 32 + lowest(Math.floor(n / 2 ** 32))
}

/** The largest power of two smaller than `n`, where RFC 6962 splits a tree of `n` leaves; `n` is from 2 to 2^53−1. */
export const splitPoint = (n: number): number => 2 ** (bitLength(n - 1) - 1)

/** Floor of `n / 2^level`: the index of the ancestor of leaf `n` at `level`, or how many nodes a level has in full. */
export const shiftRight = (n: number, level: number): number => Math.floor(n / 2 ** level)

/** True for sizes and indices: integers from 0 to 2^53−1. */
export const isSize = (n: number): boolean => Number.isSafeInteger(n) && n >= 0
