/** A log that Tessera wrote, with the checkpoint of each of its sizes: our client and our fsck agree with all of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { httpResources, LogClient, verifyConsistency } from '../../src/client/index.ts'
import { fsck } from '../../src/monitor/fsck.ts'
import { httpSource } from '../../src/monitor/fsck-source.ts'
import { tesseraLog } from '../support/keys.ts'
import { LOG_URL } from '../support/log-fetch.ts'
import { shared } from '../support/shared.ts'

const folder = shared('vectors', 'tessera-log') ?? ''
const { vkey, origin } = tesseraLog
const sizes = Array.from({ length: 16 }, (_, size) => size)
const checkpoint = (size: number): Uint8Array => Uint8Array.from(readFileSync(join(folder, `checkpoint.${size}`)))

/** The folder as a server would show it when the log had this size. */
const fileFetch =
  (size: () => number): typeof fetch =>
  async (input) => {
    const path = new URL(String(input)).pathname.slice(1)
    try {
      return new Response(
        Uint8Array.from(readFileSync(join(folder, path === 'checkpoint' ? `checkpoint.${size()}` : path))),
      )
    } catch {
      return new Response('', { status: 404 })
    }
  }

describe.skipIf(folder === '')('the log of Tessera in the outside vectors', () => {
  it.each(sizes)('passes fsck at size %i, with all earlier checkpoints', async (size) => {
    const source = httpSource(httpResources({ url: LOG_URL, fetch: fileFetch(() => size) }))
    const older = sizes.slice(0, size).map(checkpoint)
    const report = await fsck(source, { vkey, older })
    expect(report).toMatchObject({ ok: true, size, count: 0, checked: { entries: size, tiles: size === 0 ? 0 : 1 } })
  })

  it('fails fsck when a later checkpoint is held against an earlier one', async () => {
    const source = httpSource(httpResources({ url: LOG_URL, fetch: fileFetch(() => 7) }))
    const report = await fsck(source, { vkey, older: [checkpoint(8)] })
    expect(report).toMatchObject({ ok: false, problems: [{ kind: 'checkpoint', at: 8 }] })
  })

  it('is followed from checkpoint to checkpoint, and read and proven at each', async () => {
    let size = 0
    let saved: Uint8Array | undefined
    const store = {
      load: async () => saved,
      save: async (bytes: Uint8Array) => {
        saved = bytes
      },
    }
    for (size of sizes) {
      const client = new LogClient({ url: LOG_URL, vkey, fetch: fileFetch(() => size), store })
      const head = await client.checkpoint()
      expect(head.checkpoint).toMatchObject({ origin, size })
      expect(saved).toEqual(checkpoint(size))
      let count = 0
      for await (const { index } of client.entries(0)) expect(index).toBe(count++)
      expect(count).toBe(size)
      for (let size1 = 1; size1 <= size; size1++) verifyConsistency(await client.consistencyProof(size1))
    }
  })

  it('does not take a client back to any earlier checkpoint', async () => {
    const store = { load: async () => checkpoint(15), save: async () => {} }
    for (const size of sizes) {
      const client = new LogClient({ url: LOG_URL, vkey, fetch: fileFetch(() => size), store })
      expect((await client.checkpoint()).checkpoint.size).toBe(15)
    }
  })
})
