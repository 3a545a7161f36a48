/** Every tree hasher against node:crypto, and the rules that callers rely on. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openTreeHasher, treeHasher, useTreeHasher } from '../../src/merkle/hasher.ts'

const sha256 = (prefix: number, message: Uint8Array): Uint8Array =>
  createHash('sha256').update(Uint8Array.of(prefix)).update(message).digest()

const wantLeaves = (entries: readonly Uint8Array[]): Uint8Array =>
  new Uint8Array(Buffer.concat(entries.map((entry) => sha256(0, entry))))

const wantNodes = (pairs: Uint8Array): Uint8Array =>
  new Uint8Array(
    Buffer.concat(Array.from({ length: pairs.length / 64 }, (_, i) => sha256(1, pairs.subarray(64 * i, 64 * i + 64)))),
  )

/** Which hashes differ, by index; toEqual on a hundred thousand bytes takes seconds and tells less. */
const differing = (got: Uint8Array, want: Uint8Array): readonly number[] => {
  expect(got.length).toBe(want.length)
  return Array.from({ length: want.length / 32 }, (_, i) => i).filter(
    (i) => Buffer.compare(got.subarray(32 * i, 32 * i + 32), want.subarray(32 * i, 32 * i + 32)) !== 0,
  )
}

/** Bytes that differ from place to place, the same on every run. */
const bytes = (length: number, seed = 1): Uint8Array => {
  const out = new Uint8Array(length)
  let state = seed
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    out[i] = state >>> 16
  }
  return out
}

/** Where the padding of a leaf's message (prefix, entry, 0x80, length) starts another block, and the SHA-256 message's too. */
const boundaries = [0, 1, 53, 54, 55, 56, 62, 63, 64, 65, 117, 118, 119, 120, 126, 127, 128, 246, 247, 310, 311, 375]

