/** Request bodies as bytes, bounded, read from the socket's own stream because the web stream costs a third of the speed. */
import type { IncomingMessage } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { TlogError } from '../primitives/error.ts'

/** The app's environment: on a real server the raw request is at hand, in app.request() it is not. */
export interface Env {
  Bindings: Partial<HttpBindings>
}

/** Reads the whole body. Rejects with `too_large` beyond `limit` bytes and `malformed` when it ends early. */
export const readBody = async (c: Context<Env>, limit: number): Promise<Uint8Array> => {
  const declared = c.req.header('content-length')
  if (declared !== undefined && Number(declared) > limit) throw tooLarge(limit)
  const { incoming } = c.env ?? {}
  if (incoming !== undefined) return readIncoming(incoming, limit)
  const body = new Uint8Array(await c.req.arrayBuffer())
  if (body.length > limit) throw tooLarge(limit)
  return body
}

const readIncoming = (incoming: IncomingMessage, limit: number): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const take = (chunk: Buffer): void => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else {
        // The rest is read and thrown away, up to the adapter's own limit of half a second: a connection that is closed
        // with bytes unread is reset, and the answer with it.
        incoming.off('data', take).resume()
        chunks.length = 0
        reject(tooLarge(limit))
      }
    }
    incoming.on('data', take)
    incoming.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    )
    incoming.on('aborted', () => reject(new TlogError('malformed', 'the body ended early')))
    incoming.on('error', reject)
  })

const tooLarge = (limit: number): TlogError => new TlogError('too_large', `want a body of at most ${limit} bytes`)

/** The path as it came over the wire: hono decodes %-escapes, and a second spelling of a path is refused. */
export const rawPath = (c: Context<Env>): string => {
  const url = c.env?.incoming?.url
  return (url === undefined ? new URL(c.req.url).pathname : url).split('?')[0] ?? ''
}
