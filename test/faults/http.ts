/** HTTP as the fault suites need it: kept-alive connections, and every failure as a value. */
import { Agent, request } from 'node:http'

/** An answer, or `undefined` status when the connection failed and nobody knows what happened. */
export interface Answer {
  readonly status: number | undefined
  readonly body: Buffer
  readonly error?: string
}

const agent = new Agent({ keepAlive: true, maxSockets: 256 })

/** Sends a request; resolves always. */
export const send = (
  url: string,
  options: {
    readonly method?: 'GET' | 'POST'
    readonly body?: Uint8Array
    readonly headers?: Readonly<Record<string, string>>
    readonly timeoutMs?: number
  } = {},
): Promise<Answer> =>
  new Promise((resolve) => {
    const { method = 'GET', body, headers = {}, timeoutMs = 20_000 } = options
    const failed = (error: Error): void => resolve({ status: undefined, body: Buffer.alloc(0), error: error.message })
    const length = body === undefined ? {} : { 'Content-Length': String(body.length) }
    const outgoing = request(url, { method, agent, headers: { ...headers, ...length } }, (incoming) => {
      const parts: Buffer[] = []
      incoming.on('data', (part: Buffer) => parts.push(part))
      incoming.on('error', failed)
      incoming.on('end', () =>
        incoming.complete
          ? resolve({ status: incoming.statusCode, body: Buffer.concat(parts) })
          : failed(new Error('answer cut short')),
      )
    })
    outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    outgoing.on('error', failed)
    outgoing.end(body)
  })
