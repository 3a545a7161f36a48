/** Time bounds: which cosignature times make a quorum, second by second, for receipts and for a client that goes on. */
import { describe, expect, it } from 'vitest'
import {
  CLOCK_TOLERANCE,
  checkpointReader,
  formatProofFile,
  LogClient,
  parsePolicy,
  parseProofFile,
  type Trust,
  verifyProofFile,
} from '../../src/client/index.ts'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'

const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const logKey = signerKey('log.example/test', ED25519, seed(1))
const [w0, w1, w2] = [COSIGNATURE_V1, SUBTREE_V1, COSIGNATURE_V1].map((type, i) =>
  signerKey(`witness.example/${i}`, type, seed(2 + i)),
) as [SignerKey, SignerKey, SignerKey]
const witnessLines = [w0, w1, w2].map((key, i) => `witness w${i} ${formatVerifierKey(key)}\n`).join('')
const policy = parsePolicy(`log ${formatVerifierKey(logKey)}\n${witnessLines}group two 2 w0 w1 w2\nquorum two\n`)
const vkey = formatVerifierKey(logKey)

const NOW = 1_767_225_600
const clock = (): number => NOW * 1_000 + 999

const made = await memoryLog()
await made.append(numbered(0, 5))
const entry = numbered(3, 4)[0]!
const plain = await made.log.reader.proofFile(3)

/** The checkpoint with a cosignature at each of these times. */
const checkpointAt = (...cosigned: readonly (readonly [SignerKey, number])[]): Uint8Array =>
  signNote(parseNote(made.checkpoint()).text, [
    signerOf(logKey),
    ...cosigned.map(([key, time]) => signerOf(key, { time })),
  ])

type Judge = (
  bounds: Partial<Trust>,
  ...cosigned: readonly (readonly [SignerKey, number])[]
) => readonly string[] | 'untrusted'

/** The names of the witnesses that count, or that the quorum is not met. */
const judge: Judge = (bounds, ...cosigned) => {
  const file = formatProofFile({ ...parseProofFile(plain), checkpoint: checkpointAt(...cosigned) })
  try {
    return verifyProofFile(file, { policy, entry, ...bounds }).cosigners.map(({ witness }) => witness.name)
  } catch (error) {
    if (!isTlogError(error, 'untrusted')) throw error
    return 'untrusted'
  }
}

const both = (time: number): readonly (readonly [SignerKey, number])[] => [
  [w0, time],
  [w1, time],
]

describe('[CLIENT-7] not after a time', () => {
  it.each([
    [NOW - 1, true],
    [NOW, true],
    [NOW + 1, false],
    [1, true],
  ])('a quorum of time %i, not after the bound: %s', (time, accepted) => {
    expect(judge({ notAfter: NOW }, ...both(time))).toEqual(accepted ? ['w0', 'w1'] : 'untrusted')
  })

  it('is met by those who satisfy it, and they alone are reported', () => {
    expect(judge({ notAfter: NOW }, [w0, NOW - 5], [w1, NOW + 5], [w2, NOW])).toEqual(['w0', 'w2'])
    expect(judge({ notAfter: NOW }, [w0, NOW - 5], [w1, NOW + 5])).toBe('untrusted')
    // Without the bound, it was enough.
    expect(judge({}, [w0, NOW - 5], [w1, NOW + 5])).toEqual(['w0', 'w1'])
  })

  it('of 0 is met by nobody', () => {
    expect(judge({ notAfter: 0 }, ...both(0))).toBe('untrusted')
  })
})

