/** Resources and producers over real sockets: retries, limits, and servers that are slow, greedy or strange. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { type HttpOptions, httpResources, LogClient, Producer } from '../../src/client/index.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { formatEntryBundle } from '../../src/tlog/entry-bundle.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'

const code =
  (value: string, message = /./) =>
  (error: unknown) =>
    isTlogError(error, value as never) && message.test(error.message)

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((done) => server.close(done))
  }
})

/** Starts a server; `asked` grows by the path of each request. */
const serve = async (handler: Handler): Promise<{ readonly url: string; readonly asked: readonly string[] }> => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    handler(request, response, asked.length)
  })
  servers.push(server)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const quick: Omit<HttpOptions, 'url'> = { retryDelayMs: 1, timeoutMs: 2_000 }

describe('[CLIENT-5] retries', () => {
  it.each([429, 502, 503, 504])('passes over a %i that goes away', async (status) => {
    const { url, asked } = await serve((_request, response, count) => {
      response.writeHead(count < 3 ? status : 200).end('fine')
    })
    const bytes = await httpResources({ url, ...quick }).checkpoint()
    expect(new TextDecoder().decode(bytes)).toBe('fine')
    expect(asked).toHaveLength(3)
  })

  it.each([
    [429, 'pushback'],
    [502, 'io'],
    [503, 'io'],
    [504, 'io'],
  ])('gives up on a %i that stays, with %s', async (status, want) => {
    const { url, asked } = await serve((_request, response) => response.writeHead(status).end('full: come back\n'))
    const reading = httpResources({ url, ...quick, maxAttempts: 3 }).checkpoint()
    await expect(reading).rejects.toSatisfy(code(want, /full: come back$/))
    expect(asked).toHaveLength(3)
  })

  it.each([
    [301, 'io'],
    [400, 'malformed'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [405, 'not_found'],
    [410, 'not_found'],
    [413, 'too_large'],
    [418, 'io'],
    [500, 'io'],
    [204, 'io'],
  ])('asks once when the answer is %i, which is %s', async (status, want) => {
    const { url, asked } = await serve((_request, response) => response.writeHead(status).end())
    await expect(httpResources({ url, ...quick }).checkpoint()).rejects.toSatisfy(code(want))
    expect(asked).toHaveLength(1)
  })

  it('passes over connections that break, also in the middle of an answer', async () => {
    const { url, asked } = await serve((request, response, count) => {
      if (count === 1) return request.socket.destroy()
      response.writeHead(200, { 'content-length': 10 })
      if (count < 4) return response.write('half', () => request.socket.destroy())
      return response.end('whole body')
    })
    const bytes = await httpResources({ url, ...quick }).checkpoint()
    expect(new TextDecoder().decode(bytes)).toBe('whole body')
    expect(asked).toHaveLength(4)
  })

  it.each([
    ['seconds', { 'retry-after': '1' }],
    ['a date', { 'retry-after': 'Thu, 01 Jan 2026 00:00:11 GMT', date: 'Thu, 01 Jan 2026 00:00:10 GMT' }],
  ])('waits as long as asked for in %s, and a little more', async (_title, headers) => {
    const { url } = await serve((_request, response, count) => {
      response.writeHead(count === 1 ? 503 : 200, count === 1 ? headers : {}).end()
    })
    const start = performance.now()
    await httpResources({ url, ...quick, retryDelayMs: 100, random: () => 0.5 }).checkpoint()
    expect(performance.now() - start).toBeGreaterThan(1_040)
  })

  it('does not wait for a server that wants too long', async () => {
    const { url, asked } = await serve((_request, response) => response.writeHead(503, { 'retry-after': '3600' }).end())
    await expect(httpResources({ url, ...quick }).checkpoint()).rejects.toSatisfy(code('io'))
    expect(asked).toHaveLength(1)
  })

  it('stops waiting when aborted', async () => {
    const { url } = await serve((_request, response) => response.writeHead(503, { 'retry-after': '20' }).end())
    const stop = new AbortController()
    const reading = httpResources({ url, ...quick }).checkpoint({ signal: stop.signal })
    setTimeout(() => stop.abort(new Error('enough')), 50)
    await expect(reading).rejects.toThrow('enough')
  })

  it('says where nobody listens', async () => {
    const reading = httpResources({ url: 'http://127.0.0.1:1', ...quick, maxAttempts: 2 }).checkpoint()
    await expect(reading).rejects.toSatisfy(code('io', /http:\/\/127\.0\.0\.1:1\/checkpoint/))
  })
})

describe('[CLIENT-5] limits', () => {
  it('ends a slow drip', async () => {
    const { url } = await serve((_request, response) => {
      response.writeHead(200)
      const drip = setInterval(() => response.write('a'), 10)
      response.on('close', () => clearInterval(drip))
    })
    const reading = httpResources({ url, timeoutMs: 100, maxAttempts: 2, retryDelayMs: 1 }).checkpoint()
    await expect(reading).rejects.toSatisfy(code('io', /within 100 ms/))
  })

  it.each([
    ['a checkpoint', 2 ** 20, (url: string) => httpResources({ url }).checkpoint()],
    ['a tile', 8_192, (url: string) => httpResources({ url }).tile({ level: 0, index: 0, width: 256 })],
    ['a bundle', 256 * 65_537, (url: string) => httpResources({ url }).entries({ index: 0, width: 256 })],
    ['a partial bundle', 2 * 65_537, (url: string) => httpResources({ url }).entries({ index: 0, width: 2 })],
  ])('refuses %s of over %i bytes, in one piece or for ever', async (_title, limit, read) => {
    const whole = await serve((_request, response) => response.end(Buffer.alloc(limit + 1)))
    await expect(read(whole.url)).rejects.toSatisfy(code('too_large'))
    let sent = 0
    const endless = await serve((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536
        if (!response.destroyed) response.once('drain', more)
      }
      more()
    })
    await expect(read(endless.url)).rejects.toSatisfy(code('too_large'))
    expect(sent).toBeLessThan(limit + 16 * 2 ** 20)
  })

  it('counts bytes after decompression', async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 2 ** 20))
    const { url } = await serve((_request, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
    )
    await expect(httpResources({ url }).tile({ level: 0, index: 0, width: 256 })).rejects.toSatisfy(code('too_large'))
  })

  it('keeps what the server says short and printable', async () => {
    const { url } = await serve((_request, response) =>
      response.writeHead(404).end(`\u001b[31mred${'x'.repeat(9_000)}`),
    )
    const error = await httpResources({ url })
      .checkpoint()
      .catch((caught: unknown) => caught)
    const { message } = error as Error
    expect(message.length).toBeLessThan(500)
    expect(message).not.toMatch(/\p{Cc}/u)
  })
})

