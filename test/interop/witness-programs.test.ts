/** Our witness and those of other people cosign heads of our making; the table says where they leave c2sp.org/tlog-witness. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { planConsistency } from '../../src/merkle/consistency.ts'
import { EMPTY_ROOT, hashLeaf, hashNode } from '../../src/merkle/hash.ts'
import type { LeafRange } from '../../src/merkle/node.ts'
import { planSubtreeConsistency } from '../../src/merkle/subtree.ts'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, parseVerifierKey, signerKey } from '../../src/note/key.ts'
import { parseSignatures, signNote } from '../../src/note/note.ts'
import { encodeBase64 } from '../../src/primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import type { Hash } from '../../src/primitives/hash.ts'
import { formatCheckpoint, openCheckpoint } from '../../src/tlog/checkpoint.ts'
import { cosignatureTime, signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import { verifySubtreeSignature } from '../../src/tlog/signatures/mldsa44.ts'
import { askGo, askGoOnce, goToolsOrSkip } from './go-tools.ts'
import { startLitewitness } from './litewitness.ts'
import { startOmniwitness } from './omniwitness.ts'
import { startSunlight } from './sunlight.ts'
import { startTreeheadWitness } from './treehead-witness.ts'
import type { WitnessOptions, WitnessPeer } from './witness-peer.ts'

/** A log that signs any head it is asked for; after `fork` leaves its tree is another for every tag. */
const handmadeLog = (origin: string, tag = 'leaf', fork = 0) => {
  const leaf = (i: number): Hash => hashLeaf(encodeUtf8(i < fork ? `leaf ${i}` : `${tag} ${i}`))
  const rangeRoot = ({ start, end }: LeafRange): Hash => {
    if (start === end) return EMPTY_ROOT
    if (end - start === 1) return leaf(start)
    let half = 1
    while (half * 2 < end - start) half *= 2
    return hashNode(rangeRoot({ start, end: start + half }), rangeRoot({ start: start + half, end }))
  }
  const key = signerKey(origin, ED25519, new Uint8Array(createHash('sha256').update(origin).digest()))
  const text = (size: number, root = rangeRoot({ start: 0, end: size })): string =>
    formatCheckpoint({ origin, size, root, extensions: [] })
  return {
    origin,
    vkey: formatVerifierKey(key),
    rangeRoot,
    head: (size: number, root?: Hash): string => decodeUtf8(signNote(text(size, root), [signerOf(key)])),
    consistency: (size1: number, size2: number): readonly Hash[] => planConsistency({ size1, size2 }).map(rangeRoot),
  }
}

type HandmadeLog = ReturnType<typeof handmadeLog>

/** A request as the spec has it; `old` is text so that it can be wrong. */
const requestBody = (old: number | string, proof: readonly Hash[], head: string): string =>
  `old ${old}\n${proof.map((hash) => `${encodeBase64(hash)}\n`).join('')}\n${head}`

interface Reply {
  readonly status: number
  readonly type: string | null
  readonly body: string
}

