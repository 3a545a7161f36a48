/** Quorums: which sets of witnesses and which signed checkpoints a policy accepts. */
import { describe, expect, it } from 'vitest'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { formatNote, parseNote, signNote } from '../../src/note/note.ts'
import { asHash } from '../../src/primitives/hash.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { checkPolicy, isQuorum, quorumTime } from '../../src/tlog/quorum.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'

const code = (value: string) => expect.objectContaining({ code: value })
const seed = (n: number) => new Uint8Array(32).fill(n)
const vkey = (key: SignerKey) => formatVerifierKey(key)

const log = signerKey('example.com/log', ED25519, seed(100))
const log2 = signerKey('example.com/log2', ED25519, seed(101))
const X = [1, 2, 3].map((n) => signerKey(`x${n}.example`, COSIGNATURE_V1, seed(n))) as [SignerKey, SignerKey, SignerKey]
const Y = [4, 5, 6].map((n) => signerKey(`y${n}.example`, SUBTREE_V1, seed(n))) as [SignerKey, SignerKey, SignerKey]
const [w1] = X

// The example of the specification, with its keys filled in: two of X and one of Y.
const example = `
log ${vkey(log)}

witness X1 ${vkey(X[0])}
witness X2 ${vkey(X[1])}
witness X3 ${vkey(X[2])}
group X-witnesses 2 X1 X2 X3

witness Y1 ${vkey(Y[0])}
witness Y2 ${vkey(Y[1])}
witness Y3 ${vkey(Y[2])}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`

describe('a quorum', () => {
  const policy = parsePolicy(example)

  it('is decided for every subset of the six witnesses as the sentence says', () => {
    const all = policy.witnesses.map(({ name }) => name)
    for (let subset = 0; subset < 64; subset++) {
      const names = all.filter((_, i) => Math.floor(subset / 2 ** i) % 2 === 1)
      const want = names.filter((name) => name.startsWith('X')).length >= 2 && names.some((n) => n.startsWith('Y'))
      expect(isQuorum(policy, new Set(names))).toBe(want)
    }
  })

  it('counts witnesses only: the name of a group, of a stranger or none is no vote', () => {
    for (const names of [['X-and-Y'], ['X-witnesses', 'Y-witnesses'], ['none'], ['X1', 'x1', 'Y1'], []]) {
      expect(isQuorum(policy, new Set(names))).toBe(false)
    }
  })

  it('of none is met by nobody, and one of a single witness by that witness', () => {
    expect(isQuorum(parsePolicy('quorum none\n'), new Set())).toBe(true)
    const single = parsePolicy(`witness a ${vkey(w1)}\nquorum a\n`)
    expect([isQuorum(single, new Set(['a'])), isQuorum(single, new Set(['b']))]).toEqual([true, false])
  })
})