describe('forms', () => {
  const tile = (width: number): Buffer => Buffer.alloc(32 * width, 7)

  it('cuts the full tile when the partial one is gone', async () => {
    const { url, asked } = await serve((request, response) => {
      request.url === '/tile/0/x001/234' ? response.end(tile(256)) : response.writeHead(404).end()
    })
    expect(await httpResources({ url }).tile({ level: 0, index: 1_234, width: 5 })).toHaveLength(160)
    expect(asked).toEqual(['/tile/0/x001/234.p/5', '/tile/0/x001/234'])
  })

  it('cuts the full bundle when the partial one is gone', async () => {
    const { url } = await serve((request, response) => {
      if (request.url !== '/tile/entries/000') return response.writeHead(404).end()
      return response.end(formatEntryBundle(numbered(0, 256)))
    })
    expect(await httpResources({ url }).entries({ index: 0, width: 3 })).toEqual(numbered(0, 3))
  })

  it('says not_found when both are', async () => {
    const { url } = await serve((_request, response) => response.writeHead(404).end())
    await expect(httpResources({ url }).tile({ level: 0, index: 0, width: 5 })).rejects.toSatisfy(code('not_found'))
  })

  it.each([
    ['a short tile', tile(4), 5],
    ['a long tile', tile(6), 5],
    ['a short full tile', tile(255), 256],
    ['no tile', Buffer.alloc(0), 1],
  ])('refuses %s', async (_title, body, width) => {
    const { url } = await serve((_request, response) => response.end(body))
    const reading = httpResources({ url }).tile({ level: 0, index: 0, width })
    await expect(reading).rejects.toSatisfy(
      (error) => isTlogError(error, 'malformed') || isTlogError(error, 'too_large'),
    )
  })

  it.each([
    ['too few entries', formatEntryBundle(numbered(0, 4)), 'malformed'],
    ['too many entries', formatEntryBundle(numbered(0, 6)), 'too_large'],
    ['half an entry', formatEntryBundle(numbered(0, 5)).slice(0, -1), 'malformed'],
    ['nothing', new Uint8Array(0), 'malformed'],
  ])('refuses a bundle with %s', async (_title, body, want) => {
    const { url } = await serve((_request, response) => response.end(body))
    await expect(httpResources({ url }).entries({ index: 0, width: 5 })).rejects.toSatisfy(code(want))
  })

  it('follows a redirect to read, and keeps a prefix with a path', async () => {
    const { url } = await serve((request, response) => {
      if (request.url === '/logs/mine/checkpoint') return response.writeHead(302, { location: '/there' }).end()
      return response.end(request.url)
    })
    const bytes = await httpResources({ url: `${url}/logs/mine/` }).checkpoint()
    expect(new TextDecoder().decode(bytes)).toBe('/there')
  })

  it('gives up on redirects that go in circles', async () => {
    const { url } = await serve((_request, response) => response.writeHead(302, { location: '/checkpoint' }).end())
    await expect(httpResources({ url, ...quick, maxAttempts: 1 }).checkpoint()).rejects.toSatisfy(code('io'))
  })

  it('accepts no log at the end of a redirect but the pinned one', async () => {
    const [mine, other] = [await memoryLog({ origin: 'a.example' }), await memoryLog({ origin: 'b.example' })]
    const target = await serve((_request, response) => response.end(other.checkpoint()))
    const { url } = await serve((_request, response) => {
      response.writeHead(302, { location: `${target.url}/checkpoint` }).end()
    })
    await expect(new LogClient({ url, vkey: mine.vkey }).checkpoint()).rejects.toSatisfy(code('wrong_origin'))
  })
})

