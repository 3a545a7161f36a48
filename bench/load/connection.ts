/** A connection that stays open and sends one prepared request after another: as little work as a client can do. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** Told of what comes back. The body is only good during the call. */
export interface Handler {
  answer(status: number, body: Buffer): void
  /** The connection broke, or `answer` threw: nothing more will come. */
  failed(error: unknown): void
}

/** An open connection. HTTP/1.1 with Content-Length only, which is all that our answers use. */
export class Connection {
  readonly #socket: Socket
  readonly #handler: Handler
  /** The beginning of an answer that has not come whole. */
  #rest: Buffer | undefined

  private constructor(socket: Socket, handler: Handler) {
    this.#socket = socket
    this.#handler = handler
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => handler.failed(error))
    socket.on('close', () => handler.failed(new Error('the server closed the connection')))
  }

  /** Connects to the host and port of `url`. */
  static async open(url: string, handler: Handler): Promise<Connection> {
    const { hostname, port } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    await once(socket, 'connect')
    return new Connection(socket, handler)
  }

  /** Sends a whole request. The next one may follow when this one was answered. */
  send(request: Uint8Array): void {
    this.#socket.write(request)
  }

  /** Ends it without telling the handler. */
  close(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk])
    this.#rest = bytes
    try {
      const answer = parseAnswer(bytes)
      if (answer === undefined) return
      this.#rest = undefined
      this.#handler.answer(answer.status, answer.body)
    } catch (error) {
      this.#handler.failed(error)
    }
  }
}

/** The answer that the bytes are, or undefined when it has not come whole. */
const parseAnswer = (bytes: Buffer): { readonly status: number; readonly body: Buffer } | undefined => {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without Content-Length: ${head}`)
  const end = headEnd + 4 + Number(length)
  if (bytes.length < end) return undefined
  return { status: Number(head.slice(9, 12)), body: bytes.subarray(headEnd + 4, end) }
}
