/** HTTP by hand over a socket: for requests that no client library would send. */
import { connect, type Socket } from 'node:net'

/** What came back on one connection. */
export interface Exchange {
  /** All bytes of the answers, as Latin-1. */
  readonly text: string
  /** The status of each answer, in order. */
  readonly statuses: readonly number[]
  /** True when the server closed the connection before `idleMs` had passed without a byte. */
  readonly closed: boolean
  /** Milliseconds from the first byte sent to the last byte received. */
  readonly ms: number
}

/** How to talk. */
export interface RawOptions {
  /** The conversation ends when nothing has come for this long. Default 300. */
  readonly idleMs?: number
  /** Ends it as soon as this many answers are there. */
  readonly answers?: number
}

/** The port of an http://127.0.0.1 URL. */
export const portOf = (url: string): number => Number(new URL(url).port)

/** Connects to 127.0.0.1; resolves once connected. */
export const openSocket = (port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => resolve(socket))
    socket.once('error', reject)
  })

/** Sends bytes as they are on a new connection, and collects what comes back until it is closed or silent. */
export const rawExchange = async (
  port: number,
  bytes: string | Uint8Array,
  { idleMs = 300, answers = Number.POSITIVE_INFINITY }: RawOptions = {},
): Promise<Exchange> => {
  const socket = await openSocket(port)
  const start = performance.now()
  let last = start
  let text = ''
  const closed = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), idleMs)
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk
      last = performance.now()
      timer.refresh()
      if (statusesIn(text).length >= answers) resolve(false)
    })
    socket.on('error', () => resolve(true))
    socket.on('close', () => resolve(true))
    socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  })
  socket.destroy()
  return { text, statuses: statusesIn(text), closed, ms: last - start }
}

const statusesIn = (text: string): readonly number[] =>
  [...text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g)].map(([, status]) => Number(status))