describe('a producer', () => {
  const entry = numbered(0, 1)[0]!

  it('sends the entry with its digest and the token', async () => {
    let seen: Record<string, unknown> = {}
    const { url } = await serve((request, response) => {
      seen = { method: request.method, url: request.url, ...request.headers }
      response.end('41')
    })
    expect(await new Producer({ url, token: 'secret' }).add(entry)).toBe(41)
    expect(seen).toMatchObject({
      method: 'POST',
      url: '/add',
      authorization: 'Bearer secret',
      'content-type': 'application/octet-stream',
      'content-digest': expect.stringMatching(/^sha-256=:[A-Za-z0-9+/]{43}=:$/),
    })
  })

  it('sends again what failed in passing', async () => {
    const { url, asked } = await serve((_request, response, count) =>
      response.writeHead(count < 3 ? 503 : 200).end('7'),
    )
    expect(await new Producer({ url, ...quick }).add(entry)).toBe(7)
    expect(asked).toHaveLength(3)
  })

  it('says that it does not know, and shows no token', async () => {
    const { url } = await serve((request) => request.socket.destroy())
    const error = await new Producer({ url, ...quick, maxAttempts: 2, token: 'secret' })
      .add(entry)
      .catch((caught: unknown) => caught)
    expect(error).toSatisfy(code('unknown_outcome'))
    expect(`${error} ${(error as Error).stack} ${JSON.stringify(error)}`).not.toContain('secret')
  })

  it('knows that nothing was kept only if every attempt was turned away', async () => {
    const full = await serve((_request, response) => response.writeHead(429).end())
    await expect(new Producer({ url: full.url, ...quick }).add(entry)).rejects.toSatisfy(code('pushback'))
    const unsure = await serve((request, response, count) => {
      count === 1 ? request.socket.destroy() : response.writeHead(429).end()
    })
    await expect(new Producer({ url: unsure.url, ...quick }).add(entry)).rejects.toSatisfy(code('unknown_outcome'))
  })

  it('takes its token to no other place', async () => {
    const target = await serve((_request, response) => response.end('7'))
    const { url } = await serve((_request, response) =>
      response.writeHead(307, { location: `${target.url}/add` }).end(),
    )
    const adding = new Producer({ url, ...quick, maxAttempts: 1, token: 'secret' }).add(entry)
    await expect(adding).rejects.toSatisfy(code('unknown_outcome'))
    expect(target.asked).toEqual([])
  })

  it.each(['', '07', '7\n', '-1', 'seven', '9007199254740993', '<html>'])('refuses %j for an index', async (answer) => {
    const { url } = await serve((_request, response) => response.end(answer))
    await expect(new Producer({ url }).add(entry)).rejects.toSatisfy(code('malformed'))
  })

  it.each([
    ['too few', '0\n'],
    ['too many', '0\n1\n2\n'],
    ['no newline', '0\n1'],
  ])('refuses %s indices for a batch', async (_title, answer) => {
    const { url } = await serve((_request, response) => response.end(answer))
    await expect(new Producer({ url }).addBatch(numbered(0, 2))).rejects.toSatisfy(isTlogError)
  })

  it('cuts a batch by entries and by bytes, and keeps the order', async () => {
    const sizes: number[] = []
    const { url } = await serve((request, response) => {
      let body = Buffer.alloc(0)
      request.on('data', (chunk: Buffer) => {
        body = Buffer.concat([body, chunk])
      })
      request.on('end', () => {
        const first = sizes.reduce((sum, size) => sum + size, 0)
        let count = 0
        for (let at = 0; at < body.length; at += 2 + body.readUInt16BE(at)) count++
        sizes.push(count)
        response.end(Array.from({ length: count }, (_, i) => `${first + i}\n`).join(''))
      })
    })
    const entries = [...numbered(0, 7), new Uint8Array(60), new Uint8Array(60), new Uint8Array(60)]
    const indices = await new Producer({ url, maxBatchEntries: 3, maxBatchBytes: 100 }).addBatch(entries)
    expect(indices).toEqual(entries.map((_, i) => i))
    expect(sizes).toEqual([3, 3, 2, 1, 1])
  })

  it.each([
    ['an empty entry', new Uint8Array(0), 'malformed'],
    ['an entry over 65,535 bytes', new Uint8Array(65_536), 'too_large'],
  ])('refuses %s before asking', async (_title, bad, want) => {
    const producer = new Producer({ url: 'http://127.0.0.1:1' })
    await expect(producer.add(bad)).rejects.toSatisfy(code(want))
    await expect(producer.addBatch([entry, bad])).rejects.toSatisfy(code(want))
  })

  it('returns a receipt only when it is of this entry and of the trusted log', async () => {
    const made = await memoryLog()
    await made.append(numbered(0, 3))
    const proof = await made.log.reader.proofFile(1)
    const { url } = await serve((_request, response) => response.end(proof))
    const producer = new Producer({ url, trust: { vkey: made.vkey } })
    expect(await producer.addWithReceipt(numbered(1, 2)[0]!)).toMatchObject({ index: 1, size: 3, file: proof })
    await expect(producer.addWithReceipt(entry)).rejects.toSatisfy(code('bad_proof'))
    const stranger = await memoryLog({ seed: 4 })
    const wary = new Producer({ url, trust: { vkey: stranger.vkey } })
    await expect(wary.addWithReceipt(numbered(1, 2)[0]!)).rejects.toSatisfy(code('untrusted'))
    await expect(new Producer({ url }).addWithReceipt(entry)).rejects.toThrow(TypeError)
  })
})
