/** Bodies of every size against a real server: what is over a limit is refused soon, kept nowhere, and never a 500. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { joinFrames } from '../../src/primitives/framing.ts'
import { peekCheckpoint } from '../support/append.ts'
import { openSocket, portOf, rawExchange } from '../support/raw-http.ts'
import { type Server, startServer } from '../support/server.ts'

describe('bodies', () => {
  let folder: string
  let server: Server
  let head: string
  let serial = 0

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-limits-'))
    server = await startServer({ dataDir: join(folder, 'data') })
    head = `Host: x\r\nAuthorization: Bearer ${server.token}\r\n`
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** Bytes of a length that no other call has given. */
  const fresh = (length: number): Buffer => {
    const bytes = Buffer.alloc(length, 0x61)
    bytes.write(String(serial++).slice(0, length))
    return bytes
  }
  const size = async (): Promise<number> => (await peekCheckpoint(server.url)).size
  const residentBytes = (): number =>
    1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1])

  const withLength = (path: string, body: Uint8Array, more = ''): Buffer =>
    Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}${more}Content-Length: ${body.length}\r\n\r\n`), body])

  const chunked = (path: string, body: Uint8Array): Buffer => {
    const parts = [Buffer.from(`POST ${path} HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`)]
    for (let at = 0; at < body.length; at += 60_000) {
      const chunk = body.subarray(at, at + 60_000)
      parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), Buffer.from(chunk), Buffer.from('\r\n'))
    }
    return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
  }

  describe.each([
    ['with a length', withLength],
    ['in chunks', chunked],
  ])('%s', (_, form) => {
    it.each([
      [0, 400],
      [1, 200],
      [65_535, 200],
      [65_536, 413],
      [100_000, 413],
      [10_000_000, 413],
    ])('of %i bytes: %i', async (length, want) => {
      const before = await size()
      const { statuses, text, ms } = await rawExchange(portOf(server.url), form('/add', fresh(length)), {
        idleMs: 2_000,
        answers: 1,
      })
      expect(statuses).toEqual([want])
      expect(await size()).toBe(before + (want === 200 ? 1 : 0))
      if (want !== 413) return
      expect(text).toContain('too_large: want a body of at most 65535 bytes\n')
      expect(ms).toBeLessThan(1_000)
    })
  })

  it('a batch may have 16 MiB and 16,384 entries, and not one more', async () => {
    const post = async (body: Uint8Array): Promise<number> => {
      const { statuses } = await rawExchange(
        portOf(server.url),
        withLength('/add-batch', body, 'Content-Type: application/octet-stream\r\n'),
        { idleMs: 10_000, answers: 1 },
      )
      return statuses[0] ?? 0
    }
    const before = await size()
    const many = Array.from({ length: 16_384 }, () => fresh(8))
    expect(await post(joinFrames(many))).toBe(200)
    expect(await post(joinFrames([...many, fresh(8)]))).toBe(413)
    const large = [...Array.from({ length: 255 }, () => fresh(65_535)), fresh(2 ** 24 - 255 * 65_537 - 2)]
    expect(joinFrames(large)).toHaveLength(2 ** 24)
    expect(await post(joinFrames(large))).toBe(200)
    expect(await post(Buffer.concat([joinFrames(large), Buffer.from([0, 1, 1])]))).toBe(413)
    expect(await size()).toBe(before + 16_384 + 256)
  })

  it('without a token is refused whatever its size, and not read', async () => {
    const before = await size()
    for (const length of [1, 65_535, 10_000_000]) {
      const request = `POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`
      // No byte of the body is sent: the answer does not wait for it.
      const { statuses } = await rawExchange(portOf(server.url), request, { idleMs: 1_000, answers: 1 })
      expect(statuses).toEqual([401])
    }
    expect(await size()).toBe(before)
  })

  it('that are shorter or longer than they say are not taken for whole', async () => {
    const before = await size()
    const socket = await openSocket(portOf(server.url))
    socket.on('error', () => {})
    socket.write(`POST /add HTTP/1.1\r\n${head}Content-Length: 100\r\n\r\nonly this`)
    await new Promise((resolve) => setTimeout(resolve, 200))
    socket.resetAndDestroy()
    const unfinished = await openSocket(portOf(server.url))
    unfinished.on('error', () => {})
    unfinished.write(`POST /add HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`)
    unfinished.end()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(await size()).toBe(before)
    // The first five bytes are a whole request, which may go in; so a 400 must not be what its sender sees.
    const longer = `POST /add HTTP/1.1\r\n${head}Content-Length: 5\r\n\r\nhello and more`
    const { statuses, closed } = await rawExchange(portOf(server.url), longer)
    expect([[], [200]]).toContainEqual(statuses)
    expect(closed).toBe(true)
    // Whatever was taken before this one is in the log when this one is.
    const next = await rawExchange(portOf(server.url), withLength('/add', fresh(9)), { answers: 1, idleMs: 2_000 })
    expect(next.statuses).toEqual([200])
  })

  it.each([
    ['/add', 'right', 200],
    ['/add', 'wrong', 422],
    ['/add', 'sha-512 only', 400],
    ['/add', 'not base64', 400],
    ['/add-batch', 'right', 200],
    ['/add-batch', 'wrong', 422],
  ])('[HTTP-2] %s with a %s Content-Digest: %i', async (path, kind, want) => {
    const body = path === '/add' ? fresh(50) : Buffer.from(joinFrames([fresh(50)]))
    const right = createHash('sha256').update(body).digest('base64')
    const digest = {
      right: `sha-256=:${right}:`,
      wrong: `sha-256=:${createHash('sha256').update('other').digest('base64')}:`,
      'sha-512 only': 'sha-512=:AAAA:',
      'not base64': 'sha-256=:A:',
    }[kind]
    const before = await size()
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      body: Uint8Array.from(body),
      headers: {
        authorization: `Bearer ${server.token}`,
        'content-digest': digest ?? '',
        'content-type': 'application/octet-stream',
      },
    })
    expect(answer.status).toBe(want)
    expect(await size()).toBe(before + (want === 200 ? 1 : 0))
  })

  it('that never end are cut off within a second', async () => {
    const socket = await openSocket(portOf(server.url))
    const start = performance.now()
    let text = ''
    const closed = new Promise<number>((resolve) => {
      socket.on('error', () => {})
      socket.setEncoding('latin1').on('data', (part: string) => {
        text += part
      })
      socket.on('close', () => resolve(performance.now() - start))
    })
    socket.write(`POST /add HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n`)
    const more = setInterval(() => {
      if (!socket.destroyed) socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`)
    }, 5)
    const ms = await closed
    clearInterval(more)
    expect(text).toMatch(/^HTTP\/1.1 413 /)
    expect(ms).toBeLessThan(2_000)
  })

  it('over the limit cost no memory', async () => {
    const attack = chunked('/add', fresh(10_000_000))
    const once = (): Promise<unknown> => rawExchange(portOf(server.url), attack, { idleMs: 700 })
    for (let i = 0; i < 3; i++) await Promise.all([once(), once(), once(), once()])
    const before = residentBytes()
    for (let i = 0; i < 10; i++) await Promise.all([once(), once(), once(), once()])
    const grown = residentBytes() - before
    console.info(`40 bodies of 10 MB: resident memory grew by ${(grown / 2 ** 20).toFixed(1)} MiB`)
    expect(grown).toBeLessThan(50 * 2 ** 20)
  })

  it('[HTTP-3] of all these, none made the server fail', async () => {
    const metrics = await (await fetch(`${server.url}/metrics`)).text()
    expect(metrics).not.toMatch(/status="5/)
    expect(server.stderr()).not.toMatch(/"level":"(error|fatal)"/)
  })
})
