/** A mirror over HTTP: each status of c2sp.org/tlog-mirror, and what is kept and signed beside it. */
import { once } from 'node:events'
import { request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { planSubtreeConsistency } from '../../src/merkle/subtree.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { signerKey } from '../../src/note/key.ts'
import { formatNote, openNote, parseNote, parseSignatures, signNote } from '../../src/note/note.ts'
import { concatBytes } from '../../src/primitives/bytes.ts'
import { openStorage } from '../../src/storage/backends.ts'
import { formatSignSubtree } from '../../src/tlog/protocol/sign-subtree.ts'
import { cosignatureTime, signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import {
  addCheckpoint,
  addEntries,
  bodyOf,
  hashOf,
  mirrorKeys,
  newStores,
  piecesOf,
  startMirror,
  type TestMirror,
  type TestMirrorOptions,
  type TestReply,
} from '../mirror/test-mirror.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'

const INFO = 'text/x.tlog.mirror-info'
const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]()
})

/** A log of `size` entries, and a mirror that has its checkpoint pending. */
const pendingAt = async (
  size: number,
  options: Partial<TestMirrorOptions> = {},
): Promise<{ readonly log: MemoryLog; readonly mirror: TestMirror }> => {
  const log = await memoryLog()
  const mirror = await startMirror({ logs: [log.vkey], ...options })
  open.push(mirror)
  if (size > 0) await grow(log, mirror, 0, size)
  return { log, mirror }
}

const grow = async (log: MemoryLog, mirror: TestMirror, from: number, to: number): Promise<void> => {
  await log.append(numbered(from, to))
  expect((await addCheckpoint(mirror, log, from)).status).toBe(200)
}

const get = (mirror: TestMirror, log: MemoryLog, path: string): Promise<Response> =>
  fetch(`${mirror.url}/${hashOf(log.origin)}/${path}`)

/** Expects cosignatures of the log's newest checkpoint by both keys, and answers the times in them. */
const expectCosigned = (reply: TestReply, log: MemoryLog): readonly (number | undefined)[] => {
  expect(reply.status, reply.text).toBe(200)
  const { text } = parseNote(log.checkpoint())
  const note = formatNote({ text, signatures: parseSignatures(reply.text) })
  const { verified, unverified } = openNote(note, mirrorKeys.map(verifierOf))
  expect(unverified).toEqual([])
  expect(verified.map(({ keyId }) => keyId)).toEqual(mirrorKeys.map(({ keyId }) => keyId))
  return verified.map(cosignatureTime)
}

const expectInfo = (reply: TestReply, status: number, size: number, next: number): void => {
  expect(reply.status, reply.text).toBe(status)
  expect(reply.type).toBe(INFO)
  expect(reply.info()).toEqual({ size, next, ticket: new Uint8Array(0) })
}

describe('add-checkpoint of a mirror', () => {
  it('[MIRROR-1] "The mirror cosigner MUST NOT sign the checkpoint in this process": 200 without a signature', async () => {
    const { log, mirror } = await pendingAt(0)
    await log.append(numbered(0, 10))
    const reply = await addCheckpoint(mirror, log, 0)
    expect([reply.status, reply.text]).toEqual([200, ''])
    expect((await get(mirror, log, 'checkpoint')).status).toBe(404)
  })

  it('[MIRROR-1] "The request is handled identically to that of a witness": 409, 403, 404, 400, 422', async () => {
    const { log, mirror } = await pendingAt(10)
    const conflict = await addCheckpoint(mirror, log, 0)
    expect([conflict.status, conflict.type, conflict.text]).toEqual([409, 'text/x.tlog.size', '10\n'])
    const other = await memoryLog({ origin: 'other.example' })
    expect((await addCheckpoint(mirror, other, 0)).status).toBe(404)
    const forged = await memoryLog({ seed: 9 })
    await forged.append(numbered(0, 10, 'forged'))
    expect((await addCheckpoint(mirror, forged, 10)).status).toBe(403)
    const fork = await memoryLog()
    await fork.append(numbered(0, 12, 'fork'))
    expect((await addCheckpoint(mirror, fork, 10)).status).toBe(422)
    expect((await fetch(`${mirror.url}/add-checkpoint`, { method: 'POST', body: 'old 1\n' })).status).toBe(400)
  })
})

