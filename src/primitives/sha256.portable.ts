/** SHA-256 in plain JavaScript (`@noble/hashes`), for browsers and as the yardstick of the other implementations. */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import type { Hash } from './hash.ts'

/** Which implementation `sha256` is: the platform's own, or `@noble/hashes`. */
export const sha256Provider: 'platform' | 'noble' = 'noble'

/** SHA-256 of `data`, in a new array. */
export const sha256 = (data: Uint8Array): Hash => nobleSha256(data) as Uint8Array as Hash

/** Writes SHA-256 of `data` to `out` at `offset`. `data` may lie in `out`. Throws RangeError when `out` is too short. */
export const sha256Into = (data: Uint8Array, out: Uint8Array, offset: number): void => {
  out.set(nobleSha256(data), offset)
}
