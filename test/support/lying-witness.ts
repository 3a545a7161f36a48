/** Witnesses that lie, over real HTTP: each answers add-checkpoint in its own bad way. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { COSIGNATURE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, type SignerKey, signerKey } from '../../src/note/key.ts'
import { formatSignatures, type NoteSignature, parseNote } from '../../src/note/note.ts'
import { parseAddCheckpoint } from '../../src/tlog/protocol/add-checkpoint.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'

/** What a lie is made of. */
interface Question {
  /** The text of the checkpoint that is to be cosigned. */
  readonly text: string
  readonly key: SignerKey
  /** An honest witness, whose name is borrowed. */
  readonly other: SignerKey
  readonly response: ServerResponse
}

const cosign = (key: SignerKey, text: string, time: number): NoteSignature => {
  const { name, keyId, sign } = signerOf(key, { time })
  return { name, keyId, signature: sign(text) }
}

const signatures = (response: ServerResponse, lines: readonly NoteSignature[]): void =>
  void response.end(formatSignatures(lines))

const now = (): number => Math.floor(Date.now() / 1_000)

/** The lies, by name: those after which there is no cosignature that counts. */
export const lies: Readonly<Record<string, (question: Question) => void | Promise<void>>> = {
  'wrong-signature': ({ text, key, response }) => signatures(response, [cosign(key, `${text}no\n`, now())]),
  'anothers-name': ({ text, key, other, response }) =>
    signatures(response, [{ ...cosign(key, text, now()), name: other.name, keyId: other.keyId }]),
  'own-and-anothers-name': ({ text, key, other, response }) =>
    signatures(response, [{ ...cosign(other, text, now()), name: key.name, keyId: key.keyId }]),
  'time-zero': ({ text, key, response }) => signatures(response, [cosign(key, text, 0)]),
  'cosigns-another-head': ({ text, key, response }) =>
    signatures(response, [cosign(key, text.replace(/\n\d+\n/, '\n999\n'), now())]),
  garbage: ({ response }) => void response.end(Buffer.alloc(3_000, 0xfe)),
  'empty-answer': ({ response }) => void response.end(),
  'ten-megabytes': ({ response }) => void response.end(Buffer.alloc(10 * 2 ** 20, '\u2014 x y\n')),
  'no-size-in-409': ({ response }) => void response.writeHead(409).end('a lot\n'),
  'other-size-each-time': ({ response }) => void response.writeHead(409).end(`${Math.floor(Math.random() * 3)}\n`),
  'redirect-to-itself': ({ response }) => void response.writeHead(307, { Location: '/add-checkpoint' }).end(),
  'asks-to-wait-for-ever': ({ response }) => void response.writeHead(429, { 'Retry-After': '999999999' }).end(),
  breaks: ({ response }) => void response.destroy(),
  'cut-short': ({ response }) => {
    response.writeHead(200, { 'Content-Length': '5000' })
    response.write('\u2014 ')
    setTimeout(() => response.destroy(), 20)
  },
  drips: async ({ response }) => {
    response.writeHead(200)
    for (let i = 0; i < 100 && !response.destroyed; i++) {
      response.write('x')
      await pause(100)
    }
    response.end()
  },
  'never-answers': () => {},
}

/** Cosignatures that count, of witnesses that want to do harm with them. */
export const pests: Readonly<Record<string, (question: Question) => void>> = {
  'old-time': ({ text, key, response }) => signatures(response, [cosign(key, text, 1)]),
  'sixty-times': ({ text, key, response }) =>
    signatures(
      response,
      Array.from({ length: 60 }, (_, i) => cosign(key, text, now() - i)),
    ),
}

/** A lying witness that listens. */
export interface LyingWitness extends AsyncDisposable {
  readonly url: string
  readonly vkey: string
  /** While false it answers 404, as one that does not know the log. */
  isLying: boolean
  asked(): number
}

const readAll = async (request: IncomingMessage): Promise<Uint8Array> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Uint8Array.from(Buffer.concat(parts))
}

/** Starts a witness of that name which answers by `lie`. */
export const lyingWitness = async (
  name: string,
  lie: (question: Question) => void | Promise<void>,
  other: SignerKey,
): Promise<LyingWitness> => {
  const seed = new Uint8Array(32)
  new TextEncoder().encodeInto(name, seed)
  const key = signerKey(name, COSIGNATURE_V1, seed)
  let asked = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('error', () => {})
    const body = await readAll(request)
    if (!liar.isLying) return void response.writeHead(404).end()
    asked++
    const { text } = parseNote(parseAddCheckpoint(body).checkpoint)
    await lie({ text, key, other, response })
  }
  const server = createServer((request, response) => void handle(request, response).catch(() => response.destroy()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const liar: LyingWitness = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    vkey: formatVerifierKey(key),
    isLying: false,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return liar
}
