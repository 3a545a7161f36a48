/** A small writer of WebAssembly modules: instructions as functions, which nest like the expressions they compute. */

/** Encoded instructions, nested at will. An expression leaves one value behind, a statement none. */
export type Code = readonly (number | Code)[]

/** The number of a parameter or a variable of a function. */
export type Local = number

/** Joins the statements written for 0 to count - 1. */
export const each = (count: number, write: (i: number) => Code): readonly Code[] =>
  Array.from({ length: count }, (_, i) => write(i))

/** Reads a variable. */
export const get = (local: Local): Code => [0x20, unsigned(local)]

/** Sets a variable. */
export const set = (local: Local, value: Code): Code => [value, 0x21, unsigned(local)]

/** Runs `body`, and again for as long as `condition` is not zero after it. */
export const repeatWhile = (condition: Code, body: Code): Code => [
  [0x03, NO_VALUE],
  body,
  condition,
  [0x0d, 0], // a conditional branch back to the loop's start
  END,
]

/** Instructions on 32-bit integers. */
export const i32 = {
  constant: (value: number): Code => [0x41, signed(value)],
  add: (a: Code, b: Code): Code => [a, b, 0x6a],
  multiply: (a: Code, b: Code): Code => [a, b, 0x6c],
  notEqual: (a: Code, b: Code): Code => [a, b, 0x47],
  /** The byte at address + offset. */
  loadByte: (address: Code, offset: number): Code => [address, 0x2d, operand(offset)],
} as const

/** Instructions on vectors of 128 bits, taken as four lanes of 32 bits. */
export const v128 = {
  /** The same in all four lanes. */
  constant: (value: number): Code => v128.bytes(Array.from({ length: 16 }, (_, i) => (value >>> (8 * (i % 4))) & 0xff)),
  bytes: (bytes: readonly number[]): Code => [vector(0x0c), bytes],
  /** The 16 bytes at address + offset. */
  load: (address: Code, offset: number): Code => [address, vector(0x00), operand(offset)],
  /** The integer at address + offset, in all four lanes. */
  loadSplat: (address: Code, offset: number): Code => [address, vector(0x09), operand(offset)],
  store: (address: Code, offset: number, value: Code): Code => [address, value, vector(0x0b), operand(offset)],
  add: (first: Code, ...more: readonly Code[]): Code => chain(vector(0xae), first, more),
  and: (first: Code, ...more: readonly Code[]): Code => chain(vector(0x4e), first, more),
  or: (first: Code, ...more: readonly Code[]): Code => chain(vector(0x50), first, more),
  xor: (first: Code, ...more: readonly Code[]): Code => chain(vector(0x51), first, more),
  shiftLeft: (a: Code, bits: number): Code => [a, i32.constant(bits), vector(0xab)],
  shiftRight: (a: Code, bits: number): Code => [a, i32.constant(bits), vector(0xad)],
  /** Picks four lanes: 0 to 3 are those of a, 4 to 7 those of b. */
  shuffle: (a: Code, b: Code, lanes: readonly number[]): Code => [
    a,
    b,
    vector(0x0d),
    lanes.map((lane) => [4 * lane, 4 * lane + 1, 4 * lane + 2, 4 * lane + 3]),
  ],
  /** Puts byte order[i] of a at place i. */
  swizzle: (a: Code, order: readonly number[]): Code => [a, v128.bytes(order), vector(0x0e)],
} as const

/** Hands out the variables of a function; its parameters, all 32-bit integers, are the first of them. */
export class Locals {
  readonly parameters: number
  readonly #types: number[] = []

  constructor(parameters: number) {
    this.parameters = parameters
  }

  /** The types of the variables that are not parameters. */
  get types(): readonly number[] {
    return this.#types
  }

  /** The first of `count` new variables for 32-bit integers, numbered one after the other. */
  i32(count = 1): Local {
    return this.#add(I32, count)
  }

  /** The first of `count` new variables for vectors, numbered one after the other. */
  v128(count = 1): Local {
    return this.#add(V128, count)
  }

  #add(type: number, count: number): Local {
    const first = this.parameters + this.#types.length
    for (let i = 0; i < count; i++) this.#types.push(type)
    return first
  }
}

/** A function that the module exports under its name and that returns nothing. */
export interface WasmFunction {
  readonly name: string
  readonly locals: Locals
  readonly body: Code
}

/** A module of these functions and `pages` times 64 KiB of memory, exported as `memory`. */
export const writeModule = (pages: number, functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> => {
  const types = functions.map(({ locals }) => [0x60, list(each(locals.parameters, () => [I32])), NOTHING])
  const typeOfEach = functions.map((_, i) => [unsigned(i)])
  const exports = functions.map(({ name }, i) => [text(name), 0x00, unsigned(i)])
  const bodies = functions.map(({ locals, body }) => sized([list(locals.types.map((type) => [1, type])), body, END]))
  return Uint8Array.from(
    flatten([
      [0x00, 0x61, 0x73, 0x6d], // "\0asm"
      [0x01, 0x00, 0x00, 0x00], // version 1
      section(1, types),
      section(3, typeOfEach),
      section(5, [[0x00, unsigned(pages)]]), // a memory, without a maximum
      section(7, [[text('memory'), 0x02, 0], ...exports]),
      section(10, bodies),
    ]),
  )
}

const I32 = 0x7f
const V128 = 0x7b
const NO_VALUE = 0x40
const NOTHING = 0
const END = 0x0b

const section = (id: number, items: readonly Code[]): Code => [id, sized(list(items))]
const list = (items: readonly Code[]): Code => [unsigned(items.length), items]
const text = (ascii: string): Code => sized(Array.from(ascii, (character) => character.charCodeAt(0)))

/** Code behind its length in bytes. */
const sized = (code: Code): Code => {
  const bytes = flatten(code)
  return [unsigned(bytes.length), bytes]
}

const flatten = (code: Code, into: number[] = []): readonly number[] => {
  for (const part of code) {
    if (typeof part === 'number') into.push(part)
    else flatten(part, into)
  }
  return into
}

/** Opcodes of vector instructions follow a byte of their own. */
const vector = (opcode: number): Code => [0xfd, unsigned(opcode)]

/** What memory instructions take besides the address: the alignment to expect (none), and the offset. */
const operand = (offset: number): Code => [0, unsigned(offset)]

const chain = (opcode: Code, first: Code, more: readonly Code[]): Code => [first, more.map((next) => [next, opcode])]

/** LEB128: seven bits a byte, lowest first; the top bit says that more follow. */
const unsigned = (value: number): number | Code =>
  value < 0x80 ? value : [(value & 0x7f) | 0x80, unsigned(value >>> 7)]

const signed = (value: number): number | Code =>
  value >= -0x40 && value < 0x40 ? value & 0x7f : [(value & 0x7f) | 0x80, signed(value >> 7)]
