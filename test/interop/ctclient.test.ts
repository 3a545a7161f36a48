/** Google's Certificate Transparency client against our RFC 6962 API, with the log's ECDSA tree head key. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { addAll, peekCheckpoint } from '../support/append.ts'
import { type Server, startServer } from '../support/server.ts'
import { goToolsOrSkip, type Outcome, runGo } from './go-tools.ts'

const entries = Array.from({ length: 300 }, (_, i) => encodeUtf8(`entry ${i}`))

describe.skipIf(!goToolsOrSkip())("Google's ctclient", () => {
  let folder: string
  let server: Server

  const ctclient = (command: string, ...args: readonly string[]): Promise<Outcome> => {
    // A key given in `args` comes later on the command line and so counts.
    const base = [`--log_uri=${server.url}`, `--pub_key=${join(server.dataDir, 'sth.pub.pem')}`]
    return runGo('ctclient', [command, ...base, ...args], 30_000)
  }

  /** The tree head that ctclient has verified. */
  const treeHead = async (): Promise<{ readonly size: number; readonly hash: string }> => {
    const { code, output } = await ctclient('get-sth')
    const [, size, hash] = /\(size=(\d+)\) .* hash ([0-9a-f]{64})/.exec(output) ?? []
    if (code !== 0 || size === undefined || hash === undefined) throw new Error(output)
    return { size: Number(size), hash }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-ct-'))
    server = await startServer({ dataDir: join(folder, 'data'), args: ['--origin', 'interop.example/ct'] })
    return async () => {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('verifies the head of the empty log', async () => {
    expect((await treeHead()).size).toBe(0)
  })

  it('verifies heads, and that each is an extension of the one before', async () => {
    const heads = []
    for (const size of [1, 2, 100, 256, 300]) {
      await addAll(server, entries.slice((await peekCheckpoint(server.url)).size, size))
      const head = await treeHead()
      expect(head.size).toBe(size)
      expect(Buffer.from(head.hash, 'hex').toString('base64')).toBe((await peekCheckpoint(server.url)).root)
      heads.push(head)
    }
    const consistency = (from: { size: number; hash: string }, to: { size: number; hash: string }): Promise<Outcome> =>
      ctclient(
        'get-consistency-proof',
        `--prev_size=${from.size}`,
        `--prev_hash=${from.hash}`,
        `--size=${to.size}`,
        `--tree_hash=${to.hash}`,
      )
    for (const [i, head] of heads.entries()) {
      for (const later of heads.slice(i + 1)) {
        const { code, output } = await consistency(head, later)
        expect(output).toContain(`Verified that hash ${head.hash} @${head.size}`)
        expect(code).toBe(0)
      }
    }
    const { code, output } = await consistency({ ...heads[2]!, hash: heads[1]!.hash }, heads[4]!)
    expect(output).toContain('Failed to VerifyConsistency')
    expect(code).not.toBe(0)
  })

  it.each([0, 1, 255, 256, 299])('verifies the inclusion of entry %i by its leaf hash', async (index) => {
    const leafHash = encodeHex(hashLeaf(entries[index]!))
    const { code, output } = await ctclient('get-inclusion-proof', `--leaf_hash=${leafHash}`)
    expect(output).toContain(`Inclusion proof for index ${index} in tree of size 300`)
    expect(output).toContain(`Verified that hash ${leafHash}`)
    expect(code).toBe(0)
  })

  it('is told that an unknown leaf is not there', async () => {
    const leafHash = encodeHex(hashLeaf(encodeUtf8('never added')))
    const { code, output } = await ctclient('get-inclusion-proof', `--leaf_hash=${leafHash}`)
    expect(output).toMatch(/404/)
    expect(code).not.toBe(0)
  })

  it('refuses our heads with any other key', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const other = join(folder, 'other.pem')
    writeFileSync(other, publicKey.export({ type: 'spki', format: 'pem' }))
    const { code, output } = await ctclient('get-sth', `--pub_key=${other}`)
    expect(output).toMatch(/verif|signature/i)
    expect(code).not.toBe(0)
  })
})