describe('[CLIENT-7] at most of an age', () => {
  it.each([
    [NOW - 601, false],
    [NOW - 600, true],
    [NOW, true],
    [NOW + CLOCK_TOLERANCE, true],
    [NOW + CLOCK_TOLERANCE + 1, false],
  ])('a quorum of time %i, at most 600 s old: %s', (time, accepted) => {
    expect(judge({ maxAge: 600, clock }, ...both(time))).toEqual(accepted ? ['w0', 'w1'] : 'untrusted')
  })

  it('of 0 is met within this second and the tolerance; one longer than all time, by all but 0', () => {
    expect(judge({ maxAge: 0, clock }, ...both(NOW))).toEqual(['w0', 'w1'])
    expect(judge({ maxAge: 0, clock }, ...both(NOW - 1))).toBe('untrusted')
    expect(judge({ maxAge: NOW * 2, clock }, ...both(1))).toEqual(['w0', 'w1'])
    expect(judge({ maxAge: NOW * 2, clock }, ...both(0))).toBe('untrusted')
  })

  it('together with a time: one cosignature must satisfy both', () => {
    const bounds = { notAfter: NOW - 10, maxAge: 20, clock }
    expect(judge(bounds, ...both(NOW - 15))).toEqual(['w0', 'w1'])
    expect(judge(bounds, [w0, NOW - 5], [w1, NOW - 15])).toBe('untrusted')
    expect(judge(bounds, [w0, NOW - 25], [w0, NOW - 5], [w1, NOW - 15])).toBe('untrusted')
  })

  it('is asked anew at each look, so that a head which was fresh grows stale in a client that goes on', async () => {
    let now = NOW
    const served = checkpointAt(...both(NOW))
    const honest = logFetch(made)
    const fetch: typeof globalThis.fetch = async (input, init) =>
      String(input).endsWith('/checkpoint') ? new Response(Uint8Array.from(served)) : honest(input, init)
    const client = new LogClient({ url: LOG_URL, policy, maxAge: 60, clock: () => now * 1_000, fetch, maxAttempts: 1 })
    expect((await client.checkpoint()).cosigners).toHaveLength(2)
    now += 60
    expect((await client.checkpoint()).cosigners).toHaveLength(2)
    now += 1
    await expect(client.checkpoint()).rejects.toSatisfy((error) => isTlogError(error, 'untrusted'))
  })

  it('is not asked of what was remembered: an old head still binds the log', () => {
    const reader = checkpointReader({ policy, maxAge: 60, clock })
    expect(reader.openKept(checkpointAt(...both(5))).checkpoint.size).toBe(5)
    expect(reader.id).toBe(checkpointReader({ policy }).id)
  })
})

describe('[CLIENT-8] what a time says', () => {
  it('0 is no statement and satisfies no bound, though it makes a quorum without one', () => {
    expect(judge({}, ...both(0))).toEqual(['w0', 'w1'])
    expect(judge({ notAfter: NOW }, ...both(0))).toBe('untrusted')
    expect(judge({ notAfter: NOW }, [w0, 0], [w1, NOW], [w2, NOW])).toEqual(['w1', 'w2'])
    expect(judge({ maxAge: 600, clock: () => 0 }, ...both(0))).toBe('untrusted')
  })

  it('a witness that signed twice counts by the cosignature that satisfies, and is reported with its time', () => {
    expect(judge({ notAfter: NOW }, [w0, NOW + 9], [w0, NOW - 9], [w1, NOW])).toEqual(['w0', 'w1'])
    const reader = checkpointReader({ policy, notAfter: NOW })
    const { cosigners } = reader.open(checkpointAt([w0, NOW + 9], [w0, NOW - 9], [w0, NOW - 3], [w1, NOW]))
    expect(cosigners.map(({ time }) => time)).toEqual([NOW - 3, NOW])
  })

  it('the reason says how many were in time', () => {
    const reader = checkpointReader({ policy, notAfter: NOW })
    expect(() => reader.open(checkpointAt([w0, NOW], [w1, NOW + 1]))).toThrow(
      'quorum is not met: 2 of 3 witnesses cosigned, 1 of them within the time that was asked for',
    )
  })
})

describe('[CLIENT-9] a bound that nobody vouches for', () => {
  const none = parsePolicy(`log ${vkey}\n${witnessLines}quorum none\n`)
  it.each<[string, Trust]>([
    ['a vkey alone, not after', { vkey, notAfter: NOW }],
    ['a vkey alone, of an age', { vkey, maxAge: 60, clock }],
    ['ready verifiers', { verifiers: [], notAfter: NOW }],
    ['a policy without a quorum', { policy: none, notAfter: NOW }],
    ['an age without a clock', { policy, maxAge: 60 }],
  ])('is a TypeError: %s', (_, trust) => {
    expect(() => checkpointReader(trust)).toThrow(TypeError)
  })

  it.each([
    ['half a second', { notAfter: 0.5 }],
    ['before 1970', { notAfter: -1 }],
    ['no number', { notAfter: Number.NaN }],
    ['an age below zero', { maxAge: -1, clock }],
    ['an age without end', { maxAge: Number.POSITIVE_INFINITY, clock }],
  ])('is a RangeError: %s', (_, bounds) => {
    expect(() => checkpointReader({ policy, ...bounds })).toThrow(RangeError)
  })
})
