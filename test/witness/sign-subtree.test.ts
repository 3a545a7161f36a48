/** sign-subtree: every status of the specification, each test under the sentence that it checks. */
import { describe, expect, it } from 'vitest'
import { SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { parseSignatures } from '../../src/note/note.ts'
import { formatSignSubtree, parseSignSubtree } from '../../src/tlog/protocol/sign-subtree.ts'
import { cosignatureTime } from '../../src/tlog/signatures/index.ts'
import { signCosignedMessage, verifySubtreeSignature } from '../../src/tlog/signatures/mldsa44.ts'
import type { SignMessage } from '../../src/witness/cosigners.ts'
import { memoryWitness } from '../support/memory-witness.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()

const witnessed = async (
  size: number,
  {
    ed25519Only = false,
    signMessage = async (key, message) => signCosignedMessage(key, message),
  }: {
    readonly ed25519Only?: boolean
    readonly signMessage?: SignMessage
  } = {},
) => {
  const made = await memoryWitness({ vkeys: [log.vkey], ed25519Only, signMessage })
  await made.post('/add-checkpoint', log.request(0, size))
  const reference = (await made.witness.latestOf(log.origin)) ?? new Uint8Array(0)
  const body = (start: number, end: number, checkpoint = reference): Uint8Array =>
    formatSignSubtree({
      start,
      end,
      hash: log.subtreeRoot(start, end),
      proof: log.subtreeProof(start, end, size),
      checkpoint,
    })
  return { ...made, reference, body }
}

describe('sign-subtree', () => {
  it('[WIT-11] pushes back what is asked for while eight are being signed', async () => {
    const waiting: (() => void)[] = []
    let slow = false
    const signMessage: SignMessage = async (key, message) => {
      if (slow) await new Promise<void>((resolve) => waiting.push(resolve))
      return signCosignedMessage(key, message)
    }
    const { post, body } = await witnessed(14, { signMessage })
    slow = true
    const asked = Array.from({ length: 8 }, () => post('/sign-subtree', body(8, 13)))
    await expect.poll(() => waiting.length).toBe(8)
    const ninth = await post('/sign-subtree', body(8, 13))
    expect([ninth.status, ninth.headers.get('retry-after')]).toEqual([429, '1'])
    slow = false
    for (const go of waiting) go()
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(8).fill(200))
    expect((await post('/sign-subtree', body(8, 13))).status).toBe(200)
  })

  it('[WIT-11] cosigns every subtree of a checkpoint that it cosigned, and "the timestamp MUST be zero"', async () => {
    const { post, body, keys } = await witnessed(14)
    const key = keys.find(({ algorithm }) => algorithm === SUBTREE_V1)
    for (const [start, end] of [
      [0, 14],
      [0, 1],
      [8, 13],
      [8, 14],
      [12, 14],
      [4, 8],
      [13, 14],
    ] as const) {
      const response = await post('/sign-subtree', body(start, end))
      expect(response.status).toBe(200)
      const [signature, ...others] = parseSignatures(await response.text())
      expect(others).toEqual([])
      if (key === undefined || signature === undefined) throw new Error('no signature')
      const subtree = { origin: log.origin, start, end, hash: log.subtreeRoot(start, end) }
      expect(verifySubtreeSignature(key, subtree, signature.signature)).toBe(true)
      expect(verifySubtreeSignature(key, { ...subtree, end: end + 1 }, signature.signature)).toBe(false)
      expect(cosignatureTime(signature)).toBe(0)
    }
  })

  it.each([
    ['a range that is no subtree', 'subtree 3 7'],
    ['an end beyond the checkpoint', 'subtree 0 15'],
    ['an empty range', 'subtree 4 4'],
    ['an end before the start', 'subtree 8 4'],
    ['a leading zero', 'subtree 00 4'],
    ['one number', 'subtree 4'],
  ])(
    '[WIT-11] "MUST be a valid subtree ... and end MUST be less than or equal to the checkpoint size": %s is a 400',
    async (_, line) => {
      const { post, body } = await witnessed(14)
      const text = new TextDecoder().decode(body(8, 13)).replace('subtree 8 13', line)
      expect((await post('/sign-subtree', new TextEncoder().encode(text))).status).toBe(400)
    },
  )

  it('[WIT-11] "If the Merkle Consistency Proof doesn\'t verify ... 422"', async () => {
    const { post, body } = await witnessed(14)
    const request = parseSignSubtree(body(8, 13))
    const bad = [
      { ...request, hash: log.root(3) },
      { ...request, proof: request.proof.slice(1) },
      { ...request, proof: [...request.proof].reverse() },
    ]
    for (const one of bad) expect((await post('/sign-subtree', formatSignSubtree(one))).status).toBe(422)
  })

  it('[WIT-11] "If the checkpoint origin is unknown ... 404", and without a key for subtrees as well', async () => {
    const stranger = signedLog('log.example/stranger', 3)
    const { post, body } = await witnessed(14)
    expect((await post('/sign-subtree', body(8, 13, stranger.checkpoint(14)))).status).toBe(404)
    const plain = await witnessed(14, { ed25519Only: true })
    expect((await plain.post('/sign-subtree', plain.body(8, 13))).status).toBe(404)
  })

  it('[WIT-11] "If the witness can\'t verify the checkpoint ... 403": without its cosignature, with another witness\'s, with a broken one', async () => {
    const { post, body, reference } = await witnessed(14)
    expect((await post('/sign-subtree', body(8, 13, log.checkpoint(14)))).status).toBe(403)
    const other = await memoryWitness({ vkeys: [log.vkey], name: 'witness.example/other', seed: 60 })
    await other.post('/add-checkpoint', log.request(0, 14))
    expect((await post('/sign-subtree', body(8, 13, await other.witness.latestOf(log.origin)))).status).toBe(403)
    const text = new TextDecoder().decode(reference)
    const lines = text.trimEnd().split('\n')
    const last = lines.at(-1) ?? ''
    const broken = `${[...lines.slice(0, -1), `${last.slice(0, -9)}${last.at(-9) === 'A' ? 'B' : 'A'}${last.slice(-8)}`].join('\n')}\n`
    expect((await post('/sign-subtree', body(8, 13, new TextEncoder().encode(broken)))).status).toBe(403)
  })
})
