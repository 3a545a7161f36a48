/** SHA-256 on Node: OpenSSL's code through the one-shot `crypto.hash`. */
import { hash } from 'node:crypto'
import { HASH_SIZE, type Hash } from './hash.ts'

/** Which implementation `sha256` is: the platform's own, or `@noble/hashes`. */
export const sha256Provider: 'platform' | 'noble' = 'platform'

/** SHA-256 of `data`, in a new array. */
export const sha256 = (data: Uint8Array): Hash => {
  const out = new Uint8Array(HASH_SIZE)
  sha256Into(data, out, 0)
  return out as Hash
}

/** Writes SHA-256 of `data` to `out` at `offset`, allocating no array. `data` may lie in `out`. */
export const sha256Into = (data: Uint8Array, out: Uint8Array, offset: number): void => {
  if (offset + HASH_SIZE > out.length) throw new RangeError(`want ${HASH_SIZE} bytes at ${offset} of ${out.length}`)
  // A digest as a binary string costs 300 ns for 65 bytes (Node 20); as a Buffer, whose memory lies outside the heap, 880.
  const digest = hash('sha256', data, 'binary')
  for (let i = 0; i < HASH_SIZE; i++) out[offset + i] = digest.charCodeAt(i)
}
