/** A shortcut for ordinary appends answers what the app would answer, and leaves it everything else. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askOf, tokenAuthenticator } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import { type AppendShortcutOptions, appendShortcut } from '../../src/http/append-shortcut.ts'
import type { Served } from '../../src/http/observe.ts'
import { type Listening, serve } from '../../src/http/serve.node.ts'
import { hashToken, TokenTable } from '../../src/http/tokens.ts'
import type { Log } from '../../src/log/open.ts'
import { RefusedError } from '../../src/log/refusal.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { joinFrames } from '../../src/primitives/framing.ts'
import { entries, newLog } from '../support/log.ts'
import { portOf, rawExchange } from '../support/raw-http.ts'

const TOKEN = 'a-token-of-the-tests'
const right = `Authorization: Bearer ${TOKEN}\r\n`
const octets = 'Content-Type: application/octet-stream\r\n'

/** Two servers of one log, one of them with the shortcut, and what was seen of them. */
interface Pair extends AsyncDisposable {
  readonly withShortcut: Listening
  readonly withoutShortcut: Listening
  readonly log: Log
  /** For each request to the first server, whether the shortcut took it. */
  readonly taken: boolean[]
  readonly served: Served[]
  readonly reported: unknown[]
}

const startPair = async (change: (log: Log) => Log = (log) => log): Promise<Pair> => {
  const log = change((await newLog()).log)
  const [taken, served, reported]: [boolean[], Served[], unknown[]] = [[], [], []]
  const options: AppendShortcutOptions = {
    log,
    ask: askOf(
      tokenAuthenticator(new TokenTable([{ role: 'append', hash: hashToken(TOKEN), label: 'test' }], Date.now)),
    ),
    maxBatchEntries: 10,
    maxBatchBytes: 1_000,
    served: [(one) => served.push(one)],
    report: (error) => reported.push(error),
  }
  const shortcut = appendShortcut(options)
  const app = createApp({ ...options, parts: [] })
  const at = { host: '127.0.0.1', port: 0 }
  const withShortcut = await serve(app, {
    ...at,
    shortcut: (incoming, outgoing) => {
      taken.push(shortcut(incoming, outgoing))
      return taken.at(-1) === true
    },
  })
  const withoutShortcut = await serve(app, at)
  const dispose = async (): Promise<void> => {
    await Promise.all([withShortcut.stop(0), withoutShortcut.stop(0)])
  }
  return { withShortcut, withoutShortcut, log, taken, served, reported, [Symbol.asyncDispose]: dispose }
}

/** Status, headers in order of their names, and body; without what is another in each answer. */
const ask = async ({ url }: Listening, request: string): Promise<unknown> => {
  const { text } = await rawExchange(portOf(url), request, { idleMs: 2_000, answers: 1 })
  const [head = '', body] = text.split('\r\n\r\n')
  const [status, ...headers] = head.toLowerCase().split('\r\n')
  const kept = headers.filter((line) => !/^(date|keep-alive|connection):/.test(line))
  return { status, headers: kept.map((line) => line.replace(/^(retry-after): \d$/, '$1: n')).sort(), body }
}

const post = (path: string, headers: string, body: string | Uint8Array): string =>
  `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}Content-Length: ${body.length}\r\n\r\n${Buffer.from(body).toString('latin1')}`

