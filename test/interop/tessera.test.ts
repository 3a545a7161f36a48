/** Tessera's fsck and hammer, and x/mod's tile reader, against our running server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { addAll, peekCheckpoint } from '../support/append.ts'
import { noSkips } from '../support/requires.ts'
import { type Server, startServer } from '../support/server.ts'
import { askGoOnce, fsck, goToolsOrSkip, runGo } from './go-tools.ts'

const SIZES = [0, 1, 255, 256, 257, 70_000]

/** Entries of many lengths, the longest allowed among them; each differs from its neighbours. */
const entryAt = (index: number): Uint8Array =>
  index === 1 ? new Uint8Array(65_535).fill(7) : encodeUtf8(`entry ${index} ${'.'.repeat(index % 97)}`)

const scratch: string[] = []
const newFolder = (): string => {
  scratch.push(mkdtempSync(join(tmpdir(), 'treehead-tessera-')))
  return scratch.at(-1)!
}
afterAll(() => {
  for (const folder of scratch) rmSync(folder, { recursive: true, force: true })
})

const vkeyFile = (server: Server): string => join(server.dataDir, 'log.vkey')

/** Stands between a reader and the log, and flips the last bit of the body of one path. */
const startFlippingProxy = async (target: string, flipped: string): Promise<HttpServer> => {
  const proxy = createServer((request, response) => {
    const forward = async (): Promise<void> => {
      const answer = await fetch(`${target}${request.url}`)
      const body = new Uint8Array(await answer.arrayBuffer())
      if (request.url === flipped) body[body.length - 1]! ^= 1
      response.writeHead(answer.status).end(body)
    }
    forward().catch((error: unknown) => response.writeHead(502).end(String(error)))
  })
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done))
  return proxy
}

describe.skipIf(!goToolsOrSkip())("Tessera's fsck", () => {
  let server: Server
  let earlier = { size: 0, root: '' }

  beforeAll(async () => {
    server = await startServer({ dataDir: join(newFolder(), 'data'), args: ['--origin', 'interop.example/fsck'] })
    return async () => {
      await server.stop()
    }
  })

  it.each(SIZES)('vouches for our log of %i entries, and x/mod proves entries from its tiles', async (size) => {
    const { size: before } = await peekCheckpoint(server.url)
    const added = Array.from({ length: size - before }, (_, i) => entryAt(before + i))
    expect(await addAll(server, added)).toEqual(added.map((_, i) => before + i))
    const head = await peekCheckpoint(server.url)
    expect(head.size).toBe(size)
    expect(await fsck(server.url, vkeyFile(server))).toBe(size)

    const indices = [0, 1, 127, 254, 255, 256, 511, 512, 65_535, 65_536, size - 2, size - 1].filter(
      (index) => index >= 0 && index < size,
    )
    const audit = { op: 'audit', url: server.url, ...head, indices, entries: indices.map(entryAt) }
    const consistency = earlier.size > 0 ? { first: earlier.size, firstRoot: earlier.root } : {}
    expect(askGoOnce({ ...audit, ...consistency })).toEqual({ ok: true })
    if (size > 0) {
      const wrong = { ...audit, entries: indices.map((index) => entryAt(index + 1)) }
      expect(askGoOnce(wrong)).toMatchObject({ ok: false })
    }
    earlier = head
  })

  it.each(['/tile/0/273.p/112', '/tile/1/001.p/17', '/tile/2/000.p/1', '/tile/entries/273.p/112'])(
    'notices one flipped bit in %s',
    async (path) => {
      expect((await fetch(`${server.url}${path}`)).status).toBe(200)
      const proxy = await startFlippingProxy(server.url, path)
      try {
        const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
        await expect(fsck(url, vkeyFile(server))).rejects.toThrow(/fsck/)
      } finally {
        proxy.closeAllConnections()
        proxy.close()
      }
    },
  )
})

const seconds = Number(process.env['TREEHEAD_HAMMER_SECONDS'] ?? (noSkips() ? 60 : 10))

describe.skipIf(!goToolsOrSkip())("Tessera's hammer", () => {
  it(`writes and reads for ${seconds} s without one error, and fsck vouches for the log it leaves`, {
    timeout: (seconds * 3 + 180) * 1000,
  }, async () => {
    const dataDir = join(newFolder(), 'data')
    await using server = await startServer({ dataDir, args: ['--origin', 'interop.example/hammer'] })
    const writesPerSecond = 1_000
    const goal = seconds * writesPerSecond * 0.85 // one write in ten repeats an entry, which does not grow the log
    const { code, output } = await runGo(
      'hammer',
      [
        '--show_ui=false',
        `--log_url=${server.url}`,
        `--log_public_key=${server.vkey}`,
        `--bearer_token_write=${server.token}`,
        '--num_writers=512',
        `--max_write_ops=${writesPerSecond}`,
        '--max_read_ops=200',
        '--dup_chance=0.1',
        `--leaf_write_goal=${goal}`,
        `--max_runtime=${seconds * 3 + 60}s`,
      ],
      (seconds * 3 + 90) * 1000,
    )
    expect(output).toMatch(/Reached tree size goal/)
    expect(code).toBe(0)
    // Failed requests do not change its exit code: they are warnings like "(3 x) failed to get leaf 7: ...".
    // At its goal it cancels what it has under way, and warns of that too.
    const expected = /received pushback|: context canceled$/
    const troubles = output.split('\n').filter((line) => /^[WEF]/.test(line) && !expected.test(line))
    expect(troubles).toEqual([])
    expect(await fsck(server.url, vkeyFile(server))).toBeGreaterThanOrEqual(goal)
    expect(await server.stop()).toEqual({ code: 0, signal: null })
  })
})
