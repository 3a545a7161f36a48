/** Sets of events of one segment, a bit for each. */

/** How many consecutive indices a segment has. */
export const SEGMENT_SIZE = 4_096

/** Bit i of word w is the event at offset 32 w + i. */
export type Bitmap = Uint32Array

/** Bytes of a bitmap. */
export const BITMAP_BYTES = SEGMENT_SIZE / 8

/** An empty one. */
export const emptyBitmap = (): Bitmap => new Uint32Array(SEGMENT_SIZE / 32)

/** Adds one offset. */
export const addOffset = (bitmap: Bitmap, offset: number): void => {
  const word = offset >>> 5
  bitmap[word] = (bitmap[word] ?? 0) | (1 << (offset & 31))
}

/** True when the offset is in it. */
export const hasOffset = (bitmap: Bitmap, offset: number): boolean =>
  (((bitmap[offset >>> 5] ?? 0) >>> (offset & 31)) & 1) === 1

/** Removes from `bitmap` what is not in `other`. */
export const intersect = (bitmap: Bitmap, other: Bitmap): void => {
  for (let word = 0; word < bitmap.length; word++) bitmap[word] = (bitmap[word] ?? 0) & (other[word] ?? 0)
}

/** Removes what is not from `start` up to but not including `end`. */
export const keepRange = (bitmap: Bitmap, start: number, end: number): void => {
  for (let word = 0; word < bitmap.length; word++) {
    const from = start - 32 * word
    const to = end - 32 * word
    if (to <= 0 || from >= 32) bitmap[word] = 0
    else {
      if (from > 0) bitmap[word] = (bitmap[word] ?? 0) & (-1 << from)
      if (to < 32) bitmap[word] = (bitmap[word] ?? 0) & ~(-1 << to)
    }
  }
}

/** How many are in it. */
export const countOf = (bitmap: Bitmap): number => {
  let count = 0
  for (const word of bitmap) {
    // The sum of bits by halves: pairs, fours, bytes, and all of them by one multiplication.
    const pairs = word - ((word >>> 1) & 0x55555555)
    const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
    count += Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
  }
  return count
}

/** Its offsets, ascending. */
export const offsetsOf = (bitmap: Bitmap): Uint16Array => {
  const offsets = new Uint16Array(countOf(bitmap))
  let at = 0
  for (let word = 0; word < bitmap.length; word++)
    for (let rest = bitmap[word] ?? 0; rest !== 0; rest &= rest - 1)
      offsets[at++] = 32 * word + 31 - Math.clz32(rest & -rest)
  return offsets
}
