/** What a real server answers, header by header: caching, compression, cross-origin reading, proofs, batches, duplicates. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { verifyInclusion } from '../../src/merkle/inclusion.ts'
import { parseVerifierKey } from '../../src/note/key.ts'
import { joinFrames, splitFrames } from '../../src/primitives/framing.ts'
import { openCheckpoint } from '../../src/tlog/checkpoint.ts'
import { parseProofFile } from '../../src/tlog/proof-file.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { add, addAll, peekCheckpoint } from '../support/append.ts'
import { type Server, startServer } from '../support/server.ts'

const IMMUTABLE = 'public, max-age=31536000, immutable'

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

describe('a server', () => {
  let folder: string
  let server: Server
  const data = Array.from({ length: 300 }, (_, i) => Buffer.from(`entry ${i}`))

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-content-'))
    server = await startServer({ dataDir: join(folder, 'data') })
    await addAll(server, data)
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Asks with exactly these headers, and takes the answer as it comes: fetch would add to one and decode the other. */
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET', body?: Uint8Array): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': String(body.length) }
      const asking = request(
        server.url + path,
        { method, headers: { ...headers, ...length }, agent: false },
        (response) => {
          const parts: Buffer[] = []
          response.on('data', (part: Buffer) => parts.push(part))
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) }),
          )
        },
      )
      asking.on('error', reject)
      asking.end(body)
    })
  const post = (path: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Reply> =>
    ask(path, { authorization: `Bearer ${server.token}`, ...headers }, 'POST', body)

  it.each([
    ['/checkpoint', 'no-cache', 'text/plain; charset=utf-8'],
    ['/tile/0/000', IMMUTABLE, 'application/octet-stream'],
    ['/tile/0/001.p/44', IMMUTABLE, 'application/octet-stream'],
    ['/tile/entries/000', IMMUTABLE, 'application/octet-stream'],
    ['/entry/7', IMMUTABLE, 'application/octet-stream'],
    ['/inclusion/300/7', IMMUTABLE, 'application/json'],
    ['/consistency/7/300', IMMUTABLE, 'application/json'],
    ['/proof/7', 'no-store', 'text/x.tlog-proof; charset=utf-8'],
    ['/ct/v1/get-sth', 'no-cache', 'application/json'],
    ['/ct/v1/get-sth-consistency?first=7&second=300', IMMUTABLE, 'application/json'],
    ['/healthz', 'no-store', undefined],
    ['/readyz', 'no-store', 'application/json'],
    ['/metrics', 'no-store', undefined],
    ['/openapi.json', 'no-cache', 'application/json'],
    ['/docs', 'no-cache', 'text/html; charset=utf-8'],
  ])('%s may be cached: %s', async (path, caching, type) => {
    const { status, headers, body } = await ask(path, { origin: 'https://elsewhere.example' })
    expect(status).toBe(200)
    expect(headers['cache-control']).toBe(caching)
    if (type !== undefined) expect(headers['content-type']).toBe(type)
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['x-content-type-options']).toBe('nosniff')
    const head = await ask(path, {}, 'HEAD')
    expect([head.status, head.body.length]).toEqual([200, 0])
    if (caching === IMMUTABLE) {
      expect((await ask(path)).body.equals(body)).toBe(true)
      expect(head.headers['cache-control']).toBe(caching)
    }
  })

  it.each([
    '/tile/0/002',
    '/tile/entries/001',
    '/entry/300',
    '/inclusion/301/0',
    '/consistency/0/5',
    '/proof/300',
    '/proof/leaf/00',
    '/nowhere',
  ])('%s is not there, and no cache may remember that for long', async (path) => {
    const { status, headers, body } = await ask(path, { origin: 'https://elsewhere.example' })
    expect([400, 404]).toContain(status)
    expect(headers['cache-control'] ?? 'no-store').toBe('no-store')
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['x-content-type-options']).toBe('nosniff')
    expect(body.toString()).toMatch(/^(malformed|not_found|out_of_range): [^\n]+\n$/)
  })

  it('bundles are compressed when asked, and only then', async () => {
    const plain = await ask('/tile/entries/000')
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(plain.headers['vary']).toMatch(/accept-encoding/i)
    expect(splitFrames(plain.body).map((one) => Buffer.from(one))).toEqual(data.slice(0, 256))
    for (const coding of [
      'gzip',
      'GZIP',
      'br, gzip',
      'gzip;q=0.5',
      '*',
      'gzip ; q=1',
      'deflate, gzip;q=1.0, *;q=0.5',
    ]) {
      const packed = await ask('/tile/entries/000', { 'accept-encoding': coding })
      expect([coding, packed.headers['content-encoding']]).toEqual([coding, 'gzip'])
      expect(gunzipSync(packed.body).equals(plain.body)).toBe(true)
      expect(packed.body.length).toBeLessThan(plain.body.length)
      expect(Number(packed.headers['content-length'])).toBe(packed.body.length)
    }
    for (const coding of ['identity', 'br', 'gzip;q=0', 'gzip; q=0.0', 'xgzip', 'gzipped', '']) {
      const answer = await ask('/tile/entries/000', { 'accept-encoding': coding })
      expect([coding, answer.headers['content-encoding']]).toEqual([coding, undefined])
    }
    // Hashes do not compress.
    expect((await ask('/tile/0/000', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBeUndefined()
  })

  it('any page may read, and may ask whether it may append', async () => {
    const preflight = {
      origin: 'https://elsewhere.example',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-digest',
    }
    const { status, headers } = await ask('/add', preflight, 'OPTIONS')
    expect(status).toBe(204)
    expect(headers['access-control-allow-origin']).toBe('*')
    expect(headers['access-control-allow-methods']).toContain('POST')
    expect(headers['access-control-allow-headers']).toMatch(/authorization/i)
    expect(headers['access-control-allow-credentials']).toBeUndefined()
  })

  it.each([
    ['PUT', '/add', 'POST'],
    ['GET', '/add', 'POST'],
    ['DELETE', '/entry/1', 'GET'],
    ['POST', '/checkpoint', 'GET'],
    ['PATCH', '/tile/0/000', 'GET'],
    ['POST', '/ct/v1/get-sth', 'GET'],
    ['PUT', '/', 'GET'],
  ])('[HTTP-3] %s %s is answered 405, and changes nothing', async (method, path, allow) => {
    const before = await peekCheckpoint(server.url)
    const { status, headers, body } = await ask(
      path,
      { authorization: `Bearer ${server.token}` },
      method,
      method === 'GET' ? undefined : Buffer.from('x'),
    )
    expect(status).toBe(405)
    expect(headers['allow']).toBe(allow)
    expect(body.toString()).toMatch(/^usage: /)
    expect(await peekCheckpoint(server.url)).toEqual(before)
  })

  it.each(['DELETE', 'PUT', 'PATCH', 'POST'])('no %s anywhere takes an entry away', async (method) => {
    const before = await peekCheckpoint(server.url)
    for (const path of [
      '/entry/0',
      '/tile/entries/000',
      '/tile/0/000',
      '/checkpoint',
      '/proof/0',
      '/',
      '/inclusion/300/0',
    ])
      expect((await ask(path, { authorization: `Bearer ${server.token}` }, method, Buffer.from('x'))).status).toBe(405)
    expect(await peekCheckpoint(server.url)).toEqual(before)
    expect((await ask('/entry/0')).body.toString()).toBe('entry 0')
  })

  it('[HTTP-1] /add answers the index alone, also for bytes that are there already', async () => {
    const { size } = await peekCheckpoint(server.url)
    for (let i = 0; i < 2; i++) {
      const { status, body, headers } = await post('/add', Buffer.from('new'))
      expect([status, body.toString()]).toEqual([200, String(size)])
      expect(headers['content-type']).toBe('text/plain; charset=utf-8')
      expect(headers['cache-control']).toBe('no-store')
    }
    expect((await post('/add', Buffer.from('entry 9'))).body.toString()).toBe('9')
    expect((await peekCheckpoint(server.url)).size).toBe(size + 1)
  })

  it.each([
    ['/add?proof', {}],
    ['/add?proof=1', {}],
    ['/add', { accept: 'text/x.tlog-proof' }],
    ['/add', { accept: 'text/html, text/x.tlog-proof;q=0.9' }],
  ])('%s with %o answers a proof that verifies with the key alone', async (path, headers) => {
    const entry = Buffer.from(`proved ${path} ${JSON.stringify(headers)}`)
    for (let replay = 0; replay < 2; replay++) {
      const { status, body, headers: got } = await post(path, entry, headers)
      expect(status).toBe(200)
      expect(got['content-type']).toBe('text/x.tlog-proof; charset=utf-8')
      const { index, proof, checkpoint } = parseProofFile(body)
      const verifiers = [verifierOf(parseVerifierKey(server.vkey))]
      const opened = openCheckpoint(checkpoint, { origin: server.origin, verifiers })
      const { size, root } = opened.checkpoint
      verifyInclusion({ index, size, leafHash: hashLeaf(entry), root, proof })
    }
  })

  const cbor = (list: readonly Buffer[]): Buffer =>
    Buffer.concat(
      list.flatMap((one) => [
        one.length < 24 ? Buffer.from([0x40 + one.length]) : Buffer.from([0x58, one.length]),
        one,
      ]),
    )

  it.each([
    ['application/octet-stream', (list: readonly Buffer[]) => Buffer.from(joinFrames(list))],
    ['application/cbor-seq', cbor],
  ])('batches in %s are answered with all indices in order, duplicates with their first', async (type, encode) => {
    const { size } = await peekCheckpoint(server.url)
    const [a, b, c] = ['a', 'b', 'c'].map((name) => Buffer.from(`${name} in ${type}, which is longer`))
    const list = [a, b, a, data[5], c, c].map((one) => one ?? Buffer.alloc(0))
    const want = [size, size + 1, size, 5, size + 2, size + 2]
    const { status, body } = await post('/add-batch', encode(list), { 'content-type': type })
    expect([status, body.toString()]).toEqual([200, want.map((index) => `${index}\n`).join('')])
    const json = await post('/add-batch', encode(list), { 'content-type': type, accept: 'application/json' })
    const answer = JSON.parse(json.body.toString())
    expect(answer).toEqual({ indices: want, duplicates: 6, checkpoint: expect.stringContaining(server.origin) })
    expect((await peekCheckpoint(server.url)).size).toBe(size + 3)
    for (const [i, one] of list.entries()) expect((await ask(`/entry/${want[i]}`)).body.equals(one)).toBe(true)
  })

  it('1,000 appends at once get dense indices, each its own, and are all there', async () => {
    const { size } = await peekCheckpoint(server.url)
    const indices = await Promise.all(Array.from({ length: 1_000 }, (_, i) => add(server, Buffer.from(`at once ${i}`))))
    expect([...indices].sort((a, b) => a - b)).toEqual(Array.from({ length: 1_000 }, (_, i) => size + i))
    expect((await peekCheckpoint(server.url)).size).toBe(size + 1_000)
    for (const i of [0, 1, 499, 999]) expect((await ask(`/entry/${indices[i]}`)).body.toString()).toBe(`at once ${i}`)
  })

  it('1,000 appends of the same bytes at once get one index', async () => {
    const { size } = await peekCheckpoint(server.url)
    const indices = await Promise.all(Array.from({ length: 1_000 }, () => add(server, Buffer.from('the same'))))
    expect(new Set(indices)).toEqual(new Set([size]))
    expect((await peekCheckpoint(server.url)).size).toBe(size + 1)
  })

  it('[HTTP-6] proofs for one thing are never those for another', async () => {
    const seen = new Set<string>()
    for (const path of [
      '/inclusion/300/7',
      '/inclusion/299/7',
      '/inclusion/300/8',
      '/consistency/7/300',
      '/consistency/8/300',
    ])
      seen.add(
        createHash('sha256')
          .update((await ask(path)).body)
          .digest('hex'),
      )
    expect(seen.size).toBe(5)
    // A query changes nothing, so a cache that ignores it does no harm.
    expect((await ask('/inclusion/300/7?index=8&size=299')).body).toEqual((await ask('/inclusion/300/7')).body)
  })
})
