/** A Bloom filter of leaf hashes: says of most new leaves that they are new, without asking the database. */
import { HASH_SIZE } from '../primitives/hash.ts'

/**
 * LevelDB is asked only for leaves that may be there. Its own filters find an absent key nearly as fast, but it counts
 * every such search against the first file it looked into, and compacts files that were searched in vain: in a log of ten
 * million entries that took 45 us of another core for each new one, and 2 us of this one.
 *
 * A leaf sets 7 bits in one block of 512 (one line of the processor's cache), with 12 bits of filter for each leaf, so
 * about one new leaf in a hundred is taken for one that may be there. Leaf hashes are as good as random, so their own bits
 * say which; only those of the index's key are used (see leaf-index), since leaves with one key have one row.
 */
const BITS_PER_LEAF = 12
const BLOCK_BITS = 512
const BLOCK_WORDS = BLOCK_BITS / 32

/** The first part of the filter has room for so many leaves, each further one for twice as many as the one before. */
const FIRST_ROOM = 2 ** 20

/** Beyond so many leaves (200 MB of filter) every leaf may be there. */
const MOST_LEAVES = 2 ** 27

interface Part {
  readonly words: Uint32Array
  readonly blocks: number
}

/** Owns its bits. */
export class LeafFilter {
  readonly #parts: Part[] = []
  /** Leaves that were added. */
  #leaves = 0
  /** Leaves that the parts have room for. */
  #room = 0

  /** How many leaves were added; one that was added twice counts twice. */
  get leaves(): number {
    return this.#leaves
  }

  /** True when it takes no more leaves, and every leaf may be there. */
  get isFull(): boolean {
    return this.#leaves >= MOST_LEAVES
  }

  /** How many bytes a filter of so many leaves has. */
  static byteLength(leaves: number): number {
    let bytes = 0
    for (let part = 0, room = 0; room < leaves; part++) {
      bytes += blocksOf(part) * (BLOCK_BITS / 8)
      room += roomOf(part)
    }
    return bytes
  }

  /** A filter that says it has so many leaves, with its memory still to be filled in: see `bytes`. */
  static withRoomFor(leaves: number): LeafFilter {
    const filter = new LeafFilter()
    while (filter.#room < leaves) filter.#addPart()
    filter.#leaves = leaves
    return filter
  }

  /** The memory of the filter, in the byte order of this machine: as many bytes as any other of so many leaves has. */
  get bytes(): readonly Uint8Array[] {
    return this.#parts.map(({ words }) => new Uint8Array(words.buffer))
  }

  /** Adds leaves, 32 bytes each. One that was added before only takes room. */
  add(leafHashes: Uint8Array): void {
    const view = viewOf(leafHashes)
    for (let at = 0; at < leafHashes.length && !this.isFull; at += HASH_SIZE) {
      if (this.#leaves === this.#room) this.#addPart()
      const { words, blocks } = this.#parts.at(-1) as Part
      const block = blockOf(view, at, blocks)
      for (let probe = 0; probe < PROBES; probe++) {
        const bit = bitOf(view, at, probe)
        words[block + (bit >>> 5)] = (words[block + (bit >>> 5)] as number) | (1 << (bit & 31))
      }
      this.#leaves++
    }
  }

  /** The positions of those leaves, 32 bytes each, that may have been added; the others were not. */
  mayHold(leafHashes: Uint8Array): readonly number[] {
    const view = viewOf(leafHashes)
    const positions: number[] = []
    for (let at = 0; at < leafHashes.length; at += HASH_SIZE) {
      if (this.isFull || this.#parts.some((part) => mayBeIn(part, view, at))) positions.push(at / HASH_SIZE)
    }
    return positions
  }

  #addPart(): void {
    const blocks = blocksOf(this.#parts.length)
    this.#room += roomOf(this.#parts.length)
    this.#parts.push({ words: new Uint32Array(blocks * BLOCK_WORDS), blocks })
  }
}

/** How many leaves a part is made for. */
const roomOf = (part: number): number => FIRST_ROOM * 2 ** part
const blocksOf = (part: number): number => Math.ceil((roomOf(part) * BITS_PER_LEAF) / BLOCK_BITS)

const mayBeIn = ({ words, blocks }: Part, view: DataView, at: number): boolean => {
  const block = blockOf(view, at, blocks)
  for (let probe = 0; probe < PROBES; probe++) {
    const bit = bitOf(view, at, probe)
    if (((words[block + (bit >>> 5)] as number) & (1 << (bit & 31))) === 0) return false
  }
  return true
}

const PROBES = 7

/** Bytes 0 to 3 choose the block: the place of its first word. */
const blockOf = (view: DataView, at: number, blocks: number): number =>
  Math.floor((view.getUint32(at) * blocks) / 2 ** 32) * BLOCK_WORDS

/** Bytes 4 to 11 choose the bits, nine of theirs for each: three from either word, and the last from what is left of both. */
const bitOf = (view: DataView, at: number, probe: number): number => {
  if (probe === PROBES - 1) return ((view.getUint32(at + 4) >>> 27) << 4) | (view.getUint32(at + 8) >>> 28)
  const word = view.getUint32(at + (probe < 3 ? 4 : 8))
  return (word >>> (9 * (probe % 3))) & (BLOCK_BITS - 1)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
