/** The body of an upload as it arrives, decompressed, never held as a whole, and left alone as soon as nobody wants more. */
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { createGunzip } from 'node:zlib'
import type { Context } from 'hono'
import type { BodySource } from '../mirror/package-reader.ts'
import type { Env } from './body.ts'

/** A body being read. Close it before the answer is sent. */
export interface UploadBody extends BodySource, Disposable {}

/** Reads the body of a request, through gunzip if it is compressed. */
export const uploadBody = (c: Context<Env>, isGzip: boolean): UploadBody => {
  const incoming = c.env?.incoming ?? Readable.fromWeb((c.req.raw.body ?? new Response('').body) as ReadableStream)
  const decoded = isGzip ? incoming.pipe(createGunzip()) : incoming
  let isOver = false
  let wake = (): void => {}
  const look = (): void => wake()
  const end = (): void => {
    isOver = true
    wake()
  }
  decoded.on('readable', look).on('end', end).on('error', end)
  // A client that goes away leaves the decompressor without an end.
  if (decoded !== incoming) incoming.on('error', end)
  incoming.on('close', () => !incoming.readableEnded && end())
  return {
    next: async () => {
      for (;;) {
        const chunk: unknown = decoded.read()
        if (chunk instanceof Uint8Array) return chunk
        if (isOver) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    },
    [Symbol.dispose]: () => {
      end()
      decoded.off('readable', look)
      if (decoded !== incoming) incoming.unpipe()
      // What still comes is read and thrown away, up to the adapter's own limit: a connection that is closed with bytes
      // unread is reset, and the answer with it.
      incoming.resume()
    },
  }
}
