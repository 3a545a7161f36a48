/** Receipts: accepted for their own entry, tree, origin and keys, and refused, with the reason, for everything else. */
import { beforeAll, describe, expect, it } from 'vitest'
import {
  asHash,
  type ErrorCode,
  hashLeaf,
  type NoteSigner,
  parsePolicy,
  type Trust,
  verifyProofFile,
} from '../../src/client/index.ts'
import { COSIGNATURE_V1, ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { formatNote, parseNote, signNote } from '../../src/note/note.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { formatProofFile, parseProofFile, type TlogProof } from '../../src/tlog/proof-file.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'

const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)
const logKey = signerKey('log.example/test', ED25519, seed(1))
const witnesses = [2, 3, 4].map((n) => signerKey(`witness.example/${n}`, COSIGNATURE_V1, seed(n)))
const NOW = 1_767_225_600

const policyText = (quorum: string, log = `log ${formatVerifierKey(logKey)}\n`): string =>
  `${log}${witnesses.map((key, i) => `witness w${i} ${formatVerifierKey(key)}\n`).join('')}group two 2 w0 w1 w2\nquorum ${quorum}\n`

let made: MemoryLog
let good: Uint8Array
const INDEX = 137
const entry = numbered(INDEX, INDEX + 1)[0]!
const trust = { vkey: formatVerifierKey(logKey) }

beforeAll(async () => {
  made = await memoryLog()
  await made.append(numbered(0, 300))
  good = await made.log.reader.proofFile(INDEX)
})

/** The good proof with some of it replaced. */
const altered = (change: (proof: TlogProof) => Partial<TlogProof>): Uint8Array => {
  const proof = parseProofFile(good)
  return formatProofFile({ ...proof, ...change(proof) })
}

/** The good proof with its checkpoint signed by these. */
const signedBy = (...signers: readonly NoteSigner[]): Uint8Array =>
  altered(({ checkpoint }) => ({ checkpoint: signNote(parseNote(checkpoint).text, signers) }))

const cosigned = (...which: readonly number[]): Uint8Array =>
  signedBy(signerOf(logKey), ...which.map((i) => signerOf(witnesses[i]!, { time: NOW + i })))

const expectRefusal = (file: Uint8Array, claim: Trust & { readonly entry?: Uint8Array }, want: ErrorCode): void => {
  try {
    verifyProofFile(file, { entry, ...claim })
  } catch (error) {
    if (!isTlogError(error, want)) throw error
    return
  }
  throw new Error('accepted')
}

describe('a receipt', () => {
  it('is accepted for its entry, and says what it proves', async () => {
    const { root } = made.log.reader.published
    const verified = verifyProofFile(good, { ...trust, entry })
    expect(verified).toMatchObject({
      index: INDEX,
      size: 300,
      root,
      origin: made.origin,
      leafHash: hashLeaf(entry),
      cosigners: [],
    })
    expect(verified.checkpoint.bytes).toEqual(made.checkpoint())
    expect(verified).not.toHaveProperty('extra')
  })

  it('is accepted for the leaf hash, a ready verifier, a pinned origin, and several keys', () => {
    const other = formatVerifierKey(signerKey(made.origin, ED25519, seed(9)))
    for (const claim of [
      { ...trust, leafHash: hashLeaf(entry) },
      { verifiers: [verifierOf(logKey)], entry },
      { ...trust, origin: made.origin, entry },
      { vkey: [other, trust.vkey], entry },
    ]) {
      expect(verifyProofFile(good, claim).index).toBe(INDEX)
    }
  })

  it('hands on the extra data that it does not vouch for', () => {
    const extra = Uint8Array.of(1, 2, 3)
    expect(
      verifyProofFile(
        altered(() => ({ extra })),
        { ...trust, entry },
      ).extra,
    ).toEqual(extra)
  })

  it('is refused after any bit of it is flipped, unless only extra data or an unknown signature changed', () => {
    for (let at = 0; at < good.length; at++) {
      for (const bit of [0, 3, 7]) {
        const bent = good.slice()
        bent[at]! ^= 2 ** bit
        expect(() => verifyProofFile(bent, { ...trust, entry }), `bit ${bit} of byte ${at}`).toThrow()
      }
    }
  })

  it('is refused after any bit of the entry is flipped', () => {
    for (let at = 0; at < entry.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bent = entry.slice()
        bent[at]! ^= 2 ** bit
        expectRefusal(good, { ...trust, entry: bent }, 'bad_proof')
      }
    }
  })
})

