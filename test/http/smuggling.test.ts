/** Requests on which two readers could disagree where one ends: refused, and what is hidden in them is never served. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { peekCheckpoint } from '../support/append.ts'
import { portOf, rawExchange } from '../support/raw-http.ts'
import { type Server, startServer } from '../support/server.ts'

describe('request smuggling', () => {
  let folder: string
  let server: Server
  /** A request of its own, as an attacker would hide it in another one's body. */
  let hidden: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-smuggling-'))
    server = await startServer({ dataDir: join(folder, 'data') })
    hidden = `POST /add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.token}\r\nContent-Length: 8\r\n\r\nsmuggled`
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A POST to /add without a token, so that nothing but the hidden request could append. */
  const post = (headers: string, body: string): string => `POST /add HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`

  const probes: Readonly<Record<string, () => string>> = {
    'Content-Length and Transfer-Encoding': () =>
      post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`),
    'Transfer-Encoding and Content-Length': () =>
      post('Transfer-Encoding: chunked\r\nContent-Length: 4', `5c\r\n${hidden}\r\n0\r\n\r\n`),
    'two Content-Lengths that differ': () => post('Content-Length: 0\r\nContent-Length: 150', hidden),
    'two Content-Lengths that agree': () => post('Content-Length: 0\r\nContent-Length: 0', hidden),
    'a list as Content-Length': () => post('Content-Length: 0, 0', hidden),
    'a Content-Length with a sign': () => post('Content-Length: +0', hidden),
    'a negative Content-Length': () => post('Content-Length: -1', hidden),
    'a hexadecimal Content-Length': () => post('Content-Length: 0x0', hidden),
    'a Content-Length beyond 64 bits': () => post('Content-Length: 18446744073709551616', hidden),
    'an empty Content-Length': () => post('Content-Length:', hidden),
    'a space before the colon': () => post('Content-Length : 0', hidden),
    'a folded header': () => post('X: a\r\n Content-Length: 0', hidden),
    'a folded Transfer-Encoding': () => post('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${hidden}`),
    'an unknown Transfer-Encoding': () => post('Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`),
    'chunked twice': () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`),
    'chunked, then identity': () => post('Transfer-Encoding: chunked, identity', `0\r\n\r\n${hidden}`),
    'a tab in Transfer-Encoding': () => post('Transfer-Encoding: \vchunked', `0\r\n\r\n${hidden}`),
    'bare line feeds': () => post('Content-Length: 0\nX: y', hidden),
    'only line feeds': () => `POST /add HTTP/1.1\nHost: x\nContent-Length: 0\n\n${hidden}`,
    'a bare carriage return': () => post('X: a\rContent-Length: 0', hidden),
    'a NUL in a header': () => post('X: a\0b\r\nContent-Length: 0', hidden),
    'a chunk size with a sign': () => post('Transfer-Encoding: chunked', `+0\r\n\r\n${hidden}`),
    'a chunk size with 0x': () => post('Transfer-Encoding: chunked', `0x0\r\n\r\n${hidden}`),
    'a chunk size beyond 64 bits': () => post('Transfer-Encoding: chunked', `fffffffffffffffff\r\n${hidden}`),
    'a chunk without its end': () => post('Transfer-Encoding: chunked', `1\r\nab0\r\n\r\n${hidden}`),
    'a line feed in a chunk extension': () => post('Transfer-Encoding: chunked', `0;a\nb\r\n\r\n${hidden}`),
    'a chunk extension of 20 KB': () =>
      post('Transfer-Encoding: chunked', `1;${'a'.repeat(20_000)}\r\na\r\n0\r\n\r\n${hidden}`),
    'no Host': () => 'POST /add HTTP/1.1\r\nContent-Length: 0\r\n\r\n',
    'an unknown version': () => `POST /add HTTP/1.7\r\nHost: x\r\nContent-Length: 0\r\n\r\n${hidden}`,
    'a space in the path': () => `POST /add /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n${hidden}`,
    'a lower-case method': () => `post /add HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n${hidden}`,
    'another protocol': () => 'SSH-2.0-OpenSSH_9.6\r\n\r\n',
    TLS: () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  }

  it.each(Object.keys(probes))('%s', async (name) => {
    const { size } = await peekCheckpoint(server.url)
    const { statuses, closed, text } = await rawExchange(portOf(server.url), probes[name]?.() ?? '', { idleMs: 2_000 })
    await new Promise((done) => setTimeout(done, 20))
    // Nothing hidden was served: neither answered nor appended.
    expect((await peekCheckpoint(server.url)).size).toBe(size)
    expect(statuses.filter((status) => status < 400)).toEqual([])
    expect(closed).toBe(true)
    // 401 is the answer to the head of a request without a token, before its body turns out to be none.
    expect(statuses.length).toBeLessThanOrEqual(2)
    for (const status of statuses) expect([400, 401, 413]).toContain(status)
    if (statuses.length > 0 && name !== 'no Host')
      expect(text).toMatch(/\r\n\r\n(malformed|too_large|unauthorized): [^\r\n]+\n$/)
  })

  it('a Host or path that makes no URL is 400, and the connection goes on', async () => {
    const bad = [
      'GET /checkpoint HTTP/1.1\r\nHost: a b',
      'GET /check\\point HTTP/1.1\r\nHost: x',
      'GET http://[ HTTP/1.1\r\nHost: x',
    ]
    for (const head of bad) {
      const requests = `${head}\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      expect((await rawExchange(portOf(server.url), requests, { idleMs: 2_000 })).statuses).toEqual([400, 200])
    }
  })

  it('20 KB of headers are 431', async () => {
    const request = `GET /checkpoint HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`
    const { statuses, closed } = await rawExchange(portOf(server.url), request)
    expect([statuses, closed]).toEqual([[431], true])
  })

  it('honest requests in a row on one connection are answered in their order', async () => {
    const requests = [
      'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
      hidden,
      'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n',
      `POST /add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.token}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      'GET /checkpoint HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    ]
    const { statuses } = await rawExchange(portOf(server.url), requests.join(''), { idleMs: 2_000 })
    expect(statuses).toEqual([200, 200, 404, 200, 200])
    expect((await peekCheckpoint(server.url)).size).toBe(2)
  })
})
