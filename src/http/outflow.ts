/** Bounds on answers that are not read: how many a connection may have ordered, and how much all may leave lying. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Handles a request, as node:http calls it. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** Appends of one connection that are worked on at once; their answers are short. */
const MOST_APPENDS = 64

/**
 * Lets the requests of a connection in by turns: a read when nothing else is under way on it, appends a number at a time.
 * One packet holds a thousand small requests, and each may be for megabytes: a client that does not take what it ordered
 * first gets nothing more.
 */
export const inTurns = (listener: Listener): Listener => {
  const lanes = new WeakMap<Socket, Lane>()
  return (request, response) => {
    let lane = lanes.get(request.socket)
    if (lane === undefined) {
      lane = new Lane(listener)
      lanes.set(request.socket, lane)
    }
    lane.take(request, response)
  }
}

/** The requests of one connection. */
class Lane {
  readonly #listener: Listener
  readonly #waiting: (readonly [IncomingMessage, ServerResponse])[] = []
  #running = 0
  #reading = false

  constructor(listener: Listener) {
    this.#listener = listener
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    this.#waiting.push([request, response])
    this.#startNext()
  }

  #startNext(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#mayStart(next[0]); next = this.#waiting[0]) {
      this.#waiting.shift()
      this.#start(...next)
    }
  }

  #mayStart({ method }: IncomingMessage): boolean {
    return this.#running === 0 || (method === 'POST' && !this.#reading && this.#running < MOST_APPENDS)
  }

  #start(request: IncomingMessage, response: ServerResponse): void {
    if (request.socket.destroyed) return
    this.#running++
    this.#reading = request.method !== 'POST'
    response.once('close', () => {
      this.#running--
      this.#reading = false
      this.#startNext()
    })
    this.#listener(request, response)
  }
}

/** The open connections of a server, kept up to date. */
export const trackSockets = (server: Server): ReadonlySet<Socket> => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/**
 * Looks at what the connections have been sent and have not taken, and closes the ones that owe most while it is more
 * than `maxBytes` in all. Ends with the server.
 */
export const boundUnread = (server: Server, sockets: ReadonlySet<Socket>, maxBytes: number): void => {
  const look = (): void => {
    let total = 0
    for (const socket of sockets) total += socket.writableLength
    if (total <= maxBytes) return
    for (const socket of [...sockets].sort((a, b) => b.writableLength - a.writableLength)) {
      if (total <= maxBytes) return
      total -= socket.writableLength
      socket.destroy()
    }
  }
  const timer = setInterval(look, 100).unref()
  server.once('close', () => clearInterval(timer))
}
