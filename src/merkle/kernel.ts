/**
 * The hashing kernel: a WASM SIMD module, written at start, that hashes RFC 6962 nodes and padded messages in lanes.
 *
 * The table trick. A node is hashed as 65 bytes, so its second block holds one byte of the message:
 *
 *     block 1   01 | left, 32 bytes           | right, 31 bytes
 *     block 2   last byte of right | 80 00 00 ... 00 | length: 520 bits
 *
 * That leaves 256 second blocks. The 64 words which the rounds of each add (schedule + constants) lie ready in a table,
 * and the 48 schedule steps, a third of the work on a block, are saved.
 *
 *     memory        0   the 64 round constants
 *                 256   256 rows of 64 words, one row per second block
 *        FREE_ADDRESS   for messages and hashes: the caller's
 */
import { ROUND_CONSTANTS, Sha256Lanes } from './sha256-lanes.ts'
import {
  type Code,
  each,
  get,
  i32,
  type Local,
  Locals,
  repeatWhile,
  set,
  v128,
  type WasmFunction,
  writeModule,
} from './wasm.ts'

const ROW = 4 * 64
const CONSTANTS_ADDRESS = 0
const TABLE_ADDRESS = CONSTANTS_ADDRESS + ROW

/** Where the caller's part of the memory starts. */
export const FREE_ADDRESS = TABLE_ADDRESS + 256 * ROW

/**
 * The exports of the module. A group is four hashes; there must be at least one. `messages` and `hashes` are addresses:
 * 32 bytes are written for each hash, one after the other.
 */
export interface Kernel {
  readonly memory: WebAssembly.Memory
  /** Hashes 64 bytes each, left and right, as nodes: 4 * groups of them, one after the other. Reads the byte before. */
  readonly hashNodes: (messages: number, hashes: number, groups: number) => void
  /** Hashes messages of `blocks` * 64 bytes each, which end in the padding of SHA-256: 4 * groups of them. */
  readonly hashMessages: (messages: number, hashes: number, groups: number, blocks: number) => void
}

/** Writes and starts a kernel with `freeBytes` of memory at FREE_ADDRESS; undefined where there is no WASM SIMD. */
export const openKernel = (freeBytes: number): Kernel | undefined => {
  if (typeof WebAssembly === 'undefined') return undefined
  const module = writeModule(Math.ceil((FREE_ADDRESS + freeBytes) / 2 ** 16), [hashNodes(), hashMessages()])
  if (!WebAssembly.validate(module)) return undefined
  const kernel = new WebAssembly.Instance(new WebAssembly.Module(module)).exports as unknown as Kernel
  writeTables(kernel.memory)
  return kernel
}

const hashNodes = (): WasmFunction => {
  const locals = new Locals(3)
  const [messages, hashes, groups] = [0, 1, 2]
  const lanes = new Sha256Lanes(locals)
  const withPrefix = v128.or(v128.and(get(lanes.words), v128.constant(0x00ff_ffff)), v128.constant(0x0100_0000))
  const row = (lane: number): Code =>
    i32.add(i32.multiply(i32.loadByte(get(messages), 64 * lane + 63), i32.constant(ROW)), i32.constant(TABLE_ADDRESS))
  const body = repeatWhile(get(groups), [
    // Read from one byte earlier on, so that left starts at the second byte; then the prefix overwrites the first.
    pointLanes(lanes, i32.add(get(messages), i32.constant(-1)), i32.constant(64)),
    lanes.loadBlock(),
    set(lanes.words, withPrefix),
    lanes.start(),
    lanes.compress(CONSTANTS_ADDRESS),
    each(4, (lane) => set(lanes.pointers + lane, row(lane))),
    lanes.compressReady(),
    lanes.storeHashes(hashes),
    increase(messages, i32.constant(4 * 64)),
    increase(hashes, i32.constant(4 * 32)),
    increase(groups, i32.constant(-1)),
  ])
  return { name: 'hashNodes', locals, body }
}

const hashMessages = (): WasmFunction => {
  const locals = new Locals(4)
  const [messages, hashes, groups, blocks] = [0, 1, 2, 3]
  const left = locals.i32()
  const lanes = new Sha256Lanes(locals)
  const size = i32.multiply(get(blocks), i32.constant(64))
  const body = repeatWhile(get(groups), [
    pointLanes(lanes, get(messages), size),
    lanes.start(),
    set(left, get(blocks)),
    repeatWhile(get(left), [
      lanes.loadBlock(),
      each(4, (lane) => increase(lanes.pointers + lane, i32.constant(64))),
      lanes.compress(CONSTANTS_ADDRESS),
      increase(left, i32.constant(-1)),
    ]),
    lanes.storeHashes(hashes),
    increase(messages, i32.multiply(size, i32.constant(4))),
    increase(hashes, i32.constant(4 * 32)),
    increase(groups, i32.constant(-1)),
  ])
  return { name: 'hashMessages', locals, body }
}

/** Points the lanes at `start` and at steps of `size` from there. */
const pointLanes = (lanes: Sha256Lanes, start: Code, size: Code): Code => [
  set(lanes.pointers, start),
  each(3, (lane) => set(lanes.pointers + lane + 1, i32.add(get(lanes.pointers + lane), size))),
]

const increase = (local: Local, by: Code): Code => set(local, i32.add(get(local), by))

const writeTables = (memory: WebAssembly.Memory): void => {
  const view = new DataView(memory.buffer)
  ROUND_CONSTANTS.forEach((constant, i) => {
    view.setUint32(CONSTANTS_ADDRESS + 4 * i, constant, true)
  })
  for (let last = 0; last < 256; last++) {
    const words = scheduleOfSecondBlock(last)
    ROUND_CONSTANTS.forEach((constant, i) => {
      view.setUint32(TABLE_ADDRESS + ROW * last + 4 * i, constant + (words[i] as number), true)
    })
  }
}

/** W0 to W63 (FIPS 180-4, section 6.2.2) for the second block of a node that ends in the byte `last`. */
const scheduleOfSecondBlock = (last: number): Uint32Array => {
  const w = new Uint32Array(64)
  w[0] = last * 2 ** 24 + 0x80_0000
  w[15] = 520
  const word = (i: number): number => w[i] as number
  for (let i = 16; i < 64; i++) {
    w[i] = word(i - 16) + smallSigma(word(i - 15), 7, 18, 3) + word(i - 7) + smallSigma(word(i - 2), 17, 19, 10)
  }
  return w
}

const smallSigma = (x: number, r1: number, r2: number, shift: number): number =>
  rotate(x, r1) ^ rotate(x, r2) ^ (x >>> shift)

const rotate = (x: number, bits: number): number => (x >>> bits) | (x << (32 - bits))
