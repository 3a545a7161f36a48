/** Slow, silent and greedy clients: bounded in time and number, and the others hardly notice. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { add } from '../support/append.ts'
import { openSocket, portOf, rawExchange } from '../support/raw-http.ts'
import { type Server, startServer } from '../support/server.ts'

const HEADERS_MS = 500
const REQUEST_MS = 1_000

/** One slow client: what it saw, and when the server closed it. */
interface SlowClient {
  readonly socket: Socket
  readonly closedAfter: Promise<number>
  text: string
}

describe('[HTTP-10] slow clients', () => {
  let folder: string
  let server: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-slow-'))
    const args = ['--headers-timeout-ms', String(HEADERS_MS), '--request-timeout-ms', String(REQUEST_MS)]
    server = await startServer({ dataDir: join(folder, 'data'), args: [...args, '--max-connections', '700'] })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const residentBytes = (): number =>
    1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1])

  const slowClient = async (first: string, drip: string): Promise<SlowClient> => {
    const socket = await openSocket(portOf(server.url))
    const start = performance.now()
    const dripping = setInterval(() => {
      if (socket.writable) socket.write(drip)
    }, 200)
    const closedAfter = new Promise<number>((resolve) => {
      socket.on('error', () => {})
      socket.on('close', () => {
        clearInterval(dripping)
        resolve(performance.now() - start)
      })
    })
    const client: SlowClient = { socket, closedAfter, text: '' }
    socket.setEncoding('latin1').on('data', (part: string) => {
      client.text += part
    })
    socket.write(first)
    return client
  }

  it('300 that drip headers and 200 that drip bodies are all closed in time, while others are served', async () => {
    const headers = await Promise.all(
      Array.from({ length: 300 }, () => slowClient('GET /checkpoint HTTP/1.1\r\nHost: x\r\nX-A: ', 'a')),
    )
    const bodies = await Promise.all(
      Array.from({ length: 200 }, () =>
        slowClient(
          `POST /add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${server.token}\r\nContent-Length: 60000\r\n\r\n`,
          'a',
        ),
      ),
    )
    const times: number[] = []
    for (let i = 0; i < 60; i++) {
      const start = performance.now()
      if (i % 2 === 0) expect((await fetch(`${server.url}/checkpoint`)).status).toBe(200)
      else await add(server, Buffer.from(`good ${i}`))
      times.push(performance.now() - start)
      await pause(10)
    }
    times.sort((a, b) => a - b)
    console.info(`among 500 slow clients: p50 ${times[30]?.toFixed(1)} ms, p99 ${times[59]?.toFixed(1)} ms`)
    expect(times[30]).toBeLessThan(250)
    const headersClosed = Math.max(...(await Promise.all(headers.map(({ closedAfter }) => closedAfter))))
    const bodiesClosed = Math.max(...(await Promise.all(bodies.map(({ closedAfter }) => closedAfter))))
    console.info(`closed after ${headersClosed.toFixed(0)} ms (headers), ${bodiesClosed.toFixed(0)} ms (bodies)`)
    expect(headersClosed).toBeLessThan(HEADERS_MS + 2_500)
    expect(bodiesClosed).toBeLessThan(REQUEST_MS + 2_500)
    // A client that is told why can be mended.
    for (const { text } of [...headers, ...bodies]) expect(text).toMatch(/^HTTP\/1\.1 408 .*|^$/)
    expect([...headers, ...bodies].filter(({ text }) => text.includes('took too long')).length).toBeGreaterThan(400)
  })

  it('that order much and never read cost bounded memory, while others are served', async () => {
    const large = Buffer.alloc(65_000, 7)
    for (let i = 0; i < 64; i++) await add(server, Buffer.concat([large, Buffer.from(String(i))]))
    const before = residentBytes()
    // 100 clients order 20 times 1.5 MB each, in one packet: 3 GB in all.
    const order = 'GET /ct/v1/get-entries?start=0&end=99 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(20)
    const silent = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const socket = await openSocket(portOf(server.url))
        socket.pause().on('error', () => {})
        socket.write(order)
        return socket
      }),
    )
    let most = 0
    const times: number[] = []
    for (let i = 0; i < 40; i++) {
      const start = performance.now()
      const { statuses } = await rawExchange(
        portOf(server.url),
        'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
        { idleMs: 5_000 },
      )
      expect(statuses).toEqual([200])
      times.push(performance.now() - start)
      most = Math.max(most, residentBytes() - before)
      await pause(100)
    }
    times.sort((a, b) => a - b)
    console.info(
      `3 GB ordered, none read: memory grew by ${(most / 2 ** 20).toFixed(0)} MiB, /healthz p50 ${times[20]?.toFixed(0)} ms, most ${times[39]?.toFixed(0)} ms`,
    )
    for (const socket of silent) socket.destroy()
    expect(most).toBeLessThan(1_000 * 2 ** 20)
  })

  it('beyond the limit of connections are turned away, and there is room again when others leave', async () => {
    const idle = await Promise.all(Array.from({ length: 700 }, () => openSocket(portOf(server.url))))
    await pause(100)
    const ask = (): ReturnType<typeof rawExchange> =>
      rawExchange(portOf(server.url), 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', {
        idleMs: 1_000,
      })
    const refused = await ask()
    expect([refused.statuses, refused.closed]).toEqual([[], true])
    for (const socket of idle) socket.destroy()
    await pause(200)
    expect((await ask()).statuses).toEqual([200])
  })

  it('are patiently waited for by default: ten seconds for headers, thirty for a request', async () => {
    const { fields } = await import('../../src/cli/config.ts')
    expect([fields.headersTimeoutMs.default, fields.requestTimeoutMs.default]).toEqual([10_000, 30_000])
  })
})