describe('[CLIENT-4] what a proof is bound to', () => {
  it.each([
    ['another entry of the log', () => good, { entry: numbered(138, 139)[0]! }],
    ['the entry and a byte more', () => good, { entry: Uint8Array.of(...entry, 0) }],
    ['the entry with its leaf prefix', () => good, { entry: Uint8Array.of(0, ...entry) }],
    ['no entry', () => good, { entry: new Uint8Array(0) }],
    ['another index', () => altered(({ index }) => ({ index: index + 1 })), {}],
    ['an index beyond the tree', () => altered(() => ({ index: 300 })), {}],
    ['the largest index', () => altered(() => ({ index: 2 ** 53 - 1 })), {}],
    ['a proof that is cut', () => altered(({ proof }) => ({ proof: proof.slice(0, -1) })), {}],
    ['a proof without its first hash', () => altered(({ proof }) => ({ proof: proof.slice(1) })), {}],
    ['a longer proof', () => altered(({ proof }) => ({ proof: [...proof, asHash(new Uint8Array(32))] })), {}],
    ['a proof in another order', () => altered(({ proof }) => ({ proof: proof.toReversed() })), {}],
    ['no proof', () => altered(() => ({ proof: [] })), {}],
  ] as const)('refuses %s with bad_proof', (_title, file, claim) => {
    expectRefusal(file(), { ...trust, ...claim }, 'bad_proof')
  })

  it('refuses the same entry with the checkpoint of another size', async () => {
    const longer = await memoryLog()
    await longer.append(numbered(0, 301))
    expectRefusal(
      altered(() => ({ checkpoint: longer.checkpoint() })),
      trust,
      'bad_proof',
    )
  })

  it('refuses the same tree under another origin', async () => {
    const other = await memoryLog({ origin: 'log.example/other' })
    await other.append(numbered(0, 300))
    expectRefusal(await other.log.reader.proofFile(INDEX), trust, 'wrong_origin')
    // Also where both logs are trusted: each key is good for its own origin only.
    const forged = signNote(parseNote(other.checkpoint()).text, [signerOf(logKey)])
    expectRefusal(
      altered(() => ({ checkpoint: forged })),
      { vkey: [trust.vkey, other.vkey] },
      'untrusted',
    )
  })

  it('10,000 mixtures of two proofs: what is accepted is true', async () => {
    const other = await memoryLog()
    await other.append(numbered(0, 500))
    const a = parseProofFile(good)
    const b = parseProofFile(await other.log.reader.proofFile(138))
    let accepted = 0
    for (let i = 0; i < 10_000; i++) {
      const pick = <T>(bit: number, x: T, y: T): T => (Math.floor(i / 2 ** bit) % 2 === 0 ? x : y)
      const proof = Array.from(
        { length: Math.max(a.proof.length, b.proof.length) - (i % 3) },
        (_, j) => pick(4 + j, a, b).proof[j] ?? a.proof[0]!,
      )
      const file = formatProofFile({ index: pick(1, a, b).index, proof, checkpoint: pick(2, a, b).checkpoint })
      const subject = pick(3, entry, numbered(138, 139)[0]!)
      try {
        const { index } = verifyProofFile(file, { ...trust, entry: subject })
        expect(new TextDecoder().decode(subject)).toBe(`entry ${index}`)
        accepted++
      } catch (error) {
        if (!isTlogError(error)) throw error
      }
    }
    expect(accepted).toBeGreaterThan(0)
    expect(accepted).toBeLessThan(1_000)
  })
})

describe('whose word it is', () => {
  it('is refused without a signature by a known key', () => {
    expectRefusal(signedBy(signerOf(signerKey(made.origin, ED25519, seed(9)))), trust, 'untrusted')
  })

  it('is refused when the known key did not make the signature', () => {
    const { text, signatures } = parseNote(parseProofFile(good).checkpoint)
    const bent = signatures.map((line) => ({
      ...line,
      signature: line.signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
    }))
    expectRefusal(
      altered(() => ({ checkpoint: formatNote({ text, signatures: bent }) })),
      trust,
      'bad_signature',
    )
  })

  it('is refused when it is no proof file', () => {
    expectRefusal(made.checkpoint(), trust, 'malformed')
    expectRefusal(new Uint8Array(0), trust, 'malformed')
    expectRefusal(new Uint8Array(5 * 2 ** 20), trust, 'too_large')
  })

  it('needs the quorum that the policy asks for', () => {
    const policy = parsePolicy(policyText('two'))
    expect(verifyProofFile(cosigned(0, 2), { policy, entry }).cosigners.map(({ time }) => time)).toEqual([NOW, NOW + 2])
    expectRefusal(cosigned(1), { policy }, 'untrusted')
    expectRefusal(good, { policy }, 'untrusted')
  })

  it('does not take a witness for the log', () => {
    const policy = parsePolicy(policyText('two'))
    const both = [0, 1].map((i) => signerOf(witnesses[i]!, { time: NOW }))
    expectRefusal(signedBy(...both), { policy }, 'untrusted')
  })

  it('takes the log from a vkey when the policy has none', () => {
    const policy = parsePolicy(policyText('two', ''))
    expect(verifyProofFile(cosigned(0, 1), { policy, ...trust, entry }).index).toBe(INDEX)
    const stranger = formatVerifierKey(signerKey('stranger.example', ED25519, seed(8)))
    expectRefusal(cosigned(0, 1), { policy, vkey: stranger }, 'wrong_origin')
  })

  it.each([
    ['nothing', {}],
    ['no verifiers', { verifiers: [] }],
    ['verifiers and a vkey', { verifiers: [verifierOf(logKey)], ...trust }],
    ['a policy without a log', { policy: parsePolicy(policyText('two', '')) }],
    ['a policy without the pinned origin', { policy: parsePolicy(policyText('two')), origin: 'elsewhere.example' }],
  ])('is a TypeError to trust %s', (_title, claim) => {
    expect(() => verifyProofFile(good, { ...claim, entry })).toThrow(TypeError)
  })
})
