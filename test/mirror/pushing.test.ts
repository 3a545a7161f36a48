/** Pushing a log to a mirror: over a real socket to ours, and to mirrors that lie, conflict and fail. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { MirrorClient, type MirroredHead, servedHead } from '../../src/client/mirror-client.ts'
import { httpResources } from '../../src/client/resources.ts'
import { checkpointReader } from '../../src/client/trust.ts'
import { MirrorPusher } from '../../src/mirror/pusher.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { takeHeader } from '../../src/tlog/protocol/add-entries.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'
import { hashOf, mirrorKeys, startMirror, type TestMirror } from './test-mirror.ts'

const verifiers = mirrorKeys.map(verifierOf)
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
})

const headOf = (log: MemoryLog): MirroredHead => {
  const { reader } = log.log
  const { checkpoint, tree } = reader.published
  return { checkpoint, tree, entries: (start, end) => reader.entries(start, end) }
}

const started = async (log: MemoryLog): Promise<TestMirror> => {
  const mirror = await startMirror({ logs: [log.vkey] })
  open.push(mirror)
  return mirror
}

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
    return 'none'
  } catch (error) {
    return isTlogError(error) ? error.code : String(error)
  }
}

describe('a push', () => {
  it('[MIRROR-18] hands over a log of any size, in requests of at most 32 packages, and takes the signature of the mirror', async () => {
    const log = await memoryLog()
    const mirror = await started(log)
    const client = new MirrorClient({ url: mirror.url, verifiers })
    let size = 0
    for (const next of [0, 1, 300, 300, 20_000]) {
      await log.append(numbered(size, next))
      const seen: number[] = []
      const pushed = await client.push(headOf(log), { onProgress: (at) => seen.push(at) })
      expect(pushed.size).toBe(next)
      expect(pushed.cosignatures.length).toBe(2)
      expect(mirror.mirror.open[0]?.mirroredSize).toBe(next)
      expect(seen.at(-1)).toBe(next)
      for (const [i, at] of seen.entries()) expect(at - (seen[i - 1] ?? size)).toBeLessThanOrEqual(8_192)
      size = next
    }
  })

  it('[MIRROR-18] finds out where the mirror is, whoever brought it there', async () => {
    const log = await memoryLog()
    const mirror = await started(log)
    await log.append(numbered(0, 700))
    await new MirrorClient({ url: mirror.url, verifiers }).push(headOf(log))
    await log.append(numbered(700, 900))
    expect((await new MirrorClient({ url: mirror.url, verifiers }).push(headOf(log))).size).toBe(900)
    // From a copy of the log as it is served, here the mirror itself: to a second mirror.
    const second = await started(log)
    const resources = httpResources({ url: `${mirror.url}/${hashOf(log.origin)}` })
    const served = await servedHead(resources, checkpointReader({ vkey: log.vkey }))
    expect((await new MirrorClient({ url: second.url, verifiers }).push(served)).size).toBe(900)
  })

  it('[MIRROR-18] of a smaller head, or of another history, is refused, and says which', async () => {
    const log = await memoryLog()
    const mirror = await started(log)
    await log.append(numbered(0, 300))
    const older = headOf(log)
    await log.append(numbered(300, 600))
    await new MirrorClient({ url: mirror.url, verifiers }).push(headOf(log))
    expect(await codeOf(new MirrorClient({ url: mirror.url, verifiers }).push(older))).toBe('conflict')
    const fork = await memoryLog()
    await fork.append(numbered(0, 700, 'fork'))
    expect(await codeOf(new MirrorClient({ url: mirror.url, verifiers }).push(headOf(fork)))).toBe('bad_proof')
    const unknown = await memoryLog({ origin: 'unknown.example' })
    expect(await codeOf(new MirrorClient({ url: mirror.url, verifiers }).push(headOf(unknown)))).toBe('not_found')
    expect(await codeOf(new MirrorClient({ url: 'http://127.0.0.1:1', verifiers }).push(headOf(log)))).toBe('io')
    const others = [verifierOf(log.vkey)]
    expect(await codeOf(new MirrorClient({ url: mirror.url, verifiers: others }).push(headOf(log)))).toBe('untrusted')
    expect(() => new MirrorClient({ url: mirror.url, verifiers: [] })).toThrow(TypeError)
  })

  it('[MIRROR-18] hands tickets back, and gives a mirror up that does not get on', async () => {
    const log = await memoryLog()
    await log.append(numbered(0, 600))
    const tickets: string[] = []
    const url = await fakeMirror((path, body, answer) => {
      if (path === '/add-checkpoint') return answer(200, '')
      const header = takeHeader(body)
      if (header.kind === 'taken') tickets.push(Buffer.from(header.value.ticket).toString())
      return answer(409, `600\n0\n${Buffer.from(`t${tickets.length}`).toString('base64')}\n`)
    })
    expect(await codeOf(new MirrorClient({ url, verifiers }).push(headOf(log)))).toBe('io')
    expect(tickets).toEqual(['', 't1', 't2', 't3'])
  })

  it.each([
    ['a signature of nobody', 200, '— who.example AAAAAAA=\n', 'untrusted'],
    ['no signature', 200, '', 'malformed'],
    ['half of an info', 202, '600\n0\n', 'malformed'],
    ['another size', 409, '900\n0\n\n', 'conflict'],
    ['too busy', 429, 'later\n', 'pushback'],
    ['broken', 500, '<html>', 'io'],
    ['no end', 200, 'x'.repeat(300_000), 'too_large'],
  ])('[MIRROR-18] believes no answer that is none: %s', async (_, status, text, code) => {
    const log = await memoryLog()
    await log.append(numbered(0, 600))
    const url = await fakeMirror((path, _body, answer) =>
      path === '/add-checkpoint' ? answer(200, '') : answer(status, text),
    )
    expect(await codeOf(new MirrorClient({ url, verifiers }).push(headOf(log)))).toBe(code)
  })
})

type Answer = (status: number, text: string) => void

const fakeMirror = async (handle: (path: string, body: Uint8Array, answer: Answer) => void): Promise<string> => {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const whole = Buffer.concat(chunks)
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(whole) : whole
      handle(request.url ?? '', body, (status, text) => response.writeHead(status).end(text))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push({
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('a pusher', () => {
  const until = async (is: () => boolean): Promise<void> => {
    for (let i = 0; !is(); i++) {
      if (i > 1_000) throw new Error('it did not happen')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  it('[MIRROR-19] follows the log head by head, outlives failures with pauses that grow, and stops at once', async () => {
    const log = await memoryLog()
    const mirror = await started(log)
    const client = new MirrorClient({ url: mirror.url, verifiers })
    let down = true
    const outcomes: string[] = []
    const pusher = new MirrorPusher({
      name: mirror.url,
      head: () => headOf(log),
      push: (head, options) => (down ? Promise.reject(new Error('down')) : client.push(head, options)),
      clock: () => 1_234,
      random: () => 0,
      observe: ({ error, pushed }) => outcomes.push(error === undefined ? `at ${pushed?.size}` : 'failed'),
      intervalMs: 60_000,
      retryMs: 10,
    })
    pusher.start()
    await until(() => outcomes.length >= 3)
    expect(pusher.state).toMatchObject({ size: undefined, error: new Error('down') })
    down = false
    await until(() => outcomes.at(-1) === 'at 0')
    for (const size of [10, 500]) {
      await log.append(numbered(log.log.reader.published.size, size))
      pusher.wake()
      await until(() => outcomes.at(-1) === `at ${size}`)
    }
    expect(pusher.state).toEqual({ size: 500, time: 1_234, error: undefined })
    await pusher.stop()
    await log.append(numbered(500, 501))
    pusher.wake()
    expect(outcomes.at(-1)).toBe('at 500')
  })
})
