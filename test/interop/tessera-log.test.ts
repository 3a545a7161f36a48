/** A log that Tessera's POSIX server wrote, verified by our command line program and our client. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { verifyConsistency } from '../../src/merkle/consistency.ts'
import { verifyInclusion } from '../../src/merkle/inclusion.ts'
import { decodeUtf8 } from '../../src/primitives/bytes.ts'
import { peekCheckpoint } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { askGo, askGoOnce, goToolsOrSkip } from './go-tools.ts'
import { type PosixLog, startPosixLog } from './posix.ts'

const SIZE = 600

describe.skipIf(!goToolsOrSkip())('a log written by Tessera', () => {
  let folder: string
  let log: PosixLog
  /** What Tessera was given, by the index it answered. */
  const entries = new Map<number, string>()

  const grow = async (size: number): Promise<void> => {
    const added = Array.from({ length: size - entries.size }, async (_, i) => {
      const body = `entry ${i} on the way to ${size} ${'x'.repeat(i)}`
      const response = await fetch(`${log.url}/add`, { method: 'POST', body })
      entries.set(Number(await response.text()), body)
    })
    await Promise.all(added)
    while ((await peekCheckpoint(log.url)).size < size) await pause(100)
  }

  const flipping = async (path: string, act: () => Promise<void>): Promise<void> => {
    const file = join(folder, 'log', path)
    const good = readFileSync(file)
    const bad = Uint8Array.from(good)
    bad[bad.length - 1]! ^= 1
    writeFileSync(file, bad)
    try {
      await act()
    } finally {
      writeFileSync(file, good)
    }
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-posix-'))
    log = await startPosixLog(folder, 'interop.example/tessera')
    return async () => {
      await log.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('is followed by our client from the empty log through its growth', async () => {
    const client = new LogClient({ url: log.url, vkey: log.vkey })
    for (const size of [0, 1, 300, SIZE]) {
      await grow(size)
      const { checkpoint } = await client.checkpoint()
      expect(checkpoint).toMatchObject({ origin: 'interop.example/tessera', size })
    }
    expect([...entries.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: SIZE }, (_, i) => i))
    for (const size1 of [1, 255, 256, 300, 599]) verifyConsistency(await client.consistencyProof(size1, SIZE))
  })

  it('gives our client every entry as it was added, with proofs that we and Go verify', async () => {
    const client = new LogClient({ url: log.url, vkey: log.vkey })
    const seen: string[] = []
    for await (const { index, data } of client.entries(0)) {
      expect(decodeUtf8(data)).toBe(entries.get(index))
      seen.push(decodeUtf8(data))
    }
    expect(seen).toHaveLength(SIZE)
    const requests = []
    for (const index of [0, 1, 255, 256, 511, 512, 599]) {
      verifyInclusion(await client.inclusionProof(index))
      const [entry, file] = await Promise.all([client.entry(index), client.proofFile(index)])
      requests.push({ op: 'verify-proof', key: log.vkey, origin: client.origin, text: decodeUtf8(file), entry })
    }
    expect(askGo(requests).filter(({ ok }) => !ok)).toEqual([])
  })

  it('is refused by our client with any other key', async () => {
    const { vkey } = askGoOnce({ op: 'generate-key', algorithm: 'ed25519', name: 'interop.example/tessera' })
    const client = new LogClient({ url: log.url, vkey: String(vkey) })
    await expect(client.checkpoint()).rejects.toMatchObject({ code: 'untrusted' })
  })

  it('is refused by our client once an entry is not the one in the tree', async () => {
    await flipping('tile/entries/001', async () => {
      const client = new LogClient({ url: log.url, vkey: log.vkey })
      expect(decodeUtf8(await client.entry(0))).toBe(entries.get(0))
      await expect(client.entry(511)).rejects.toMatchObject({ code: 'bad_proof' })
    })
  })

  it('passes treehead fsck', async () => {
    const { code, stdout, stderr } = await runCli(['fsck', '--url', log.url, '--vkey', log.vkey])
    expect(stdout + stderr).toBe('ok: size 600; 600 entries, 4 tiles checked\n')
    expect(code).toBe(0)
  })

  it.each([
    ['an entry bundle', 'tile/entries/001', 'entry 511'],
    ['a tile of leaf hashes', 'tile/0/001', 'tile/0/001: hash 255'],
    ['the tile at the right edge', 'tile/1/000.p/2', 'tile/1/000.p/2: hash 1'],
  ])('fails treehead fsck after a bit of %s is flipped, which says where', async (_title, path, where) => {
    await flipping(path, async () => {
      const { code, stdout, stderr } = await runCli(['fsck', '--url', log.url, '--vkey', log.vkey])
      expect(stdout + stderr).toContain(where)
      expect(code).toBe(1)
    })
  })
})
