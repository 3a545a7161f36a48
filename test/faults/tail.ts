/** What a power cut leaves of the bytes that a program wrote to one file and had not synced. */
import type { Random } from './random.ts'

/**
 * What became of bytes that were written but not synced: never reached the disk, reached it in part, left zeros, left
 * noise, all reached it, or any of these for each file on its own (which also reorders the files among themselves).
 */
export const tails = ['drop', 'torn', 'zeros', 'garbage', 'keep', 'mixed'] as const
/** One of the tails. */
export type Tail = (typeof tails)[number]

/** One step in the life of a file's bytes. */
export type Change = { readonly offset: number; readonly bytes: Uint8Array } | { readonly truncateTo: number }

/** A file's bytes, changed in place. */
class Content {
  #room: Uint8Array
  #size: number

  constructor(base: Uint8Array, room: number) {
    this.#room = new Uint8Array(Math.max(base.length, room))
    this.#room.set(base)
    this.#size = base.length
  }

  apply(change: Change): this {
    if ('truncateTo' in change) {
      this.#room.fill(0, change.truncateTo)
      this.#size = change.truncateTo
    } else {
      this.#room.set(change.bytes, change.offset)
      this.#size = Math.max(this.#size, change.offset + change.bytes.length)
    }
    return this
  }

  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#size)
  }
}

const endOf = (change: Change): number =>
  'truncateTo' in change ? change.truncateTo : change.offset + change.bytes.length

const noise = (length: number, random: Random): Uint8Array => {
  const words = new Uint32Array(Math.ceil(length / 4)).map(() => random.integer(0, 2 ** 32))
  return new Uint8Array(words.buffer).subarray(0, length)
}

/** A disk writes whole sectors, so half of all torn writes end at a sector's edge and half anywhere. */
const tornLength = (length: number, random: Random): number => {
  const cut = random.integer(0, length + 1)
  return random.next() < 0.5 ? cut : Math.floor(cut / 512) * 512
}

const torn = (changes: readonly Change[], random: Random): readonly Change[] => {
  const whole = random.integer(0, changes.length + 1)
  const next = changes[whole]
  if (next === undefined || 'truncateTo' in next) return changes.slice(0, whole)
  const bytes = next.bytes.subarray(0, tornLength(next.bytes.length, random))
  return bytes.length === 0 ? changes.slice(0, whole) : [...changes.slice(0, whole), { offset: next.offset, bytes }]
}

const survivors = (changes: readonly Change[], tail: Tail, random: Random): readonly Change[] => {
  switch (tail) {
    case 'drop':
      return []
    case 'keep':
      return changes
    case 'torn':
      return torn(changes, random)
    case 'mixed':
      return survivors(changes, random.pick(['drop', 'torn', 'zeros', 'garbage', 'keep']), random)
    case 'zeros':
    case 'garbage':
      return changes.map((change) => {
        if ('truncateTo' in change) return change
        const { length } = change.bytes
        return { offset: change.offset, bytes: tail === 'zeros' ? new Uint8Array(length) : noise(length, random) }
      })
  }
}

/** The bytes of a file after a power cut: `base` with the `synced` changes whole, and the `unsynced` ones as `tail` says. */
export const contentAfterCut = (
  file: { readonly base: Uint8Array; readonly synced: readonly Change[]; readonly unsynced: readonly Change[] },
  tail: Tail,
  random: Random,
): Uint8Array => {
  const changes = [...file.synced, ...survivors(file.unsynced, tail, random)]
  const room = changes.reduce((most, change) => Math.max(most, endOf(change)), 0)
  return changes.reduce((content, change) => content.apply(change), new Content(file.base, room)).bytes
}
