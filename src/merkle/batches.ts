/** Feeds the hashing kernel: gathers leaves of equal block count, pads them into its memory, and copies the hashes out. */
import { HASH_SIZE } from '../primitives/hash.ts'
import { LEAF_PREFIX } from './hash.ts'
import { FREE_ADDRESS, type Kernel, openKernel } from './kernel.ts'
import type { OneByOne } from './one-by-one.ts'

const BLOCK = 64
const LANES = 4
const PAIR = 2 * HASH_SIZE

/** How many bytes of messages go in per call (more where four need more): few enough for the processor's first cache. */
const CHUNK = 32_768

/** What is worth hashing in lanes: that depends on the alternative. */
export interface Limits {
  /** Leaves whose messages have more blocks are hashed one by one. */
  readonly mostBlocks: number
  /** A last group of fewer messages (1 to 4) is hashed one by one: the kernel would spend the time of four on it. */
  readonly fewestInGroup: number
}

/** Messages of one block count which wait for their lanes to fill. */
interface Queue {
  readonly blocks: number
  /** Which entries wait, in rising order. */
  readonly indices: Uint32Array
  length: number
}

/** Leaves and nodes of a batch, four at a time. */
export class Batches {
  readonly #kernel: Kernel
  readonly #oneByOne: OneByOne
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #fewestInGroup: number
  /** Where hashes come out; messages go in at FREE_ADDRESS. */
  readonly #hashes: number
  /** For messages of one block, of two, and so on. */
  readonly #queues: readonly Queue[]

  private constructor(kernel: Kernel, oneByOne: OneByOne, { mostBlocks, fewestInGroup }: Limits) {
    this.#kernel = kernel
    this.#oneByOne = oneByOne
    this.#fewestInGroup = fewestInGroup
    this.#queues = Array.from({ length: mostBlocks }, (_, i) => newQueue(i + 1))
    this.#hashes = FREE_ADDRESS + messageBytes(mostBlocks)
    this.#bytes = new Uint8Array(kernel.memory.buffer)
    this.#view = new DataView(kernel.memory.buffer)
  }

  /** Starts a kernel; undefined where there is no WASM SIMD. `oneByOne` hashes what the limits keep from it. */
  static open(oneByOne: OneByOne, limits: Limits): Batches | undefined {
    const kernel = openKernel(messageBytes(limits.mostBlocks) + (CHUNK / BLOCK) * HASH_SIZE)
    return kernel && new Batches(kernel, oneByOne, limits)
  }

  /** Writes the node above hashes 2i and 2i + 1 of `pairs` to place i of `out`. */
  hashNodes(pairs: Uint8Array, out: Uint8Array): void {
    const count = pairs.length / PAIR
    const inLanes = this.#countInLanes(count)
    for (let start = 0; start < inLanes; start += CHUNK / PAIR) {
      const end = Math.min(inLanes, start + CHUNK / PAIR)
      this.#bytes.set(pairs.subarray(PAIR * start, PAIR * end), FREE_ADDRESS)
      this.#kernel.hashNodes(FREE_ADDRESS, this.#hashes, Math.ceil((end - start) / LANES))
      this.#copyHashes(end - start, out, start)
    }
    for (let i = inLanes; i < count; i++) this.#oneByOne.hashNode(pairs, PAIR * i, out, HASH_SIZE * i)
  }

  /** Writes the leaf hash of entry i to place i of `out`. */
  hashLeaves(entries: readonly Uint8Array[], out: Uint8Array): void {
    for (const queue of this.#queues) queue.length = 0 // an earlier call may have thrown half-way
    let i = 0
    for (const entry of entries) {
      const queue = this.#queues[blocksOfLeaf(entry) - 1]
      if (queue === undefined) {
        this.#oneByOne.hashLeaf(entry, out, HASH_SIZE * i)
      } else {
        queue.indices[queue.length++] = i
        if (queue.length === queue.indices.length) this.#hashQueue(queue, entries, out)
      }
      i++
    }
    for (const queue of this.#queues) if (queue.length > 0) this.#hashQueue(queue, entries, out)
  }

  #hashQueue(queue: Queue, entries: readonly Uint8Array[], out: Uint8Array): void {
    const { blocks, length } = queue
    const index = (lane: number): number => queue.indices[lane] as number
    const entry = (lane: number): Uint8Array => entries[index(lane)] as Uint8Array
    const inLanes = this.#countInLanes(length)
    queue.length = 0
    for (let lane = inLanes; lane < length; lane++) this.#oneByOne.hashLeaf(entry(lane), out, HASH_SIZE * index(lane))
    if (inLanes === 0) return
    for (let lane = 0; lane < inLanes; lane++)
      this.#writeLeaf(entry(lane), FREE_ADDRESS + BLOCK * blocks * lane, blocks)
    this.#kernel.hashMessages(FREE_ADDRESS, this.#hashes, Math.ceil(inLanes / LANES), blocks)
    const neighbours = index(inLanes - 1) - index(0) === inLanes - 1
    if (neighbours) this.#copyHashes(inLanes, out, index(0))
    else for (let lane = 0; lane < inLanes; lane++) this.#copyHash(lane, out, index(lane))
  }

  /** Writes a leaf's message with its padding: 0x00, the entry, 0x80, zeros, and the length in bits. */
  #writeLeaf(entry: Uint8Array, address: number, blocks: number): void {
    const length = 1 + entry.length
    const end = address + BLOCK * blocks
    this.#bytes[address] = LEAF_PREFIX
    this.#bytes.set(entry, address + 1)
    this.#bytes[address + length] = 0x80
    this.#bytes.fill(0, address + length + 1, end)
    this.#view.setUint32(end - 4, 8 * length)
  }

  /** How many of `count` messages go through the kernel. */
  #countInLanes(count: number): number {
    const rest = count % LANES
    return rest < this.#fewestInGroup ? count - rest : count
  }

  #copyHashes(count: number, out: Uint8Array, place: number): void {
    out.set(this.#bytes.subarray(this.#hashes, this.#hashes + HASH_SIZE * count), HASH_SIZE * place)
  }

  #copyHash(lane: number, out: Uint8Array, place: number): void {
    // A loop, which takes less time than making a view of 32 bytes.
    const [from, to] = [this.#hashes + HASH_SIZE * lane, HASH_SIZE * place]
    for (let i = 0; i < HASH_SIZE; i++) out[to + i] = this.#bytes[from + i] as number
  }
}

/** The blocks of a leaf's message: prefix, entry, and at least nine bytes of padding. */
const blocksOfLeaf = (entry: Uint8Array): number => Math.ceil((1 + entry.length + 9) / BLOCK)

/** The memory that messages need: a chunk, or four of the longest. */
const messageBytes = (mostBlocks: number): number => Math.max(CHUNK, LANES * BLOCK * mostBlocks)

const newQueue = (blocks: number): Queue => {
  const groups = Math.max(1, Math.floor(CHUNK / (LANES * BLOCK * blocks)))
  return { blocks, indices: new Uint32Array(LANES * groups), length: 0 }
}
