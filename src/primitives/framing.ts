/** Framing: byte strings joined in a row, each after its length as two big-endian bytes. */
import { TlogError } from './error.ts'

/** The longest byte string that two length bytes can describe. */
export const MAX_FRAME = 65_535

/** Joins `items[from]` up to but not including `items[to]`. Throws RangeError for one of over 65,535 bytes. */
export const joinFrames = (items: readonly Uint8Array[], from = 0, to = items.length): Uint8Array => {
  let length = 0
  for (let i = from; i < to; i++) length += 2 + (items[i]?.length ?? 0)
  const bytes = new Uint8Array(length)
  let at = 0
  for (let i = from; i < to; i++) {
    const item = items[i] ?? bytes
    if (item.length > MAX_FRAME) throw new RangeError(`want at most ${MAX_FRAME} bytes, got ${item.length}`)
    bytes[at] = Math.floor(item.length / 256)
    bytes[at + 1] = item.length % 256
    bytes.set(item, at + 2)
    at += 2 + item.length
  }
  return bytes
}

/**
 * Splits what `joinFrames` joined into views of `bytes`. Throws `malformed` when the bytes end within an item and
 * `too_large` when there are more than `limit` items.
 */
export const splitFrames = (bytes: Uint8Array, limit = Number.POSITIVE_INFINITY): readonly Uint8Array[] => {
  const items: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
    if (at + 2 > bytes.length || end > bytes.length)
      throw new TlogError('malformed', `bytes end within item ${items.length}`)
    if (items.length === limit) throw new TlogError('too_large', `more than ${limit} items`)
    items.push(bytes.subarray(at + 2, end))
    at = end
  }
  return items
}
