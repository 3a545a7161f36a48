/** The client as browsers get it: one bundle without anything of Node, small, and at work in a context that has no Node. */
import { webcrypto } from 'node:crypto'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { type BuildResult, build } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { COSIGNATURE_V1, ED25519, SUBTREE_V1 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { parseNote, signNote } from '../../src/note/note.ts'
import { formatProofFile, parseProofFile } from '../../src/tlog/proof-file.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'
import { repositoryRoot } from '../support/root.ts'

/** Bytes after gzip that each use may cost: what was measured, and a tenth. */
const budgets = { 'all of it': 36_660, 'verifyProofFile alone': 24_870 }

const bundle = (contents: string): Promise<BuildResult<{ write: false; metafile: true }>> =>
  build({
    stdin: { contents, resolveDir: repositoryRoot, loader: 'ts' },
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    format: 'iife',
    globalName: 'client',
    platform: 'browser',
    conditions: ['source'],
    logLevel: 'silent',
  })

const codeOf = (result: BuildResult<{ write: false }>): string => result.outputFiles[0]!.text

describe.each([
  ['all of it', "export * from './src/client/index.ts'"],
  ['verifyProofFile alone', "export { verifyProofFile } from './src/client/index.ts'"],
] as const)('%s', (use, contents) => {
  let result: Awaited<ReturnType<typeof bundle>>
  beforeAll(async () => {
    result = await bundle(contents)
  })

  it('imports nothing of Node', () => {
    const inputs = Object.entries(result.metafile.inputs)
    const external = inputs.flatMap(([, { imports }]) => imports.filter((found) => found.external === true))
    expect(external).toEqual([])
    expect(inputs.map(([path]) => path).filter((path) => path.endsWith('.node.ts'))).toEqual([])
    expect(codeOf(result)).not.toMatch(/["']node:|\brequire\(|\bBuffer\b|\bprocess\./)
  })

  it('keeps within its size', () => {
    const bytes = gzipSync(codeOf(result), { level: 9 }).length
    console.log(`${use}: ${codeOf(result).length} bytes, ${bytes} after gzip`)
    expect(bytes).toBeLessThanOrEqual(budgets[use])
  })
})

describe('in a context without Node', () => {
  /** What every browser has and the client may use. */
  const browser = () =>
    createContext({
      ...{ TextEncoder, TextDecoder, atob, btoa, URL, AbortController, Response, Headers, setTimeout, clearTimeout },
      crypto: webcrypto,
    })

  it('verifies a receipt with an Ed25519, a cosignature/v1 and an ML-DSA-44 key', async () => {
    const code = codeOf(await bundle("export { parsePolicy, verifyProofFile } from './src/client/index.ts'"))
    const made = await memoryLog()
    await made.append(numbered(0, 300))
    const keys = [COSIGNATURE_V1, SUBTREE_V1].map((kind, i) =>
      signerKey(`w${i}.example`, kind, new Uint8Array(32).fill(5 + i)),
    )
    const log = signerKey(made.origin, ED25519, new Uint8Array(32).fill(1))
    const { checkpoint, ...proof } = parseProofFile(await made.log.reader.proofFile(7))
    const signers = [signerOf(log), ...keys.map((key) => signerOf(key, { time: 1_767_225_600 }))]
    const file = formatProofFile({ ...proof, checkpoint: signNote(parseNote(checkpoint).text, signers) })
    const policy = [
      `log ${made.vkey}`,
      ...keys.map((key, i) => `witness w${i} ${formatVerifierKey(key)}`),
      'group both 2 w0 w1',
      'quorum both',
      '',
    ].join('\n')
    const context = browser()
    runInContext(code, context)
    const verify = runInContext(
      '(file, entry, policy) => client.verifyProofFile(new Uint8Array(file), { entry: new Uint8Array(entry), policy: client.parsePolicy(policy) })',
      context,
    )
    expect(verify([...file], [...numbered(7, 8)[0]!], policy)).toMatchObject({ index: 7, size: 300 })
    expect(() => verify([...file], [...numbered(8, 9)[0]!], policy)).toThrow(/bad_proof|does not put the leaf/)
  })

  it('reads a log', async () => {
    const code = codeOf(await bundle("export { LogClient } from './src/client/index.ts'"))
    const made = await memoryLog()
    await made.append(numbered(0, 600))
    const context = browser()
    runInContext(code, context)
    const read = runInContext(
      `async (url, vkey, fetch) => {
        const log = new client.LogClient({ url, vkey, fetch })
        const seen = []
        for await (const { index, data } of log.entries(250, 520)) seen.push(index + ' ' + new TextDecoder().decode(data))
        const { size } = await log.inclusionProof(3)
        return [size, seen.length, seen[0], seen.at(-1)].join(', ')
      }`,
      context,
    )
    expect(await read(LOG_URL, made.vkey, logFetch(made))).toBe('600, 270, 250 entry 250, 519 entry 519')
  })
})
