/** A server that is killed while events come in: what it acknowledged is there with its payload, and nothing is there by halves. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { verifyEventFile } from '../../src/client/event-receipt.ts'
import { startServer } from '../support/server.ts'

const CYCLES = 5

interface Acknowledged {
  readonly id: string
  readonly index: number
}

const eventOf = (id: string, n: number): object => ({
  id,
  n,
  time: '2026-11-20T21:47:00Z',
  action: 'user.update',
  actor: { type: 'user', id: `u_${n % 7}` },
  target: { type: 'user', id: `u_${n % 11}`, name: 'somebody' },
  after: { note: 'x'.repeat(n % 300) },
})

describe('[PAYLOAD-1] [EVENT-6] events and SIGKILL', { timeout: 240_000 }, () => {
  it(`keeps every acknowledged event with its payload, once, over ${CYCLES} kills under load`, async () => {
    const home = mkdtempSync(join(tmpdir(), 'treehead-events-'))
    try {
      const acknowledged = new Map<string, number>()
      const sent: object[] = []
      for (let cycle = 0; cycle < CYCLES; cycle++) {
        const server = await startServer({ dataDir: join(home, 'data') })
        const headers = { authorization: `Bearer ${server.token}` }
        const send = async (items: readonly object[]): Promise<readonly Acknowledged[]> => {
          const response = await fetch(`${server.url}/v1/events`, {
            method: 'POST',
            headers,
            body: JSON.stringify(items),
          })
          if (response.status !== 200) return []
          const { accepted, rejected } = (await response.json()) as {
            readonly accepted: readonly Acknowledged[]
            readonly rejected: readonly unknown[]
          }
          expect(rejected).toEqual([])
          return accepted
        }
        // What was sent before the last kill, acknowledged or not, is sent again: replays are safe.
        for (const { id, index } of await send(sent.slice(-200))) {
          expect(acknowledged.get(id) ?? index).toBe(index)
          acknowledged.set(id, index)
        }
        let isKilled = false
        const producer = async (): Promise<void> => {
          while (!isKilled) {
            const items = Array.from({ length: 1 + (sent.length % 9) }, (_, i) =>
              eventOf(`e${sent.length + i}`, sent.length + i + 1),
            )
            sent.push(...items)
            const accepted = await send(items).catch(() => [])
            for (const { id, index } of accepted) acknowledged.set(id, index)
          }
        }
        const producers = Array.from({ length: 4 }, producer)
        await new Promise((resolve) => setTimeout(resolve, 400 + 150 * cycle))
        await server.kill()
        isKilled = true
        await Promise.all(producers)
      }
      expect(acknowledged.size).toBeGreaterThan(100)
      await using server = await startServer({ dataDir: join(home, 'data'), args: ['--open'] })
      const size = Number((await (await fetch(`${server.url}/checkpoint`)).text()).split('\n')[1])
      const ids = new Map<unknown, number>()
      const chain: number[] = []
      for (let index = 0; index < size; index++) {
        const file = new Uint8Array(await (await fetch(`${server.url}/v1/events/${index}/file`)).arrayBuffer())
        const { verdict, event, leaf } = verifyEventFile(file, { vkey: server.vkey })
        expect(verdict).toBe('valid')
        if (leaf.source !== 'first') continue
        expect(ids.has(event['id'])).toBe(false)
        ids.set(event['id'], index)
        chain.push(leaf.number)
      }
      expect(chain).toEqual(chain.map((_, i) => i + 1))
      for (const [id, index] of acknowledged) expect([id, ids.get(id)]).toEqual([id, index])
    } finally {
      rmSync(home, { recursive: true, force: true })
    }
  })
})
