/** The structure `timestamped_signature` of cosignatures: a time and a signature (c2sp.org/tlog-cosignature). */
import { concatBytes, encodeUint64, readUint64 } from '../../primitives/bytes.ts'

/** Bytes of the time before the signature. */
export const TIMESTAMP_SIZE = 8

/** Splits a cosignature; undefined when it is not eight bytes and `size` more, or the time is over 2^53−1. */
export const splitTimestamped = (
  bytes: Uint8Array,
  size: number,
): { readonly time: number; readonly signature: Uint8Array } | undefined => {
  if (bytes.length !== TIMESTAMP_SIZE + size) return undefined
  // spec: It MUST NOT exceed 2^63 - 1, and verifiers MAY reject cosignatures with timestamps in the future.
  // Ours reject what a number cannot hold, which begins 285 million years from now: bytes 0x00 0x20 and up.
  if (bytes[0] !== 0 || (bytes[1] ?? 0) >= 0x20) return undefined
  return { time: readUint64(bytes), signature: bytes.subarray(TIMESTAMP_SIZE) }
}

/** A cosignature from its time in POSIX seconds and its signature. Throws RangeError for a time over 2^53−1. */
export const joinTimestamped = (time: number, signature: Uint8Array): Uint8Array =>
  concatBytes(encodeUint64(time), signature)
