/** The RFC 6962 API of a log in memory, asked as its clients ask, and answers checked by means of this test alone. */

import { createHash, generateKeyPairSync, verify } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { askOf, tokenAuthenticator } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import { ctApp, MAX_ENTRIES } from '../../src/http/ct-app.ts'
import { TokenTable } from '../../src/http/tokens.ts'
import type { Log } from '../../src/log/open.ts'
import { verifyConsistency } from '../../src/merkle/consistency.ts'
import { verifyInclusion } from '../../src/merkle/inclusion.ts'
import { asHash } from '../../src/primitives/hash.ts'
import { parseDigitallySigned, treeHeadSignatureInput } from '../../src/tlog/tree-head.ts'
import { entries, newLog, testClock } from '../support/log.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sha256 = (...parts: Uint8Array[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
const leafHash = (entry: Uint8Array): Buffer => sha256(Uint8Array.of(0), entry)
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'))
const hashes = (list: readonly string[]): ReturnType<typeof asHash>[] => list.map((text) => asHash(fromBase64(text)))

interface Sth {
  readonly tree_size: number
  readonly timestamp: number
  readonly sha256_root_hash: string
  readonly tree_head_signature: string
}

const SIZE = 2_300
const data = entries(SIZE)

describe('the RFC 6962 API', () => {
  let log: Log
  const clock = testClock()
  let app: ReturnType<typeof createApp>
  const heads: Sth[] = []
  const reported: unknown[] = []

  const serve = (of: Log): ReturnType<typeof createApp> =>
    createApp({
      log: of,
      ask: askOf(tokenAuthenticator(new TokenTable([], Date.now))),
      maxBatchEntries: 1,
      maxBatchBytes: 1,
      parts: [ctApp({ reader: of.reader, treeHeadKey: privateKey })],
      report: (error) => reported.push(error),
    })
  const ask = async (path: string): Promise<Response> => app.request(`http://log.test/ct/v1/${path}`)
  const get = async <T>(path: string): Promise<T> => {
    const response = await ask(path)
    expect(response.status, path).toBe(200)
    return (await response.json()) as T
  }

  beforeAll(async () => {
    log = (await newLog({ clock: clock.read })).log
    app = serve(log)
    let at = 0
    for (const size of [0, 1, 2, 255, 256, 257, SIZE]) {
      clock.now += 1_000
      if (size > 0) await log.sequencer.append(data.slice(at, size))
      at = size
      heads.push(await get<Sth>('get-sth'))
    }
  })

  it('[CT-1] signs size, root and time with the ECDSA key, in the form of RFC 6962 section 3.5', () => {
    for (const head of heads) {
      const { tree_size: size, timestamp, sha256_root_hash: root, tree_head_signature: signature } = head
      const input = treeHeadSignatureInput({ timestamp, size, root: asHash(fromBase64(root)) })
      expect(verify('sha256', input, publicKey, parseDigitallySigned(fromBase64(signature)))).toBe(true)
      const other = treeHeadSignatureInput({ timestamp: timestamp + 1, size, root: asHash(fromBase64(root)) })
      expect(verify('sha256', other, publicKey, parseDigitallySigned(fromBase64(signature)))).toBe(false)
    }
    expect(heads[0]?.sha256_root_hash).toBe(createHash('sha256').digest('base64'))
  })

  it('[CT-2] has the size and root of the checkpoint, and a time that grows', async () => {
    const [, size, root] = (await (await app.request('http://log.test/checkpoint')).text()).split('\n')
    const newest = heads.at(-1)
    expect([String(newest?.tree_size), newest?.sha256_root_hash]).toEqual([size, root])
    const times = heads.map(({ timestamp }) => timestamp)
    expect(times).toEqual([...times].sort((a, b) => a - b))
    expect(new Set(times).size).toBe(times.length)
  })

  it('[CT-3] answers the same bytes for the same head', async () => {
    const [a, b] = [await (await ask('get-sth')).text(), await (await ask('get-sth')).text()]
    expect(a).toBe(b)
  })

  it('proves consistency between every two heads', async () => {
    for (const [i, a] of heads.entries()) {
      for (const b of heads.slice(i)) {
        const path = `get-sth-consistency?first=${a.tree_size}&second=${b.tree_size}`
        const { consistency } = await get<{ consistency: string[] }>(path)
        if (a.tree_size === 0) {
          expect(consistency).toEqual([])
          continue
        }
        verifyConsistency({
          size1: a.tree_size,
          root1: asHash(fromBase64(a.sha256_root_hash)),
          size2: b.tree_size,
          root2: asHash(fromBase64(b.sha256_root_hash)),
          proof: hashes(consistency),
        })
      }
    }
  })

  it('proves inclusion by leaf hash and by index, in every head that has the entry', async () => {
    for (const { tree_size: size, sha256_root_hash: root } of heads.slice(1)) {
      for (const index of [0, 1, 254, 255, 256, SIZE - 1].filter((i) => i < size)) {
        const hash = leafHash(data[index] ?? new Uint8Array(0))
        const path = `get-proof-by-hash?hash=${encodeURIComponent(hash.toString('base64'))}&tree_size=${size}`
        const answer = await get<{ leaf_index: number; audit_path: string[] }>(path)
        expect(answer.leaf_index).toBe(index)
        const claim = { index, size, leafHash: asHash(Uint8Array.from(hash)), root: asHash(fromBase64(root)) }
        verifyInclusion({ ...claim, proof: hashes(answer.audit_path) })
        const both = await get<{ leaf_input: string; extra_data: string; audit_path: string[] }>(
          `get-entry-and-proof?leaf_index=${index}&tree_size=${size}`,
        )
        expect(both.audit_path).toEqual(answer.audit_path)
        expect(leafHash(fromBase64(both.leaf_input))).toEqual(hash)
      }
    }
  })

  it('[CT-4] answers the entry itself as leaf_input', async () => {
    const answer = await get<{ entries: { leaf_input: string; extra_data: string }[] }>('get-entries?start=250&end=259')
    expect(answer.entries).toHaveLength(10)
    for (const [i, { leaf_input, extra_data }] of answer.entries.entries()) {
      expect(Buffer.from(fromBase64(leaf_input))).toEqual(Buffer.from(data[250 + i] ?? []))
      expect(extra_data).toBe('')
    }
  })

  it.each([
    [0, 0, 1, 'immutable'],
    [0, 999, 1_000, 'immutable'],
    [0, 1_000, MAX_ENTRIES, 'no-cache'],
    [100, 9_007_199_254_740_991, MAX_ENTRIES, 'no-cache'],
    [2_000, 2_299, 300, 'immutable'],
    [2_000, 2_300, 300, 'no-cache'],
    [2_299, 2_299, 1, 'immutable'],
  ])('[CT-7] get-entries from %i to %i answers %i', async (start, end, want, caching) => {
    const response = await ask(`get-entries?start=${start}&end=${end}`)
    const { entries: got } = (await response.json()) as { entries: { leaf_input: string }[] }
    expect(got).toHaveLength(want)
    expect(Buffer.from(got[0]?.leaf_input ?? '', 'base64').toString()).toBe(`entry ${start}`)
    expect(response.headers.get('cache-control')).toContain(caching)
  })

  it('[CT-7] get-entries ends early, but never before one entry, when entries are long', async () => {
    const { log: big } = await newLog()
    const long = Array.from({ length: 150 }, (_, i) => new Uint8Array(65_535).fill(i))
    await big.sequencer.append(long)
    const answer = await serve(big).request('http://log.test/ct/v1/get-entries?start=3&end=149')
    const { entries: got } = (await answer.json()) as { entries: { leaf_input: string }[] }
    expect(got).toHaveLength(17)
    expect(Buffer.from(got[16]?.leaf_input ?? '', 'base64')).toEqual(Buffer.from(long[19] ?? []))
    expect(answer.headers.get('cache-control')).toBe('no-cache')
  })

  const someHash = encodeURIComponent(leafHash(data[7] ?? new Uint8Array(0)).toString('base64'))
  const unknown = encodeURIComponent(sha256(Buffer.from('nobody')).toString('base64'))
  it.each([
    [400, 'get-sth-consistency'],
    [400, 'get-sth-consistency?first=1'],
    [400, 'get-sth-consistency?first=1&second='],
    [400, 'get-sth-consistency?first=2&second=1'],
    [400, 'get-sth-consistency?first=1&first=1&second=2'],
    [400, 'get-sth-consistency?first=-1&second=2'],
    [400, 'get-sth-consistency?first=1&second=9007199254740992'],
    [400, 'get-sth-consistency?first=01&second=2'],
    [400, 'get-sth-consistency?first=1e0&second=2'],
    [400, 'get-sth-consistency?first=%EF%BC%91&second=2'],
    [404, 'get-sth-consistency?first=1&second=2301'],
    [404, 'get-sth-consistency?first=0&second=2301'],
    [404, 'get-sth-consistency?first=9007199254740991&second=9007199254740991'],
    [400, `get-proof-by-hash?hash=${someHash}`],
    [400, `get-proof-by-hash?hash=${someHash}&tree_size=0`],
    [400, 'get-proof-by-hash?hash=&tree_size=5'],
    [400, 'get-proof-by-hash?hash=AAAA&tree_size=5'],
    [400, `get-proof-by-hash?hash=${someHash.replace('%3D', '')}&tree_size=5`],
    [400, 'get-proof-by-hash?hash=+++++++++++++++++++++++++++++++++++++++++++8%3D&tree_size=5'],
    [404, `get-proof-by-hash?hash=${someHash}&tree_size=5`],
    [404, `get-proof-by-hash?hash=${someHash}&tree_size=2301`],
    [404, `get-proof-by-hash?hash=${unknown}&tree_size=5`],
    [400, 'get-entries?start=5'],
    [400, 'get-entries?start=5&end=4'],
    [400, 'get-entries?start=5&end=four'],
    [404, 'get-entries?start=2300&end=2300'],
    [404, 'get-entries?start=9007199254740991&end=9007199254740991'],
    [400, 'get-entry-and-proof?leaf_index=5&tree_size=5'],
    [400, 'get-entry-and-proof?leaf_index=0&tree_size=0'],
    [404, 'get-entry-and-proof?leaf_index=5&tree_size=2301'],
  ])('[CT-5] [CT-6] answers %i to %s', async (status, path) => {
    const response = await ask(path)
    expect(response.status).toBe(status)
    expect(await response.text()).toMatch(/^(malformed|not_found|out_of_range): [^\n]+\n$/)
    expect(response.headers.get('cache-control')).not.toContain('immutable')
    expect(reported).toEqual([])
  })

  it('[CT-5] ignores parameters that it does not know', async () => {
    await get('get-sth?x=1')
    await get('get-sth-consistency?first=1&second=2&__proto__=3&third=4')
  })

  it('[CT-6] answers 405 to another method', async () => {
    const response = await app.request('http://log.test/ct/v1/get-sth', { method: 'POST', body: '{}' })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET')
  })

  it('answers 404 for proofs by hash in a log that allows duplicates, and the rest all the same', async () => {
    const { log: twice } = await newLog({ allowDuplicates: true })
    await twice.sequencer.append([...data.slice(0, 3), ...data.slice(0, 3)])
    const other = serve(twice)
    const hash = encodeURIComponent(leafHash(data[0] ?? new Uint8Array(0)).toString('base64'))
    const refused = await other.request(`http://log.test/ct/v1/get-proof-by-hash?hash=${hash}&tree_size=6`)
    expect(refused.status).toBe(404)
    expect(await refused.text()).toContain('allows duplicates')
    expect((await other.request('http://log.test/ct/v1/get-entry-and-proof?leaf_index=4&tree_size=6')).status).toBe(200)
  })
})
