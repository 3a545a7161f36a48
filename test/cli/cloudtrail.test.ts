/** Real records end to end: every CloudTrail record is added byte for byte, proven, and verified offline with only the vkey. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { verifyProofFile } from '../../src/client/receipt.ts'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { formatProofFile, parseProofFile } from '../../src/tlog/proof-file.ts'
import { type Random, seededRandom } from '../faults/random.ts'
import { type Server, startServer } from '../support/server.ts'
import { shared } from '../support/shared.ts'
import { openShell, type Shell } from './shell.ts'

const folder = shared('data', 'cloudtrail')

/**
 * The records of a file by another road than the program's: the text is cut into tokens by one regular expression, and
 * brackets are counted. It trusts the file to be JSON with the one member "Records".
 */
const extract = (path: string): readonly Buffer[] => {
  const text = readFileSync(path, 'utf8')
  const records: Buffer[] = []
  let depth = 0
  let record = ''
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]|[^"[\]{}]+/gs)) {
    if (/^[[{]$/.test(token)) depth++
    if (depth >= 3) record += token
    if (/^[\]}]$/.test(token) && depth-- === 3) {
      records.push(Buffer.from(record))
      record = ''
    }
  }
  const parsed = (JSON.parse(text) as { readonly Records: readonly unknown[] }).Records
  expect(records.map((bytes) => JSON.parse(bytes.toString()) as unknown)).toEqual(parsed)
  return records
}