describe('add-entries', () => {
  it('[MIRROR-2] "If `log_origin` is not a known log, [...] 404 Not Found"', async () => {
    const { log, mirror } = await pendingAt(10)
    const body = await bodyOf(log, { start: 0, end: 10, origin: 'who.example' })
    expect((await addEntries(mirror, body)).status).toBe(404)
  })

  it('[MIRROR-3] "If the mirror has never received a pending checkpoint signed by the log, [...] 422"', async () => {
    const { log, mirror } = await pendingAt(0)
    await log.append(numbered(0, 10))
    expect((await addEntries(mirror, await bodyOf(log, { start: 0, end: 10 }))).status).toBe(422)
    expect((await addEntries(mirror, await bodyOf(log, { start: 0, end: 0 }))).status).toBe(422)
  })

  it('[MIRROR-4] "If `upload_end` is neither a known pending checkpoint value nor the mirror checkpoint\'s tree size, [...] 409", with the size that is', async () => {
    const { log, mirror } = await pendingAt(10)
    await log.append(numbered(10, 20))
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 0, end: 20 })), 409, 10, 0)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 0, end: 9 })), 409, 10, 0)
  })

  it('[MIRROR-4] "If `upload_end` is less than the mirror checkpoint\'s tree size, [...] 409"', async () => {
    const { log, mirror } = await pendingAt(300)
    await grow(log, mirror, 300, 600)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 0, end: 600 })), log)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 300, end: 300 })), 409, 600, 600)
  })

  it('[MIRROR-4] "mirrors SHOULD accept any of the last several pending checkpoint values as `upload_end`"', async () => {
    const { log, mirror } = await pendingAt(300)
    const early = await bodyOf(log, { start: 0, end: 300 })
    const first = log.checkpoint()
    for (const size of [301, 302, 700]) await grow(log, mirror, (await sizeOf(log)) ?? 0, size)
    const reply = await addEntries(mirror, early)
    expect(reply.status).toBe(200)
    const note = formatNote({ text: parseNote(first).text, signatures: parseSignatures(reply.text) })
    expect(openNote(note, mirrorKeys.map(verifierOf)).verified.length).toBe(2)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 300, end: 700 })), log)
  })

  it('[MIRROR-5] "If `upload_start` is greater than the mirror\'s next entry, [...] 409"', async () => {
    const { log, mirror } = await pendingAt(600)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 1, end: 600 })), 409, 600, 0)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 0, end: 600, packages: 1 })), 202, 600, 256)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 257, end: 600 })), 409, 600, 256)
  })

  it('[MIRROR-6] "If `excess_entries` is too large, [...] 409": beyond what one request carries', async () => {
    const size = 8_192 + 300
    const { log, mirror } = await pendingAt(size)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 0, end: size }), { gzip: true }), log)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 299, end: size, packages: 0 })), 409, size, size)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 300, end: size })), log)
  })

  it('[MIRROR-7] "If this verification process fails, it MUST respond with a 422 [...] and end processing", at any byte of entry or proof', async () => {
    const { log, mirror } = await pendingAt(600)
    const [header = new Uint8Array(0), good = header, ...rest] = await piecesOf(log, { start: 0, end: 600 })
    // Bytes of an entry, not of its length; and all the bytes of the hashes at the end.
    for (const at of [2, 30, good.length - 1, good.length - 40]) {
      const bad = Uint8Array.from(good, (byte, i) => (i === at ? (byte + 1) % 256 : byte))
      expect((await addEntries(mirror, concatBytes(header, bad, ...rest))).status, `byte ${at}`).toBe(422)
    }
    const lessProof = concatBytes(good.subarray(0, -65), Uint8Array.of(1), good.subarray(-32))
    expect((await addEntries(mirror, concatBytes(header, lessProof, ...rest))).status).toBe(422)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 1, end: 600 })), 409, 600, 0)
  })

  it('[MIRROR-7] a package that fails does not take the ones before it along', async () => {
    const { log, mirror } = await pendingAt(900)
    const pieces = await piecesOf(log, { start: 0, end: 900 })
    const bad = pieces.map((piece, i) =>
      i === 3 ? Uint8Array.from(piece, (byte, at) => (at === 2 ? 0 : byte)) : piece,
    )
    expect((await addEntries(mirror, concatBytes(...bad))).status).toBe(422)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 600, end: 900 })), 409, 900, 512)
  })

  it('[MIRROR-7] entries of another branch of the log are 422, whichever checkpoint is pending', async () => {
    const { mirror } = await pendingAt(300)
    const fork = await memoryLog()
    await fork.append(numbered(0, 300, 'fork'))
    expect((await addEntries(mirror, await bodyOf(fork, { start: 0, end: 300 }))).status).toBe(422)
  })

  it('[MIRROR-8] "If at least one entry package was authenticated and saved, but the mirror has not yet received all packages [...] 202 Accepted"', async () => {
    const { log, mirror } = await pendingAt(1_000)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 0, end: 1_000, packages: 2 })), 202, 1_000, 512)
    // A ticket is taken, whatever it says: this mirror needs none.
    const ticket = Uint8Array.of(1, 2, 3)
    const second = await bodyOf(log, { start: 512, end: 1_000, packages: 1, ticket })
    expectInfo(await addEntries(mirror, second), 202, 1_000, 768)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 768, end: 1_000 })), log)
  })

  it('[MIRROR-8] "The mirror discards any partial bytes after the last successfully authenticated entry package", wherever the body is cut', async () => {
    const { log, mirror } = await pendingAt(600)
    const pieces = await piecesOf(log, { start: 0, end: 600 })
    const whole = concatBytes(...pieces)
    const ends = pieces.map((_, i) => pieces.slice(0, i + 1).reduce((sum, piece) => sum + piece.length, 0))
    for (const cut of [1, 5, ends[0] ?? 0, (ends[1] ?? 0) - 1]) {
      expect((await addEntries(mirror, whole.subarray(0, cut))).status, `cut at ${cut}`).toBe(400)
    }
    expectInfo(await addEntries(mirror, whole.subarray(0, (ends[1] ?? 0) + 1)), 202, 600, 256)
    expectInfo(await addEntries(mirror, whole.subarray(0, (ends[2] ?? 0) + 100)), 202, 600, 512)
    expectCosigned(await addEntries(mirror, concatBytes(whole, Uint8Array.of(1, 2, 3))), log)
  })

  it('[MIRROR-8] a connection that breaks keeps what was proven', async () => {
    const { log, mirror } = await pendingAt(1_000)
    const pieces = await piecesOf(log, { start: 0, end: 1_000 })
    const headers = { 'content-type': 'application/octet-stream' }
    const asking = request(`${mirror.url}/add-entries`, { method: 'POST', headers })
    asking.on('error', () => {})
    for (const piece of pieces.slice(0, 3)) asking.write(piece)
    await once(asking, 'socket')
    await new Promise((resolve) => setTimeout(resolve, 200))
    asking.destroy()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 1_000, end: 1_000 })), 409, 1_000, 512)
  })

  it('[MIRROR-9] "If [...] no entry package was authenticated and saved before the body ended [...] 400 Bad Request"', async () => {
    const { log, mirror } = await pendingAt(300)
    const backwards = await bodyOf(log, { start: 10, end: 10 })
    backwards[2 + log.origin.length + 7] = 11
    for (const body of [
      new Uint8Array(0),
      Uint8Array.of(0),
      await bodyOf(log, { start: 0, end: 300, packages: 0 }),
      backwards,
    ])
      expect((await addEntries(mirror, body)).status).toBe(400)
    const [header = backwards, piece = header] = await piecesOf(log, { start: 0, end: 300 })
    const hashes = piece.length - 1 - 32 * (piece.at(-33) ?? 0)
    expect(piece[hashes]).toBe(1)
    const tooMany = Uint8Array.from(piece, (byte, i) => (i === hashes ? 64 : byte))
    expect((await addEntries(mirror, concatBytes(header, tooMany))).status).toBe(400)
  })

  it('[MIRROR-10] "200 Success [...] cosignatures from the mirror key(s) on the checkpoint", at its time, served with the log\'s signature', async () => {
    let now = 1_700_000_000_500
    const { log, mirror } = await pendingAt(700, { clock: () => now })
    const reply = await addEntries(mirror, await bodyOf(log, { start: 0, end: 700 }))
    expect(expectCosigned(reply, log)).toEqual([1_700_000_000, 1_700_000_000])
    const served = new Uint8Array(await (await get(mirror, log, 'checkpoint')).arrayBuffer())
    expect(openNote(served, [verifierOf(log.vkey)]).verified.length).toBe(1)
    expect(openNote(served, mirrorKeys.map(verifierOf)).verified.length).toBe(2)
    // Asked again, it says so again: soon with the same signatures, later with new ones.
    const empty = await bodyOf(log, { start: 700, end: 700 })
    expect((await addEntries(mirror, empty)).text).toBe(reply.text)
    now += 10_000
    expect(expectCosigned(await addEntries(mirror, empty), log)).toEqual([1_700_000_010, 1_700_000_010])
  })

  it('[MIRROR-10] a log without entries is mirrored too, and grows to sizes of every kind', async () => {
    const { log, mirror } = await pendingAt(0)
    expect((await addCheckpoint(mirror, log, 0)).status).toBe(200)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 0, end: 0 })), log)
    let size = 0
    for (const next of [1, 2, 255, 256, 257, 511, 512, 513, 1_024, 1_300]) {
      await grow(log, mirror, size, next)
      expectCosigned(await addEntries(mirror, await bodyOf(log, { start: size, end: next })), log)
      size = next
    }
  })

  it('[MIRROR-11] "it is possible that some entries have already been added": many uploads of one log at once leave one history', async () => {
    const { log, mirror } = await pendingAt(400)
    await grow(log, mirror, 400, 1_500)
    const bodies = await Promise.all(
      [0, 0, 0, 0, 0, 0].map((start, i) => bodyOf(log, { start, end: i % 2 === 0 ? 400 : 1_500 })),
    )
    const replies = await Promise.all(bodies.map((body) => addEntries(mirror, body)))
    for (const reply of replies) expect([200, 409]).toContain(reply.status)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 1_500, end: 1_500 })), log)
    const client = new LogClient({ url: `${mirror.url}/${hashOf(log.origin)}`, vkey: log.vkey })
    const data: string[] = []
    for await (const entry of client.entries(0)) data.push(Buffer.from(entry.data).toString())
    expect(data).toEqual(numbered(0, 1_500).map((entry) => Buffer.from(entry).toString()))
    const saved = mirror.events.map((event) => (event.kind === 'uploaded' ? event.entries : 0))
    expect(saved.reduce((sum, count) => sum + count, 0)).toBe(1_500)
  })

  it('[MIRROR-11] "the mirror MUST NOT rewind the checkpoint": a slow upload to an older checkpoint is 409', async () => {
    const { log, mirror } = await pendingAt(600)
    const pieces = await piecesOf(log, { start: 0, end: 600 })
    await grow(log, mirror, 600, 900)
    const headers = { 'content-type': 'application/octet-stream' }
    const asking = request(`${mirror.url}/add-entries`, { method: 'POST', headers })
    const answered = once(asking, 'response')
    for (const piece of pieces.slice(0, 2)) asking.write(piece)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 0, end: 900 })), log)
    for (const piece of pieces.slice(2)) asking.write(piece)
    asking.end()
    const [response] = (await answered) as [{ statusCode: number; resume(): void }]
    response.resume()
    expect(response.statusCode).toBe(409)
    const served = await (await get(mirror, log, 'checkpoint')).text()
    expect(served.split('\n')[1]).toBe('900')
  })

  it('[MIRROR-12] "Mirrors MUST support receiving `Content-Encoding: gzip`", say so, and refuse what is no body of entries', async () => {
    const { log, mirror } = await pendingAt(600)
    const body = await bodyOf(log, { start: 0, end: 600 })
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-encoding': 'br' }])
      expect((await addEntries(mirror, body, { headers })).status).toBe(415)
    const squeezed = gzipSync(body)
    const broken = Buffer.concat([squeezed.subarray(0, 60), Buffer.alloc(40, 7), squeezed.subarray(100)])
    for (const bytes of [broken, squeezed.subarray(0, 40), Buffer.from('no gzip at all')]) {
      const reply = await addEntries(mirror, bytes, { headers: { 'content-encoding': 'gzip' } })
      expect(reply.status).toBe(400)
      expect(reply.headers.get('accept-encoding')).toBe('gzip')
    }
    const reply = await addEntries(mirror, body, { gzip: true })
    expectCosigned(reply, log)
    expect(reply.headers.get('accept-encoding')).toBe('gzip')
  })

  it('[MIRROR-12] "The mirror SHOULD send these error responses without waiting for the entire request body"', async () => {
    const { log, mirror } = await pendingAt(600)
    const headers = { 'content-type': 'application/octet-stream', 'content-length': '100000000' }
    const asking = request(`${mirror.url}/add-entries`, { method: 'POST', headers })
    asking.on('error', () => {})
    asking.write(await bodyOf(log, { start: 300, end: 600, packages: 0 }))
    const [response] = (await once(asking, 'response')) as [{ statusCode: number; resume(): void }]
    expect(response.statusCode).toBe(409)
    asking.destroy()
  })

  it('[MIRROR-12] uploads are pushed back when they hold too much memory, and end when a package takes too long', async () => {
    const { log, mirror } = await pendingAt(600, { limits: { maxUploadBytes: 3_000, packageMs: 150, maxUploads: 1 } })
    const body = await bodyOf(log, { start: 0, end: 600 })
    const full = await addEntries(mirror, body)
    expect([full.status, full.headers.has('retry-after')]).toEqual([429, true])
    const headers = { 'content-type': 'application/octet-stream' }
    const asking = request(`${mirror.url}/add-entries`, { method: 'POST', headers })
    asking.on('error', () => {})
    asking.write(body.subarray(0, 200))
    const answered = once(asking, 'response')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await addEntries(mirror, await bodyOf(log, { start: 600, end: 600 }))).status).toBe(429)
    const [response] = (await answered) as [{ statusCode: number; resume(): void }]
    expect(response.statusCode).toBe(400)
    asking.destroy()
    expect((await addEntries(mirror, await bodyOf(log, { start: 600, end: 600 }))).status).toBe(409)
  })

  it('[MIRROR-12] one that says nothing makes room for one that does', async () => {
    const { log, mirror } = await pendingAt(600, { limits: { maxUploads: 1 } })
    const silent = request(`${mirror.url}/add-entries`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
    })
    silent.on('error', () => {})
    const body = await bodyOf(log, { start: 0, end: 600 })
    silent.write(body.subarray(0, 5))
    const ended = once(silent, 'response')
    await expect.poll(async () => (await addEntries(mirror, body)).status, { timeout: 20_000, interval: 200 }).toBe(200)
    const [response] = (await ended) as [{ statusCode: number; resume(): void }]
    expect(response.statusCode).toBe(400)
    silent.destroy()
  })

  it('[MIRROR-12] an upload that goes on for too long is answered 202 with what came by then', async () => {
    const { log, mirror } = await pendingAt(900, { limits: { uploadMs: 400 } })
    const pieces = await piecesOf(log, { start: 0, end: 900 })
    const headers = { 'content-type': 'application/octet-stream' }
    const asking = request(`${mirror.url}/add-entries`, { method: 'POST', headers })
    asking.on('error', () => {})
    const answered = once(asking, 'response')
    for (const piece of pieces.slice(0, 3)) {
      asking.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    const [response] = (await answered) as [{ statusCode: number; resume(): void }]
    expect(response.statusCode).toBe(202)
    asking.destroy()
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 900, end: 900 })), 409, 900, 512)
  })

  it('[MIRROR-15] a log that is known to have signed two histories is cosigned no more: 422', async () => {
    const against = new Map<string, string>()
    const { log, mirror } = await pendingAt(10, { against })
    against.set(log.origin, 'ab'.repeat(32))
    expect((await addEntries(mirror, await bodyOf(log, { start: 0, end: 10 }))).status).toBe(422)
    against.clear()
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 10, end: 10 })), log)
  })
})

