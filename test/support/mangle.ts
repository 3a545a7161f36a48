/** Small damage to texts, for the tests that say a parser accepts one text per value. */
import { expect } from 'vitest'
import { isTlogError } from '../../src/primitives/error.ts'

/** Every proper substring of `bytes` and every change of one byte by one up or down. */
export function* mangled(bytes: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < bytes.length; start++) {
    for (let end = start; end <= bytes.length; end++) {
      if (end - start < bytes.length) yield bytes.slice(start, end)
    }
  }
  yield* nudged(bytes)
}

/** Every prefix, every suffix, every lost byte, every doubled byte, and every change of one byte by one up or down. */
export function* nudged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    for (const step of [1, 255]) {
      const copy = bytes.slice()
      copy[at] = ((bytes[at] ?? 0) + step) % 256
      yield copy
    }
    yield bytes.slice(0, at)
    yield bytes.slice(at + 1)
    yield Uint8Array.of(...bytes.slice(0, at), ...bytes.slice(at + 1))
    yield Uint8Array.of(...bytes.slice(0, at + 1), ...bytes.slice(at))
  }
}

/** Expects each input to be refused with `malformed` or to come back exactly from `format(parse(input))`; counts both. */
export const expectStrict = (
  inputs: Iterable<Uint8Array>,
  roundTrip: (bytes: Uint8Array) => Uint8Array,
): { readonly refused: number; readonly accepted: number } => {
  let refused = 0
  let accepted = 0
  for (const input of inputs) {
    let back: Uint8Array
    try {
      back = roundTrip(input)
    } catch (error) {
      if (!isTlogError(error, 'malformed')) throw error
      refused++
      continue
    }
    accepted++
    if (Buffer.compare(back, input) !== 0) expect(Buffer.from(back).toString()).toBe(Buffer.from(input).toString())
  }
  return { refused, accepted }
}