const post = async (witness: WitnessPeer, path: string, body: string): Promise<Reply> => {
  const response = await fetch(`${witness.url}/${path}`, { method: 'POST', body, signal: AbortSignal.timeout(10_000) })
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

const scratch = (): string => mkdtempSync(join(tmpdir(), 'th-witness-'))

/** A request that a witness judges by itself, with a log of its own. */
interface Case {
  readonly title: string
  /** What the spec wants: the status, and the body of a 409. */
  readonly wanted: string
  /** The sizes that the witness has cosigned before, in this order. */
  readonly cosigned?: readonly number[]
  /** True when the witness is not told of the log. */
  readonly unknown?: boolean
  readonly body: (log: HandmadeLog) => string
}

const forked = ({ origin }: HandmadeLog): HandmadeLog => handmadeLog(origin, 'forked', 5)
const signatureOf = (head: string): string => head.slice(head.indexOf('\n\n') + 2)
const textOf = (head: string): string => head.slice(0, head.indexOf('\n\n') + 2)

const cases: readonly Case[] = [
  // spec: If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP status code.
  { title: 'unknown origin', wanted: '404', unknown: true, body: (log) => requestBody(0, [], log.head(9)) },
  // spec: "403 Forbidden" HTTP status code if either no signature from a trusted key for the origin is present,
  {
    title: 'no signature of the log',
    wanted: '403',
    body: (log) => requestBody(0, [], textOf(log.head(9)) + signatureOf(handmadeLog('stranger').head(9))),
  },
  // spec: or a signature line's key name and ID match a trusted key but the signature itself fails to verify
  {
    title: 'a false signature of the log',
    wanted: '403',
    body: (log) => requestBody(0, [], textOf(log.head(9)) + signatureOf(log.head(8))),
  },
  // spec: The old size MUST be equal to or lower than the checkpoint size. Otherwise, ... "400 Bad Request"
  {
    title: 'an old size above the size',
    wanted: '400',
    cosigned: [7],
    body: (log) => requestBody(9, [], log.head(7)),
  },
  // spec: (or zero if it never cosigned a checkpoint for that origin). If it doesn't match, ... "409 Conflict"
  {
    title: 'an old size at first contact',
    wanted: '409 "0\\n"',
    body: (log) => requestBody(3, log.consistency(3, 9), log.head(9)),
  },
  // spec: A checkpoint of size zero MUST have the root hash of the empty tree ... "422 Unprocessable Entity"
  {
    title: 'size zero with another root',
    wanted: '422',
    body: (log) => requestBody(0, [], log.head(0, log.rangeRoot({ start: 0, end: 1 }))),
  },
  // spec: If the proof is not empty when the old size is zero ... "422 Unprocessable Entity"
  {
    title: 'a proof at first contact',
    wanted: '422',
    body: (log) => requestBody(0, log.consistency(3, 9), log.head(9)),
  },
  {
    title: 'a proof from size zero',
    wanted: '422',
    cosigned: [0],
    body: (log) => requestBody(0, log.consistency(3, 9), log.head(9)),
  },
  // spec: or if a Merkle Consistency Proof doesn't verify ... "422 Unprocessable Entity"
  { title: 'no proof', wanted: '422', cosigned: [7], body: (log) => requestBody(7, [], log.head(9)) },
  {
    title: 'a proof too long',
    wanted: '422',
    cosigned: [7],
    body: (log) => requestBody(7, [...log.consistency(7, 9), EMPTY_ROOT], log.head(9)),
  },
  {
    title: 'a fork',
    wanted: '422',
    cosigned: [7],
    body: (log) => requestBody(7, forked(log).consistency(7, 9), forked(log).head(9)),
  },
  {
    title: 'a proof from a size to itself',
    wanted: '422',
    cosigned: [7],
    body: (log) => requestBody(7, log.consistency(7, 9), log.head(7)),
  },
  // spec: the witness MUST check that the root hashes are also identical. If they don't match ... "422"
  {
    title: 'another root of the same size',
    wanted: '422',
    cosigned: [7],
    body: (log) => requestBody(7, [], forked(log).head(7)),
  },
  // spec: encoded as an ASCII decimal with no leading zeroes
  {
    title: 'a leading zero',
    wanted: '400',
    cosigned: [7],
    body: (log) => requestBody('07', log.consistency(7, 9), log.head(9)),
  },
  {
    title: 'a plus sign',
    wanted: '400',
    cosigned: [7],
    body: (log) => requestBody('+7', log.consistency(7, 9), log.head(9)),
  },
  { title: 'no line of an old size', wanted: '400', body: (log) => log.head(9) },
  { title: 'an empty body', wanted: '400', body: () => '' },
]

const caseLog = (at: number): HandmadeLog => handmadeLog(`case-${at}.example/log`)
const named = (name: string): HandmadeLog => handmadeLog(`${name}.example/log`)
const known = [
  ...['cosigned', 'resumed', 'restarted', 'subtrees'].map(named),
  ...cases.flatMap(({ unknown = false }, at) => (unknown ? [] : [caseLog(at)])),
].map(({ vkey }) => vkey)

interface Program {
  readonly name: string
  readonly start: (options: WitnessOptions) => Promise<WitnessPeer>
  readonly algorithms: readonly number[]
  readonly signsSubtrees: boolean
  /** What it says to cases where the spec wants something else. */
  readonly deviations: Readonly<Record<string, string>>
}

const programs: readonly Program[] = [
  {
    name: 'treehead',
    start: startTreeheadWitness,
    algorithms: [COSIGNATURE_V1, SUBTREE_V1],
    signsSubtrees: true,
    deviations: {},
  },
  {
    name: 'litewitness',
    start: startLitewitness,
    algorithms: [COSIGNATURE_V1],
    signsSubtrees: false,
    deviations: {
      // It judges neither at its first contact, nor when it has cosigned size zero.
      'size zero with another root': '200',
      'a proof at first contact': '200',
      'a proof from size zero': '200',
      'a leading zero': '200',
      'a plus sign': '200',
    },
  },
  {
    name: 'omniwitness',
    start: startOmniwitness,
    algorithms: [COSIGNATURE_V1, SUBTREE_V1],
    signsSubtrees: false,
    deviations: {
      // With its database, whatever it cannot look up or verify is an error of its own.
      'unknown origin': '500',
      'no signature of the log': '500',
      'a false signature of the log': '500',
      // It trusts whatever it sees first.
      'an old size at first contact': '200',
      'a proof at first contact': '200',
      'a leading zero': '200',
    },
  },
  {
    name: "Sunlight's witness",
    start: (options) => startSunlight({ ...options, mirrorName: 'mirror.example/sunlight' }),
    algorithms: [COSIGNATURE_V1, SUBTREE_V1],
    signsSubtrees: true,
    deviations: {},
  },
]

describe.skipIf(!goToolsOrSkip()).each(programs)('$name', ({ start, algorithms, deviations, signsSubtrees }) => {
  const dir = scratch()
  const options = { dir, name: 'witness.example/peer', logs: known }
  let witness: WitnessPeer

  beforeAll(async () => {
    witness = await start(options)
    return async () => {
      await witness.kill()
      rmSync(dir, { recursive: true, force: true })
    }
  })

  const addCheckpoint = (old: number, proof: readonly Hash[], head: string): Promise<Reply> =>
    post(witness, 'add-checkpoint', requestBody(old, proof, head))

  /** The times of the cosignatures of a 200, each verified by us and, all together, by Go. */
  const cosigned = ({ vkey, origin }: HandmadeLog, head: string, { status, body }: Reply): readonly number[] => {
    expect({ status, body }).toMatchObject({ status: 200 })
    expect(parseSignatures(body)).toHaveLength(witness.vkeys.length)
    const note = `${head}${body}`
    const verifiers = [vkey, ...witness.vkeys].map(verifierOf)
    const { verified } = openCheckpoint(encodeUtf8(note), { origin, verifiers })
    expect(verified).toHaveLength(verifiers.length)
    const go = askGoOnce({ op: 'verify-checkpoint', text: note, key: vkey, keys: witness.vkeys, origin })
    expect(go).toMatchObject({ ok: true, unknown: [] })
    return verified.slice(1).map((signature) => cosignatureTime(signature) ?? Number.NaN)
  }

  it('has the keys it is said to have', () => {
    const keys = witness.vkeys.map(parseVerifierKey)
    expect(keys.map(({ algorithm }) => algorithm)).toEqual(algorithms)
    expect(keys.map(({ name }) => name)).toEqual(algorithms.map(() => options.name))
  })

  it('cosigns our first head, its growth by our proofs, and the same head again', async () => {
    const log = named('cosigned')
    let old = 0
    for (const size of [0, 1, 7, 256, 300, 300]) {
      const head = log.head(size)
      const proof = old === 0 ? [] : log.consistency(old, size)
      const before = Math.floor(Date.now() / 1000)
      for (const time of cosigned(log, head, await addCheckpoint(old, proof, head))) {
        expect(time).toBeGreaterThanOrEqual(before)
        expect(time).toBeLessThanOrEqual(Date.now() / 1000)
      }
      old = size
    }
  })

  it('tells the size it knows, from which its client goes on', async () => {
    const log = named('resumed')
    cosigned(log, log.head(5), await addCheckpoint(0, [], log.head(5)))
    for (const old of [0, 3, 6]) {
      const reply = await addCheckpoint(old, old === 0 ? [] : log.consistency(old, 9), log.head(9))
      expect(reply).toEqual({ status: 409, type: 'text/x.tlog.size', body: '5\n' })
    }
    cosigned(log, log.head(9), await addCheckpoint(5, log.consistency(5, 9), log.head(9)))
  })

  it('is the same witness after a kill', async () => {
    const log = named('restarted')
    cosigned(log, log.head(5), await addCheckpoint(0, [], log.head(5)))
    const { vkeys } = witness
    await witness.kill()
    witness = await start(options)
    expect(witness.vkeys).toEqual(vkeys)
    expect(await addCheckpoint(0, [], log.head(9))).toMatchObject({ status: 409, body: '5\n' })
    cosigned(log, log.head(9), await addCheckpoint(5, log.consistency(5, 9), log.head(9)))
  })

  it('answers as the spec says, but for the noted deviations', async () => {
    const found: Record<string, string> = {}
    for (const [at, { title, wanted, cosigned: sizes = [], body }] of cases.entries()) {
      const log = caseLog(at)
      for (const size of sizes) expect(await addCheckpoint(0, [], log.head(size))).toMatchObject({ status: 200 })
      const reply = await post(witness, 'add-checkpoint', body(log))
      const got = reply.status === 409 ? `409 ${JSON.stringify(reply.body)}` : String(reply.status)
      if (got !== wanted) found[title] = got
    }
    expect(found).toEqual(deviations)
  })

  it(signsSubtrees ? 'signs subtrees of what it cosigned' : 'signs no subtrees', async () => {
    const log = named('subtrees')
    const range = { start: 8, end: 13 }
    const head = log.head(14)
    const { body } = await addCheckpoint(0, [], head)
    const proof = planSubtreeConsistency({ ...range, size: 14 }).map(log.rangeRoot)
    const lines = [`subtree ${range.start} ${range.end}`, ...[log.rangeRoot(range), ...proof].map(encodeBase64)]
    const reply = await post(witness, 'sign-subtree', `${lines.join('\n')}\n\n${textOf(head)}${body}`)
    expect(reply.status).toBe(signsSubtrees ? 200 : 404)
    if (!signsSubtrees) return
    const vkey = witness.vkeys.map(parseVerifierKey).find(({ algorithm }) => algorithm === SUBTREE_V1)!
    const [signature] = parseSignatures(reply.body)
    const subtree = { origin: log.origin, ...range, hash: log.rangeRoot(range) }
    expect(verifySubtreeSignature(vkey, subtree, signature!.signature)).toBe(true)
    const request = { origin: log.origin, first: range.start, size: range.end, root: subtree.hash }
    const go = { op: 'verify-subtree', ...request, key: formatVerifierKey(vkey), signature: signature!.signature }
    const [good, bad] = askGo([go, { ...go, size: range.end - 1 }])
    expect([good?.ok, bad?.ok]).toEqual([true, false])
  })
})