const sizeOf = async (log: MemoryLog): Promise<number | undefined> => log.log.reader.published.size

describe('sign-subtree of a mirror', () => {
  it('[MIRROR-13] signs for checkpoints with its own cosignature only, never for those that a witness or the log signed', async () => {
    const { log, mirror } = await pendingAt(700)
    const { tree } = log.log.reader.published
    const range = { start: 256, end: 512 }
    const plan = planSubtreeConsistency({ ...range, size: 700 })
    const claim = {
      ...range,
      hash: await tree.rangeRoot(range),
      proof: await Promise.all(plan.map((one) => tree.rangeRoot(one))),
    }
    const ask = (checkpoint: Uint8Array): Promise<Response> =>
      fetch(`${mirror.url}/sign-subtree`, {
        method: 'POST',
        body: Uint8Array.from(formatSignSubtree({ ...claim, checkpoint })),
      })
    expect((await ask(log.checkpoint())).status).toBe(403)
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 0, end: 700 })), log)
    expect((await ask(log.checkpoint())).status).toBe(403)
    const witness = signerKey('witness.example/w', ED25519, new Uint8Array(32).fill(3))
    expect((await ask(signNote(parseNote(log.checkpoint()).text, [signerOf(witness)]))).status).toBe(403)
    const served = new Uint8Array(await (await get(mirror, log, 'checkpoint')).arrayBuffer())
    const signed = await ask(served)
    expect(signed.status).toBe(200)
    expect(parseSignatures(await signed.text()).map(({ keyId }) => keyId)).toEqual([mirrorKeys[1]?.keyId])
  })
})

