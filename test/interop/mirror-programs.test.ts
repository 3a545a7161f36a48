/** Let's Encrypt's mirror client pushes our log to Sunlight's mirror and to ours: our tiles serve it, and we read the copy. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { encodeBase64 } from '../../src/primitives/base64.ts'
import { decodeUtf8, encodeUtf8 } from '../../src/primitives/bytes.ts'
import { encodeHex } from '../../src/primitives/hex.ts'
import { openCheckpoint } from '../../src/tlog/checkpoint.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { addAll, peekCheckpoint } from '../support/append.ts'
import { type Server, startServer } from '../support/server.ts'
import { askGoOnce, goToolsOrSkip } from './go-tools.ts'
import { type MirrorClient, startMirrorClient } from './mirror-client.ts'
import { startSunlight } from './sunlight.ts'
import { type MirrorOptions, type MirrorPeer, startTreeheadMirror } from './treehead-mirror.ts'

const entryAt = (index: number): Uint8Array => encodeUtf8(`mirrored ${index} ${'.'.repeat(index % 50)}`)

const mirrors: readonly (readonly [string, (options: MirrorOptions) => Promise<MirrorPeer>])[] = [
  ["Sunlight's mirror", (options) => startSunlight({ ...options, name: 'witness.example/sunlight' })],
  ['our mirror', startTreeheadMirror],
]

describe.skipIf(!goToolsOrSkip()).each(mirrors)('our log in %s', (_name, startMirror) => {
  let folder: string
  let log: Server
  let mirror: MirrorPeer
  let client: MirrorClient
  let copyUrl: string

  const grow = async (size: number): Promise<void> => {
    const { size: before } = await peekCheckpoint(log.url)
    await addAll(
      log,
      Array.from({ length: size - before }, (_, i) => entryAt(before + i)),
    )
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'th-mirror-'))
    log = await startServer({ dataDir: join(folder, 'data'), args: ['--origin', 'interop.example/mirrored'] })
    mirror = await startMirror({
      dir: join(folder, 'mirror'),
      mirrorName: 'oid/1.3.6.1.4.1.32473.1',
      logs: [log.vkey],
    })
    const { url: submissionUrl, mirrorUrl: monitoringUrl, mirrorVkey } = mirror
    client = startMirrorClient({ logUrl: log.url, logVkey: log.vkey, submissionUrl, monitoringUrl, mirrorVkey })
    copyUrl = `${monitoringUrl}/${createHash('sha256').update(log.origin).digest('hex')}`
    return async () => {
      await client[Symbol.asyncDispose]()
      await mirror.kill()
      await log.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it.each([1, 255, 256, 700, 20_000])('is cosigned by the mirror at %i entries', async (size) => {
    await grow(size)
    const pushed = await client.push()
    const { root } = await peekCheckpoint(log.url)
    expect(pushed).toMatchObject({ ok: true, size, root })
    expect(await client.latest()).toMatchObject({ ok: true, size, root })
    const text = await (await fetch(`${copyUrl}/checkpoint`)).text()
    const verifiers = [log.vkey, mirror.mirrorVkey].map(verifierOf)
    const { verified } = openCheckpoint(encodeUtf8(text), { origin: log.origin, verifiers })
    expect(verified).toHaveLength(2)
  })

  it('is read back whole by our client, with the policy that asks for the mirror', async () => {
    const { size } = await peekCheckpoint(log.url)
    const copy = new LogClient({ url: copyUrl, vkey: log.vkey })
    let index = 0
    for await (const { data } of copy.entries(0)) {
      expect(encodeHex(hashLeaf(data))).toBe(encodeHex(hashLeaf(entryAt(index++))))
    }
    expect(index).toBe(size)
    const policy = `log ${log.vkey}\nwitness mirror ${mirror.mirrorVkey}\nquorum mirror\n`
    const proof = decodeUtf8(await copy.proofFile(300))
    const [good, bad] = [entryAt(300), entryAt(301)].map((entry) =>
      askGoOnce({ op: 'check-proof', policy, text: proof, entry }),
    )
    expect([good?.ok, bad?.ok]).toEqual([true, false])
    const unmirrored = decodeUtf8(await new LogClient({ url: log.url, vkey: log.vkey }).proofFile(300))
    expect(askGoOnce({ op: 'check-proof', policy, text: unmirrored, entry: entryAt(300) }).ok).toBe(false)
  })

  it('has its subtrees signed by the mirror', async () => {
    const leaf = encodeBase64(hashLeaf(entryAt(5)))
    expect(await client.signSubtree(5, 6, leaf)).toMatchObject({ ok: true })
    expect(await client.signSubtree(6, 7, leaf)).toMatchObject({ ok: false })
  })
})