describe('the shortcut', () => {
  let pair: Pair
  beforeAll(async () => {
    pair = await startPair()
    await pair.log.sequencer.append(entries(5))
  })
  afterAll(() => pair[Symbol.asyncDispose]())

  const two = joinFrames(entries(2, 'of a batch'))
  const event = Uint8Array.of(0xd9, 0xd9, 0xf7, 0xa0)

  it('[ENTRY-5] appends nothing raw that begins as an event does, by either way', async () => {
    const { size } = pair.log.reader.published
    for (const server of [pair.withShortcut, pair.withoutShortcut]) {
      for (const [path, body] of [
        ['/add', event],
        ['/add-batch', joinFrames([...entries(1, 'beside an event'), event])],
      ] as const) {
        const answer = await ask(server, post(path, right + octets, body))
        expect(answer).toMatchObject({
          status: 'http/1.1 400 bad request',
          body: expect.stringContaining('/v1/events'),
        })
      }
    }
    expect(pair.log.reader.published.size).toBe(size)
  })

  it.each<[string, boolean, string]>([
    ['an entry', true, post('/add', right, 'an entry')],
    ['an entry that is there', true, post('/add', right, 'entry 3')],
    ['the largest entry', true, post('/add', right, 'x'.repeat(65_535))],
    ['an entry, any answer accepted', true, post('/add', `${right}Accept: */*\r\n`, 'accepting')],
    ['a batch', true, post('/add-batch', right + octets, two)],
    ['a batch without a type', true, post('/add-batch', right, two)],
    ['a batch that is cut short', true, post('/add-batch', right + octets, two.subarray(1))],
    ['an entry that an auditor would take for an event', true, post('/add', right, event)],
    ['a batch with such an entry', true, post('/add-batch', right + octets, joinFrames([...entries(1), event]))],
    ['a batch with an empty entry', true, post('/add-batch', right + octets, Uint8Array.of(0, 0))],
    ['a batch of too many entries', true, post('/add-batch', right + octets, joinFrames(entries(11)))],
    ['a batch in CBOR', true, post('/add-batch', `${right}Content-Type: application/cbor-seq\r\n`, 'Cabc')],
    ['an empty entry', false, post('/add', right, '')],
    ['an entry that is too large', false, post('/add', right, 'x'.repeat(65_536))],
    ['a batch that is too large', false, post('/add-batch', right + octets, 'x'.repeat(1_001))],
    ['no token', false, post('/add', '', 'no token')],
    ['a wrong token', false, post('/add', 'Authorization: Bearer wrong\r\n', 'wrong token')],
    ['a proof, by its type', false, post('/add', `${right}Accept: text/x.tlog-proof\r\n`, 'entry 3')],
    ['a proof, by a query', false, post('/add?proof', right, 'entry 3')],
    ['an answer in JSON', false, post('/add-batch', `${right}${octets}Accept: application/json\r\n`, two)],
    ['a digest', false, post('/add', `${right}Content-Digest: sha-256=:AAAA:\r\n`, 'digest')],
    [
      'chunks',
      false,
      post('/add', right, '').replace('Content-Length: 0', 'Transfer-Encoding: chunked').concat('0\r\n\r\n'),
    ],
    ['a strange host', false, post('/add', right, 'host').replace('Host: 127.0.0.1', 'Host: a b')],
    ['another path', false, post('/add/', right, 'path')],
    ['another method', false, post('/add', right, 'method').replace('POST', 'PUT')],
  ])('%s: taken %s, answered like the app', async (_, wanted, request) => {
    const answer = await ask(pair.withShortcut, request)
    expect(pair.taken.at(-1)).toBe(wanted)
    const seen = pair.served.at(-1)
    expect(answer).toEqual(await ask(pair.withoutShortcut, request))
    expect({ ...pair.served.at(-1), ms: 0, path: '' }).toEqual({ ...seen, ms: 0, path: '' })
  })

  it('a connection is asked for its token each time, whatever it has shown before', async () => {
    const wrong = `Authorization: Bearer ${TOKEN.slice(0, -1)}X\r\n`
    const requests = [right, wrong, right, '', 'Authorization: Bearer other\r\n', right].map((token, i) =>
      post('/add', token, `token ${i}`),
    )
    const { text } = await rawExchange(portOf(pair.withShortcut.url), requests.join(''), { idleMs: 2_000, answers: 6 })
    const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
    expect(statuses).toEqual([200, 401, 200, 401, 401, 200])
    expect(pair.taken.slice(-6)).toEqual([true, false, true, false, false, true])
  })

  it('a body that is cut off goes nowhere, and the server goes on', async () => {
    const { size } = pair.log.reader.published
    await rawExchange(portOf(pair.withShortcut.url), post('/add', right, 'cut off').slice(0, -1), { idleMs: 100 })
    expect(pair.taken.at(-1)).toBe(true)
    await ask(pair.withShortcut, post('/add', right, 'the next'))
    expect(pair.log.reader.published.size).toBe(size + 1)
  })
})

describe('a log that does not take the entry', () => {
  it.each<[string, unknown, number]>([
    ['pushback', new TlogError('pushback', 'too much'), 429],
    ['refusal', new RefusedError('disk_full', 'no room'), 503],
    ['poisoned', new TlogError('poisoned', 'a write failed'), 503],
    ['unknown outcome', new TlogError('unknown_outcome', 'who knows'), 503],
    ['a bug', new Error('secret detail'), 500],
  ])('%s: answered like the app', async (_, error, status) => {
    const refusing = { append: () => Promise.reject(error) } as unknown as Log['sequencer']
    await using pair = await startPair((log) => ({ ...log, sequencer: refusing }))
    const request = post('/add', right, 'refused')
    const answer = await ask(pair.withShortcut, request)
    expect(pair.taken).toEqual([true])
    expect(answer).toMatchObject({ status: expect.stringContaining(` ${status} `) })
    expect(answer).toEqual(await ask(pair.withoutShortcut, request))
    expect(pair.reported).toEqual(status >= 500 ? [error, error] : [])
    expect(pair.served.map((one) => [one.route, one.status, one.code])).toEqual(
      Array(2).fill(['/add', status, error instanceof TlogError ? error.code : 'internal']),
    )
  })
})