describe.each(['wasm-simd', 'platform', 'noble'] as const)('tree hasher %s', (name) => {
  const hasher = openTreeHasher(name)
  const leaves = (entries: readonly Uint8Array[]): Uint8Array => {
    const out = new Uint8Array(32 * entries.length)
    hasher.hashLeaves(entries, out)
    return out
  }
  const nodes = (pairs: Uint8Array): Uint8Array => {
    const out = new Uint8Array(pairs.length / 2)
    hasher.hashNodes(pairs, out)
    return out
  }

  it('has the name it was asked for', () => expect(hasher.name).toBe(name))

  it('hashes leaves of every length from 0 to 700', () => {
    const entries = Array.from({ length: 701 }, (_, length) => bytes(length, length))
    expect(differing(leaves(entries), wantLeaves(entries))).toEqual([])
  })

  it.each(boundaries)('hashes five leaves of %i bytes', (length) => {
    const entries = Array.from({ length: 5 }, (_, i) => bytes(length, i))
    expect(differing(leaves(entries), wantLeaves(entries))).toEqual([])
  })

  it('hashes 0 to 70 leaves of one length, and of two lengths in turn', () => {
    for (let n = 0; n <= 70; n++) {
      const same = Array.from({ length: n }, (_, i) => bytes(40, i))
      const mixed = Array.from({ length: n }, (_, i) => bytes(i % 2 === 0 ? 40 : 200, i))
      expect(differing(leaves(same), wantLeaves(same)), `${n} leaves`).toEqual([])
      expect(differing(leaves(mixed), wantLeaves(mixed)), `${n} leaves of two lengths`).toEqual([])
    }
  })

  it('hashes 0 to 70 nodes', () => {
    for (let n = 0; n <= 70; n++)
      expect(differing(nodes(bytes(64 * n, n)), wantNodes(bytes(64 * n, n))), `${n} nodes`).toEqual([])
  })

  it('hashes nodes that end in each of the 256 bytes, in each of the four lanes', () => {
    const pairs = bytes(64 * 1024)
    for (let i = 0; i < 1024; i++) pairs[64 * i + 63] = (i + Math.floor(i / 256)) % 256
    expect(differing(nodes(pairs), wantNodes(pairs))).toEqual([])
  })

  it.each([511, 512, 513, 514, 515, 1023, 1025, 5000])('hashes %i nodes and leaves, over more than one chunk', (n) => {
    const entries = Array.from({ length: n }, (_, i) => bytes(100, i))
    expect(differing(nodes(bytes(64 * n)), wantNodes(bytes(64 * n)))).toEqual([])
    expect(differing(leaves(entries), wantLeaves(entries))).toEqual([])
  })

  it('hashes the longest entries, many and among short ones', () => {
    const lengths = [65_535, 65_535, 65_534, 65_535, 3, 65_535, 1_024, 1_024, 4_096, 0, 65_535]
    const entries = lengths.map((length, i) => bytes(length, i))
    expect(differing(leaves(entries), wantLeaves(entries))).toEqual([])
    expect(differing(leaves([bytes(70_000)]), wantLeaves([bytes(70_000)]))).toEqual([])
  })

  it('hashes any lengths from any alignment to any alignment', () => {
    const length = fc.oneof(fc.nat(350), fc.constantFrom(...boundaries), fc.nat(5000))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(length, fc.nat(17)), { maxLength: 90, size: 'max' }),
        fc.nat(17),
        (shapes, offset) => {
          const entries = shapes.map(([size, at], i) => bytes(at + size, i).subarray(at))
          const whole = new Uint8Array(32 * entries.length + 64).fill(0xee)
          const out = whole.subarray(offset, offset + 32 * entries.length)
          hasher.hashLeaves(entries, out)
          expect(differing(out, wantLeaves(entries))).toEqual([])
          expect(whole.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true)
          expect(whole.subarray(offset + out.length).every((byte) => byte === 0xee)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('writes nodes to any alignment and nothing beside them', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.nat(17), fc.nat(17), (n, from, to) => {
        const pairs = bytes(from + 64 * n, n).subarray(from)
        const whole = new Uint8Array(32 * n + 64).fill(0xee)
        hasher.hashNodes(pairs, whole.subarray(to, to + 32 * n))
        expect(differing(whole.subarray(to, to + 32 * n), wantNodes(pairs))).toEqual([])
        expect(whole.subarray(0, to).every((byte) => byte === 0xee)).toBe(true)
        expect(whole.subarray(to + 32 * n).every((byte) => byte === 0xee)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  it('replaces a level in place by the one above it', () => {
    for (const [n, before] of [
      [1, 0],
      [7, 0],
      [7, 32],
      [1500, 0],
      [1500, 100],
    ] as const) {
      const memory = bytes(before + 64 * n)
      const pairs = memory.subarray(before)
      const want = wantNodes(pairs)
      hasher.hashNodes(pairs, memory.subarray(0, 32 * n))
      expect(differing(memory.subarray(0, 32 * n), want), `${n} nodes, ${before} bytes before their children`).toEqual(
        [],
      )
    }
  })

  it('leaves its inputs as they are', () => {
    const [pairs, entry] = [bytes(64 * 9), bytes(300)]
    nodes(pairs)
    leaves(Array(9).fill(entry))
    expect(pairs).toEqual(bytes(64 * 9))
    expect(entry).toEqual(bytes(300))
  })

  it('refuses arrays of other sizes, and is right again afterwards', () => {
    expect(() => hasher.hashLeaves([bytes(3)], new Uint8Array(31))).toThrow(RangeError)
    expect(() => hasher.hashLeaves([], new Uint8Array(32))).toThrow(RangeError)
    expect(() => hasher.hashNodes(new Uint8Array(63), new Uint8Array(32))).toThrow(RangeError)
    expect(() => hasher.hashNodes(new Uint8Array(32), new Uint8Array(16))).toThrow(RangeError)
    expect(() => hasher.hashNodes(new Uint8Array(128), new Uint8Array(32))).toThrow(RangeError)
    const broken = [bytes(5), bytes(5), undefined as unknown as Uint8Array]
    expect(() => hasher.hashLeaves(broken, new Uint8Array(96))).toThrow(TypeError)
    for (const n of [1, 6]) {
      const entries = Array.from({ length: n }, (_, i) => bytes(5, i))
      expect(differing(leaves(entries), wantLeaves(entries))).toEqual([])
    }
  })
})

describe('the hasher of the process', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('is the kernel where there is WASM SIMD, and stays the same', () => {
    expect(treeHasher().name).toBe('wasm-simd')
    expect(treeHasher()).toBe(treeHasher())
  })

  it('can be set by name', () => {
    useTreeHasher('noble')
    expect(treeHasher().name).toBe('noble')
    useTreeHasher('wasm-simd')
    expect(treeHasher().name).toBe('wasm-simd')
  })

  it.each([
    ['there is no WebAssembly', undefined],
    ['WebAssembly has no SIMD', { validate: () => false }],
  ])('is the platform, and the kernel is refused, where %s', (_, webAssembly) => {
    vi.stubGlobal('WebAssembly', webAssembly)
    expect(openTreeHasher().name).toBe('platform')
    expect(() => openTreeHasher('wasm-simd')).toThrow(expect.objectContaining({ code: 'usage' }))
  })

  it.each(['hashNodes', 'hashMessages'])('is the platform where %s of the kernel computes something else', (broken) => {
    const { Module, Instance: RealInstance, validate } = WebAssembly
    class Instance {
      readonly exports: unknown
      constructor(module: WebAssembly.Module) {
        this.exports = { ...new RealInstance(module).exports, [broken]: () => {} }
      }
    }
    vi.stubGlobal('WebAssembly', { Module, Instance, validate: validate.bind(WebAssembly) })
    expect(openTreeHasher().name).toBe('platform')
    expect(() => openTreeHasher('wasm-simd')).toThrow(/wrong hashes/)
  })
})

describe('without a platform hash, as in a browser', () => {
  afterEach(() => vi.resetModules())

  it('the kernel takes leaves of every length, and noble is what is left without it', async () => {
    vi.resetModules()
    vi.doMock('../../src/primitives/sha256.ts', () => import('../../src/primitives/sha256.portable.ts'))
    const { openTreeHasher } = await import('../../src/merkle/hasher.ts')
    const lengths = [...boundaries, 700, 700, 700, 4096, 65_535, 65_535, 65_535, 65_535, 65_534]
    const entries = lengths.map((length, i) => bytes(length, i))
    const out = new Uint8Array(32 * entries.length)
    openTreeHasher('wasm-simd').hashLeaves(entries, out)
    expect(differing(out, wantLeaves(entries))).toEqual([])
    expect(() => openTreeHasher('platform')).toThrow(expect.objectContaining({ code: 'usage' }))
    vi.stubGlobal('WebAssembly', undefined)
    expect(openTreeHasher().name).toBe('noble')
    vi.unstubAllGlobals()
    vi.doUnmock('../../src/primitives/sha256.ts')
  })
})
