/** The published vectors of this repository, spec/vectors: notes, cosignatures and proof files, most of them refused. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatNote, openNote } from '../../src/note/note.ts'
import { decodeBase64, encodeBase64 } from '../../src/primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { asHash } from '../../src/primitives/hash.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { formatProofFile, parseProofFile } from '../../src/tlog/proof-file.ts'
import { cosignatureTime, verifierOf } from '../../src/tlog/signatures/index.ts'
import { cosignedMessage } from '../../src/tlog/signatures/mldsa44.ts'

interface Vector<Input> {
  readonly name: string
  readonly input: Input
  readonly want?: unknown
  readonly error?: string
}

const load = <T>(file: string): T =>
  JSON.parse(readFileSync(join(resolve(import.meta.dirname, '../../spec/vectors'), file), 'utf8')) as T

/** What the code answers, in the form of a vector. */
const answer = (ask: () => unknown): { readonly want: unknown } | { readonly error: string } => {
  try {
    return { want: ask() }
  } catch (error) {
    if (!isTlogError(error)) throw error
    return { error: error.code }
  }
}

/** Runs every vector of a list through `ask`, and sees that the list has something to refuse and something to accept. */
const holds = <Input>(vectors: readonly Vector<Input>[], ask: (input: Input) => unknown): void => {
  it('has vectors of both kinds', () => {
    expect(new Set(vectors.map(({ error }) => error === undefined)).size).toBe(2)
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length)
  })
  it.each(vectors)('$name', ({ name, input, ...expected }) => {
    expect(
      answer(() => ask(input)),
      name,
    ).toEqual(expected)
  })
}

describe('notes', () => {
  interface Input {
    readonly note?: string
    readonly noteBase64?: string
    readonly verifiers: readonly string[]
  }
  holds(load<{ cases: Vector<Input>[] }>('note.json').cases, ({ note, noteBase64 = '', verifiers }) => {
    const bytes = note === undefined ? decodeBase64(noteBase64) : encodeUtf8(note)
    const opened = openNote(bytes, verifiers.map(verifierOf))
    const names = (signatures: typeof opened.verified) => signatures.map(({ name }) => name)
    return { text: opened.text, verified: names(opened.verified), unverified: names(opened.unverified) }
  })
})

const cosignatures = load<{
  cases: Vector<{ readonly vkey: string; readonly text: string; readonly signature: string }>[]
  messages: Vector<{
    readonly cosigner: string
    readonly timestamp: number
    readonly origin: string
    readonly start: number
    readonly end: number
    readonly hash: string
  }>[]
}>('cosignature.json')

describe('cosignatures', () => {
  holds(cosignatures.cases, ({ vkey, text, signature }) => {
    const verifier = verifierOf(vkey)
    const { name, keyId } = verifier
    const note = formatNote({ text, signatures: [{ name, keyId, signature: decodeBase64(signature) }] })
    return { time: cosignatureTime(openNote(note, [verifier]).verified[0]!) }
  })
})

describe('messages of ML-DSA-44 cosignatures', () => {
  holds(cosignatures.messages, (input) =>
    encodeHex(cosignedMessage({ ...input, hash: asHash(decodeBase64(input.hash)) })),
  )
})

describe('proof files', () => {
  holds(load<{ cases: Vector<string>[] }>('proof-file.json').cases, (text) => {
    const file = parseProofFile(encodeUtf8(text))
    expect(decodeUtf8(formatProofFile(file))).toBe(text)
    return {
      ...(file.extra && { extra: encodeBase64(file.extra) }),
      index: file.index,
      proof: file.proof.map(encodeBase64),
      checkpoint: decodeUtf8(file.checkpoint),
    }
  })
})