describe('the copy', () => {
  it('[MIRROR-14] is served as a tiled log under the origin hash, partial tiles of every mirrored size included', async () => {
    const { log, mirror } = await pendingAt(0)
    const sizes = [3, 256, 300, 1_000]
    let size = 0
    for (const next of sizes) {
      await grow(log, mirror, size, next)
      expectCosigned(await addEntries(mirror, await bodyOf(log, { start: size, end: next })), log)
      size = next
    }
    for (const path of [
      'tile/0/000.p/3',
      'tile/0/001.p/44',
      'tile/1/000.p/1',
      'tile/0/000',
      'tile/entries/003.p/232',
    ]) {
      const [own, copied] = [`/${path}`, path]
      const response = await get(mirror, log, copied)
      expect(response.status, own).toBe(200)
      expect(response.headers.get('cache-control')).toContain('immutable')
    }
    for (const path of ['tile/0/004.p/1', 'tile/0/3', 'tile/entries/003', 'elsewhere'])
      expect((await get(mirror, log, path)).status, path).toBe(404)
    expect((await fetch(`${mirror.url}/${'0'.repeat(64)}/checkpoint`)).status).toBe(404)
  })

  it('[MIRROR-14] that lost entries is not served, is named as damaged, and is whole again after an upload', async () => {
    const stores = await newStores()
    const first = await pendingAt(600, { stores })
    expectCosigned(await addEntries(first.mirror, await bodyOf(first.log, { start: 0, end: 600 })), first.log)
    stores.copies.set(hashOf(first.log.origin), (await openStorage('memory:')).log)
    const again = await startMirror({ logs: [first.log.vkey], stores })
    open.push(again)
    await again.mirror.openAll()
    expect([...again.mirror.damage.keys()]).toEqual([first.log.origin])
    expect((await get(again, first.log, 'checkpoint')).status).toBe(503)
    expect((await get(again, first.log, 'tile/0/000')).status).toBe(503)
    expectInfo(await addEntries(again, await bodyOf(first.log, { start: 600, end: 600 })), 409, 600, 0)
    expectCosigned(await addEntries(again, await bodyOf(first.log, { start: 0, end: 600 })), first.log)
    expect(again.mirror.damage.size).toBe(0)
    expect((await get(again, first.log, 'checkpoint')).status).toBe(200)
  })

  it('[MIRROR-17] and its checkpoints are there after a restart, and go on', async () => {
    const stores = await newStores()
    const { log, mirror } = await pendingAt(300, { stores })
    expectCosigned(await addEntries(mirror, await bodyOf(log, { start: 0, end: 300 })), log)
    await grow(log, mirror, 300, 800)
    expectInfo(await addEntries(mirror, await bodyOf(log, { start: 300, end: 800, packages: 1 })), 202, 800, 512)
    const served = await (await get(mirror, log, 'checkpoint')).text()
    const again = await startMirror({ logs: [log.vkey], stores })
    open.push(again)
    expect(await (await get(again, log, 'checkpoint')).text()).toBe(served)
    expectCosigned(await addEntries(again, await bodyOf(log, { start: 512, end: 800 })), log)
  })

  it('[MIRROR-17] is answered for only when it is written: a write that fails is 503, and nothing was promised', async () => {
    const { log, mirror } = await pendingAt(300, {
      openCopy: async () => {
        const { log: store } = await openStorage('memory:')
        const commit = (): Promise<never> => Promise.reject(new Error('no space left on device'))
        return { ...store, head: () => store.head(), commit, entries: store.entries.bind(store) } as typeof store
      },
    })
    for (let i = 0; i < 2; i++)
      expect((await addEntries(mirror, await bodyOf(log, { start: 0, end: 300 }))).status).toBe(503)
    expect((await get(mirror, log, 'checkpoint')).status).toBe(404)
  })
})
