/** Torchwood and we agree, for every set of signers, whether a checkpoint and a receipt satisfy a policy. */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { checkpointReader } from '../../src/client/trust.ts'
import { hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { signNote } from '../../src/note/note.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { parsePolicy } from '../../src/tlog/policy.ts'
import { formatProofFile } from '../../src/tlog/proof-file.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { askGo, goToolsOrSkip } from './go-tools.ts'

const key = (name: string, algorithm: typeof ED25519 | typeof COSIGNATURE_V1 | typeof SUBTREE_V1): SignerKey =>
  signerKey(name, algorithm, new Uint8Array(createHash('sha256').update(name).digest()))

const log = key('interop.example/policy', ED25519)
const otherLog = key('interop.example/other', ED25519)
const x = ['x1', 'x2', 'x3'].map((name) => key(`${name}.example`, COSIGNATURE_V1))
const y = ['y1', 'y2', 'y3'].map((name) => key(`${name}.example`, SUBTREE_V1))
const witnesses = [...x, ...y]

const lines = [
  `log ${formatVerifierKey(log)}`,
  ...witnesses.map((witness) => `witness ${witness.name.slice(0, 2)} ${formatVerifierKey(witness)}`),
  'group x-witnesses 2 x1 x2 x3',
  'group y-witnesses any y1 y2 y3',
]
// The example of c2sp.org/tlog-policy, and simpler ones.
const policies = [
  ['group x-and-y all x-witnesses y-witnesses', 'quorum x-and-y'],
  ['quorum y-witnesses'],
  ['quorum x2'],
  ['quorum none'],
].map((quorum) => [...lines, ...quorum, ''].join('\n'))

const entries = ['the first entry', 'the second entry'].map(encodeUtf8)
const [left, right] = entries.map(hashLeaf) as [ReturnType<typeof hashLeaf>, ReturnType<typeof hashLeaf>]
const text = formatCheckpoint({ origin: log.name, size: 2, root: hashNode(left, right), extensions: [] })

/** A checkpoint for every set of witnesses, signed by the log, by another one under its own name, or by both. */
const checkpoints = [[log], [otherLog], [log, otherLog]].flatMap((logs) =>
  Array.from({ length: 2 ** witnesses.length }, (_, set) => {
    const cosigners = witnesses.filter((_witness, bit) => (set >> bit) % 2 === 1)
    return signNote(
      text,
      [...logs, ...cosigners].map((signer) =>
        signer.algorithm === ED25519 ? signerOf(signer) : signerOf(signer, { time: 1_790_000_000 }),
      ),
    )
  }),
)

describe.skipIf(!goToolsOrSkip())('policies', () => {
  it.each(policies)('mean the same to torchwood (%#)', (policy) => {
    const reader = checkpointReader({ policy: parsePolicy(policy) })
    const ours = checkpoints.map((bytes) => {
      try {
        return reader.open(bytes).checkpoint.size === 2
      } catch {
        return false
      }
    })
    expect(new Set(ours)).toEqual(new Set([true, false]))
    const theirs = askGo(checkpoints.map((bytes) => ({ op: 'check-checkpoint', policy, text: decodeUtf8(bytes) })))
    expect(theirs.map(({ ok }) => ok)).toEqual(ours)

    const receipts = checkpoints.map((checkpoint) => formatProofFile({ index: 1, proof: [left], checkpoint }))
    const request = (receipt: Uint8Array, entry: Uint8Array | undefined) => ({
      op: 'check-proof',
      policy,
      text: decodeUtf8(receipt),
      entry,
    })
    const proven = askGo(receipts.map((receipt) => request(receipt, entries[1])))
    expect(proven.map(({ ok }) => ok)).toEqual(ours)
    const unproven = askGo(receipts.map((receipt) => request(receipt, entries[0])))
    expect(unproven.filter(({ ok }) => ok)).toEqual([])
  })
})