describe.skipIf(folder === undefined)('1,233 CloudTrail records', () => {
  let shell: Shell
  let server: Server
  let client: LogClient
  let records: readonly Buffer[] = []
  const proofs: Uint8Array[] = []
  /** What is in the log, by index. */
  const placed: string[] = []

  beforeAll(async () => {
    shell = openShell()
    server = await startServer({ dataDir: shell.path('treehead-data') })
    client = new LogClient({ url: server.url, vkey: server.vkey })
    const files = readdirSync(folder ?? '').filter((name) => name.endsWith('.json'))
    records = files.sort().flatMap((name) => extract(join(folder ?? '', name)))
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    shell?.[Symbol.dispose]()
  })
  const treehead = (line: string, input?: Uint8Array) =>
    shell.run(`treehead ${line} --url ${server.url} --vkey treehead-data/log.vkey`, input)

  it('are added in order, byte for byte as they stand in the files', async () => {
    const { code, stdout, stderr } = await treehead(`add --json-records /Records '${folder}'`)
    expect(stderr).toBe('in the log: 1,233 entries of 28 sources\n')
    expect(code).toBe(0)
    expect(records.length).toBe(1_233)
    const indices = stdout.trimEnd().split('\n').map(Number)
    // Replays answer the first index, so equal records share one.
    const first = new Map<string, number>()
    for (const record of records) if (!first.has(record.toString())) first.set(record.toString(), first.size)
    expect(indices).toEqual(records.map((record) => first.get(record.toString())))
    for await (const { data } of client.entries(0)) placed.push(Buffer.from(data).toString())
    expect(placed).toEqual([...first.keys()])
  })

  it('are not added twice', async () => {
    const { size } = (await client.checkpoint()).checkpoint
    const { code, stdout } = await treehead(`add --json-records /Records '${folder}' --batch 100 --json`)
    expect(code).toBe(0)
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; source: string })
    expect(lines.length).toBe(1_233)
    expect(lines[0]?.source).toMatch(/\.json record 0$/)
    expect((await client.checkpoint()).checkpoint.size).toBe(size)
  })

  it('are each proven, and verify offline with only the vkey', async () => {
    const { vkey } = server
    for (const entry of records) {
      const fetched = await fetch(`${server.url}/proof/leaf/${encodeHex(hashLeaf(entry))}`)
      const file = new Uint8Array(await fetched.arrayBuffer())
      proofs.push(file)
      const { index, size } = verifyProofFile(file, { vkey, entry })
      expect(placed[index]).toBe(entry.toString())
      expect(index).toBeLessThan(size)
    }
  })

  it('through the program: prove, then verify with the server gone from its reach', async () => {
    for (const at of [0, 1, 255, 256, 700, 1_232]) {
      shell.write('record.json', records[at] ?? '')
      expect((await treehead('prove --entry record.json --out record.tlog-proof')).code).toBe(0)
      const offline = await shell.run(
        'treehead verify record.tlog-proof --entry record.json --vkey treehead-data/log.vkey',
      )
      expect(offline.stdout).toMatch(/^valid: entry is index \d+ of treehead\.local\/[0-9a-f]{8}, size \d+\n$/)
      expect(offline.code).toBe(0)
      const { index } = parseProofFile(readFileSync(shell.path('record.tlog-proof')))
      expect((await treehead(`prove --index ${index} --out by-index`)).code).toBe(0)
      expect(readFileSync(shell.path('by-index')).equals(readFileSync(shell.path('record.tlog-proof')))).toBe(true)
      const got = await treehead(`get --index ${index} --out got.json`)
      expect(got.code).toBe(0)
      expect(readFileSync(shell.path('got.json')).equals(records[at] ?? Buffer.of())).toBe(true)
    }
  })

  it('verify no more when one byte of the record, the index, the proof or the checkpoint is changed', () => {
    const random = seededRandom(20_230_710)
    const { vkey } = server
    const reasons = new Map<string, number>()
    const refuse = (file: Uint8Array, entry: Uint8Array): void => {
      try {
        verifyProofFile(file, { vkey, entry })
      } catch (error) {
        if (!(error instanceof TlogError)) throw error
        expect(error.message).not.toBe('')
        reasons.set(error.code, (reasons.get(error.code) ?? 0) + 1)
        return
      }
      throw new Error('changed, and still valid')
    }
    for (const [i, entry] of records.entries()) {
      const file = proofs[i] ?? new Uint8Array(0)
      refuse(file, flipped(entry, random))
      const parts = parseProofFile(file)
      refuse(formatProofFile({ ...parts, index: parts.index + 1 }), entry)
      // One byte anywhere in the file, be it the index, the proof or the checkpoint: none is without meaning.
      refuse(flipped(file, random), entry)
    }
    expect([...reasons.keys()].sort()).toEqual(expect.arrayContaining(['bad_proof', 'bad_signature', 'malformed']))
  })

  it('every byte of one proof file is changed in turn: none is without meaning', () => {
    const entry = records[17] ?? Buffer.of()
    const file = proofs[17] ?? new Uint8Array(0)
    for (let at = 0; at < file.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = file.slice()
        changed[at] = (changed[at] ?? 0) ^ bit
        const verdict = (): unknown => verifyProofFile(changed, { vkey: server.vkey, entry })
        expect(verdict, `byte ${at}, bit ${bit}`).toThrow(TlogError)
      }
    }
  })

  it.each([
    ['the record', 'record.json', 5],
    ['the index', 'proof', 'index '.length + 23],
    ['the proof', 'proof', 60],
    ['the checkpoint', 'proof', -20],
  ])('through the program, when a byte of %s is changed: a reason and exit code 1', async (_, name, at) => {
    shell.write('record.json', records[20] ?? '')
    shell.write('proof', proofs[20] ?? '')
    const bytes = readFileSync(shell.path(name))
    const place = at < 0 ? bytes.length + at : at
    bytes[place] = bytes[place] === 0x31 ? 0x32 : 0x31
    shell.write(name, bytes)
    const { code, stdout } = await shell.run('treehead verify proof --entry record.json --vkey treehead-data/log.vkey')
    expect(stdout).toMatch(/^invalid: (bad_proof|bad_signature|malformed): [^\n]+\n$/)
    expect(code).toBe(1)
    const json = await shell.run('treehead verify proof --entry record.json --vkey treehead-data/log.vkey --json')
    expect(JSON.parse(json.stdout)).toMatchObject({
      valid: false,
      code: expect.any(String),
      reason: expect.any(String),
    })
    expect(json.code).toBe(1)
  })

  it('pass fsck, served and stored', async () => {
    expect((await treehead('fsck')).stdout).toMatch(/^ok: size \d+; [\d,]+ entries, \d+ tiles checked\n$/)
    await server.stop()
    const stored = await shell.run('treehead fsck --data level:treehead-data')
    expect(stored.stdout).toMatch(/^ok: size \d+; [\d,]+ entries, \d+ tiles, [\d,]+ keys checked\n$/)
    expect(stored.code).toBe(0)
  })
})

const flipped = (bytes: Uint8Array, random: Random): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  const at = random.integer(0, copy.length)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(0, 8))
  return copy
}
