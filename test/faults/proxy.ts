/** A bad network as an HTTP proxy: it loses, delays, repeats, reorders and starves what passes between two nodes. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Answer, send } from './http.ts'
import type { Random } from './random.ts'

/** What the proxy does to requests. */
export const proxyModes = [
  /** Hands on. */
  'pass',
  /** Closes the connection. */
  'refuse',
  /** Hands nothing on and never answers. */
  'drop',
  /** Hands on and never answers: what was asked was done. */
  'half-open',
  /** Waits before and after. */
  'delay',
  /** Hands on twice at once, and answers what came last. */
  'duplicate',
  /** Holds a request back until a later one has passed. */
  'reorder',
  /** Answers with 1 KB a second. */
  'slow',
] as const

/** One of the modes. */
export type ProxyMode = (typeof proxyModes)[number]

/** A proxy in front of one node. */
export interface NetworkProxy extends AsyncDisposable {
  readonly url: string
  mode: ProxyMode
  /** Where requests go. */
  target: string
  /** Requests by what was done to them. */
  readonly counts: Record<ProxyMode, number>
}

const readAll = async (request: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

const answer = async (response: ServerResponse, { status, body }: Answer, bytesEachSecond: number): Promise<void> => {
  if (status === undefined) return void response.destroy()
  response.writeHead(status, { 'Content-Type': 'application/octet-stream', 'Content-Length': String(body.length) })
  const step = Math.ceil(bytesEachSecond / 10)
  for (let at = 0; at < body.length && !response.destroyed; at += step) {
    response.write(body.subarray(at, at + step))
    if (at + step < body.length) await pause(100)
  }
  response.end()
}

/** Starts a proxy; `target` may be set later. */
export const startProxy = async (random: Random): Promise<NetworkProxy> => {
  let later: (() => void)[] = []
  const afterAnother = (): Promise<unknown> =>
    Promise.race([new Promise<void>((resolve) => later.push(resolve)), pause(500)])
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readAll(request)
    const { mode } = proxy
    proxy.counts[mode]++
    const ask = (): Promise<Answer> => {
      const method = request.method === 'POST' ? 'POST' : 'GET'
      return send(`${proxy.target}${request.url}`, { method, ...(method === 'POST' && { body }), timeoutMs: 10_000 })
    }
    if (mode === 'refuse') return void response.destroy()
    if (mode === 'drop') return
    if (mode === 'reorder') await afterAnother()
    if (mode === 'delay') await pause(random.integer(50, 1_500))
    const [first, second] = await Promise.all(mode === 'duplicate' ? [ask(), ask()] : [ask()])
    for (const release of later.splice(0)) release()
    if (mode === 'half-open' || first === undefined) return
    if (mode === 'delay') await pause(random.integer(50, 1_500))
    await answer(response, second ?? first, mode === 'slow' ? 1_024 : Number.POSITIVE_INFINITY)
  }
  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const counts = Object.fromEntries(proxyModes.map((mode) => [mode, 0])) as Record<ProxyMode, number>
  const proxy: NetworkProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mode: 'pass',
    target: '',
    counts,
    async [Symbol.asyncDispose]() {
      later = []
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}
