/** A real socket for the app: limits against slow and greedy clients, and a stop that answers what it has taken. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, RequestError } from '@hono/node-server'
import type { Hono } from 'hono'
import { TlogError } from '../primitives/error.ts'
import type { Shortcut } from './append-shortcut.ts'
import type { Env } from './body.ts'
import { standardHeaders } from './headers.ts'
import { boundUnread, inTurns, trackSockets } from './outflow.ts'

/** Where to listen and how patient to be. */
export interface ServeOptions {
  readonly host: string
  readonly port: number
  /** Sockets at once. Default 10,000. */
  readonly maxConnections?: number
  /** How long the head of a request may take, in milliseconds. Default 10,000. */
  readonly headersTimeoutMs?: number
  /** How long a whole request may take to arrive, in milliseconds. Default 30,000. */
  readonly requestTimeoutMs?: number
  /** Bytes of answers that clients may leave unread, all together. Default 256 MiB. */
  readonly maxUnreadBytes?: number
  /** Asked before the app; what it leaves alone is the app's. */
  readonly shortcut?: Shortcut
}

/** A listening server. */
export interface Listening {
  readonly url: string
  /** Takes no new connections, waits for answers under way up to `graceMs`, then closes what is left. */
  stop(graceMs: number): Promise<void>
}

/** Listens. Rejects with `io` when the address is taken or not ours. */
export const serve = async (app: Hono<Env>, limits: ServeOptions): Promise<Listening> => {
  const { host, port, maxConnections = 10_000, headersTimeoutMs = 10_000, requestTimeoutMs = 30_000 } = limits
  const { maxUnreadBytes = 256 * 2 ** 20, shortcut = () => false } = limits
  const options = {
    // Node's own defaults leave a slow client 85 seconds and an idle one for ever.
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: 30_000,
    connectionsCheckingInterval: Math.min(5_000, headersTimeoutMs / 2),
    maxHeaderSize: 16_384,
  }
  const listener = getRequestListener(app.fetch, { errorHandler: answerRequestError })
  const server = createServer(
    options,
    inTurns((request, response) => void (shortcut(request, response) || listener(request, response))),
  )
  server.maxConnections = maxConnections
  // Once the server is stopping, every answer is the last of its connection; else a busy client would keep it for ever.
  server.prependListener('request', (_, response) => {
    if (!server.listening) response.shouldKeepAlive = false
  })
  // For clients that send quickly and then do not read.
  server.timeout = 2 * requestTimeoutMs
  server.on('clientError', answerClientError)
  const sockets = trackSockets(server)
  boundUnread(server, sockets, maxUnreadBytes)
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return { url: `http://${name}:${address.port}`, stop: (graceMs) => stop(server, sockets, graceMs) }
}

/** A request whose Host or path is no part of a URL never reaches the app. */
const answerRequestError = (error: unknown): Response => {
  const [line, status] =
    error instanceof RequestError
      ? ['malformed: want a Host and a path that make a URL\n', 400]
      : ['internal: the server failed\n', 500]
  return new Response(line, { status, headers: { ...standardHeaders, 'Content-Type': 'text/plain; charset=utf-8' } })
}

/** What is not HTTP gets its answer here, in the form of all other errors. */
const answerClientError = (error: NodeJS.ErrnoException, socket: Duplex & { _httpMessage?: ServerResponse }): void => {
  // After a whole request that is still being answered, a 400 would be taken for that answer, though the entry may go in.
  if (!socket.writable || socket._httpMessage?.req.complete === true) {
    socket.destroy()
    return
  }
  const [status, line] = clientErrors[error.code ?? ''] ?? ['400 Bad Request', 'malformed: want an HTTP/1.1 request']
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n`
  socket.end(`${head}Content-Length: ${line.length + 1}\r\n\r\n${line}\n`)
}

const clientErrors: Readonly<Record<string, readonly [status: string, line: string]>> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'too_large: want headers of at most 16384 bytes'],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['413 Payload Too Large', 'too_large: chunk extensions are too long'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'malformed: the request took too long to arrive'],
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(new TlogError('io', `cannot listen on ${host}:${port}: ${cause.code}`, { cause }))
    })
    server.listen({ host, port, backlog: 4_096 }, () => resolve())
  })

const stop = (server: Server, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs)
    // A connection that was answering when the stop came is idle afterwards, and nobody else closes it then.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    server.close(() => {
      clearTimeout(timer)
      clearInterval(sweep)
      resolve()
    })
    server.closeIdleConnections()
    // Browsers open connections ahead of need, and Node does not count one that has never asked anything as idle.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy()
  })