describe('what a policy accepts', () => {
  const text = (origin = log.name) =>
    formatCheckpoint({ origin, size: 7, root: asHash(new Uint8Array(32).fill(7)), extensions: [] })
  const by = (...keys: readonly SignerKey[]) =>
    signNote(
      text(),
      keys.map((key, i) => signerOf(key, { time: 1000 + i })),
    )
  const policy = parsePolicy(example)

  it.each([
    ['two X and one Y', [X[0], X[2], Y[1]]],
    ['everybody', [...X, ...Y]],
  ])('accepts %s', (_, cosigners) => {
    const accepted = checkPolicy(policy, by(log, ...cosigners))
    expect(accepted.log.key.name).toBe('example.com/log')
    expect(accepted.checkpoint.size).toBe(7)
    expect(accepted.cosigners.map((c) => [c.witness.key.name, c.time])).toEqual(
      cosigners.map((key, i) => [key.name, 1001 + i]),
    )
  })

  it.each([
    ['nobody', []],
    ['one X and one Y', [X[0], Y[0]]],
    ['three X', X],
    ['three Y', Y],
    ['one X three times, and one Y', [X[0], X[0], X[0], Y[0]]],
    ['two X and strangers', [X[0], X[1], signerKey('z', COSIGNATURE_V1, seed(50))]],
  ])('is untrusted with %s', (_, cosigners) => {
    expect(() => checkPolicy(policy, by(log, ...cosigners))).toThrow(code('untrusted'))
  })

  it('decides every subset of the six witnesses as the sentence says', () => {
    const all = [...X, ...Y]
    for (let subset = 0; subset < 64; subset++) {
      const chosen = all.filter((_, i) => Math.floor(subset / 2 ** i) % 2 === 1)
      const want = chosen.filter((k) => X.includes(k)).length >= 2 && chosen.some((k) => Y.includes(k))
      const note = by(log, ...chosen)
      if (want) expect(checkPolicy(policy, note).cosigners).toHaveLength(chosen.length)
      else expect(() => checkPolicy(policy, note)).toThrow(code('untrusted'))
    }
  })

  it('is untrusted when witnesses signed but the log did not', () => {
    expect(() => checkPolicy(policy, by(...X, ...Y))).toThrow(code('untrusted'))
  })

  it('rejects the whole checkpoint when a known witness did not sign what it says', () => {
    const note = parseNote(by(log, ...X, ...Y))
    const signatures = note.signatures.map((s) =>
      s.name === 'x1.example' ? { ...s, signature: s.signature.map((b, i) => (i === 7 ? 255 - b : b)) } : s,
    )
    expect(() => checkPolicy(policy, formatNote({ ...note, signatures }))).toThrow(code('bad_signature'))
  })

  it('wants the origin of a log it lists, signed by that log and not by another', () => {
    const both = parsePolicy(`log ${vkey(log)}\nlog ${vkey(log2)}\nquorum none\n`)
    const signed = (origin: string, key: SignerKey) => signNote(text(origin), [signerOf(key)])
    expect(checkPolicy(both, signed(log2.name, log2)).log.key.name).toBe(log2.name)
    expect(() => checkPolicy(both, signed(log2.name, log))).toThrow(code('untrusted'))
    expect(() => checkPolicy(both, signed('example.com/third', log))).toThrow(code('wrong_origin'))
  })

  it('takes the logs from its caller when the policy has none', () => {
    const bare = parsePolicy('quorum none\n')
    expect(() => checkPolicy(bare, by(log))).toThrow(code('wrong_origin'))
    expect(checkPolicy(bare, by(log), { logs: [{ key: log }] }).cosigners).toEqual([])
  })

  it('reports the latest of the times of one witness', () => {
    const single = parsePolicy(`log ${vkey(log)}\nwitness w ${vkey(w1)}\nquorum w\n`)
    expect(checkPolicy(single, by(log, w1, w1)).cosigners.map((c) => c.time)).toEqual([1002])
  })

  it('accepts a log that signs with ML-DSA-44 only', () => {
    const pq = signerKey('example.com/log', SUBTREE_V1, seed(77))
    expect(checkPolicy(parsePolicy(`log ${vkey(pq)}\nquorum none\n`), by(pq)).log.key.algorithm).toBe(SUBTREE_V1)
  })
})

describe('the time of a quorum', () => {
  const policy = parsePolicy(example)
  const cosigners = (times: Readonly<Record<string, number>>) =>
    policy.witnesses.flatMap((witness) => {
      const time = times[witness.name]
      return time === undefined ? [] : [{ witness, time }]
    })

  it.each<[Readonly<Record<string, number>>, number | undefined]>([
    [{ X1: 5, X2: 6, Y1: 7 }, 5],
    [{ X1: 5, X2: 6, X3: 8, Y1: 7 }, 6],
    [{ X1: 9, X2: 8, X3: 7, Y1: 3, Y2: 4 }, 4],
    [{ X1: 5, X2: 6 }, undefined],
    [{ X1: 5, X2: 0, Y1: 7 }, undefined],
    [{}, undefined],
  ])('of %j is %s', (times, want) => {
    expect(quorumTime(policy, cosigners(times))).toBe(want)
  })
})
