/** Our client pushes a log to other people's mirror, and a lost log comes back from it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { MirrorClient, type MirroredHead, servedHead } from '../../src/client/mirror-client.ts'
import { httpResources } from '../../src/client/resources.ts'
import { checkpointReader } from '../../src/client/trust.ts'
import { encodeUtf8 } from '../../src/primitives/bytes.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { addAll, peekCheckpoint } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { type Server, startServer } from '../support/server.ts'
import { goToolsOrSkip } from './go-tools.ts'
import { type SunlightPeer, startSunlight } from './sunlight.ts'

describe.skipIf(!goToolsOrSkip())("our client and Sunlight's mirror", () => {
  let folder: string
  let log: Server
  let mirror: SunlightPeer

  const entryAt = (index: number): Uint8Array => encodeUtf8(`pushed ${index} ${'.'.repeat(index % 60)}`)
  const grow = async (size: number): Promise<void> => {
    const { size: before } = await peekCheckpoint(log.url)
    await addAll(
      log,
      Array.from({ length: size - before }, (_, i) => entryAt(before + i)),
    )
  }
  const newClient = (): MirrorClient =>
    new MirrorClient({ url: mirror.url, verifiers: [verifierOf(mirror.mirrorVkey)] })
  const newestHead = (): Promise<MirroredHead> =>
    servedHead(httpResources({ url: log.url }), checkpointReader({ vkey: log.vkey }))

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'th-pusher-'))
    log = await startServer({ dataDir: join(folder, 'data'), args: ['--origin', 'interop.example/pushed'] })
    mirror = await startSunlight({
      dir: join(folder, 'sunlight'),
      name: 'witness.example/sunlight',
      mirrorName: 'oid/1.3.6.1.4.1.32473.1',
      logs: [log.vkey],
    })
    return async () => {
      await mirror.kill()
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it.each([1, 255, 257, 700, 20_000])(
    'bring the copy to %i entries, and the cosignature is that of the mirror',
    async (size) => {
      await grow(size)
      const pushed = await newClient().push(await newestHead())
      expect([pushed.size, pushed.cosignatures.length]).toEqual([size, 1])
    },
  )

  it('go on from where another client was, in the middle of a package', async () => {
    await grow(20_100)
    const client = newClient()
    await client.push(await newestHead())
    await grow(20_111)
    expect((await client.push(await newestHead())).size).toBe(20_111)
    expect((await client.push(await newestHead())).size).toBe(20_111)
  })

  it('bring a lost log back, with the head that it signed', async () => {
    const { root } = await peekCheckpoint(log.url)
    await log.stop()
    rmSync(join(folder, 'data'), { recursive: true })
    const to = ['--data', `level:${join(folder, 'back')}`, '--vkey', log.vkey, '--mirror-vkey', mirror.mirrorVkey]
    const outcome = await runCli(['recover', '--from', mirror.mirrorUrl, ...to, '--json'])
    expect(outcome.code, outcome.stderr).toBe(0)
    expect(JSON.parse(outcome.stdout)).toMatchObject({ size: 20_111, root, entries: 20_111 })
  })
})
