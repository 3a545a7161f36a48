/** The free-space watermark over volumes whose free space the test says. */
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { openDiskGuard } from '../../src/log/disk.node.ts'
import { RefusedError } from '../../src/log/refusal.ts'
import { entry, newLog } from '../support/log.ts'

const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 200 && !condition(); i++) await pause(10)
  expect(condition()).toBe(true)
}

describe('the free-space watermark', () => {
  it('refuses appends while a volume is under it, and takes them again by itself', async () => {
    const free = new Map([
      ['/data', 1_000],
      ['/ledger', 1_000],
    ])
    using guard = await openDiskGuard({
      paths: ['/data', '/ledger'],
      minFreeBytes: 500,
      intervalMs: 20,
      measure: async (path) => free.get(path) ?? 0,
    })
    const { log } = await newLog({ admit: guard.refusal })
    expect((await log.sequencer.append([entry('a')])).indices).toEqual([0])
    for (const volume of free.keys()) {
      free.set(volume, 499)
      await until(() => guard.freeBytes === 499)
      const refused = log.sequencer.append([entry('b')])
      await expect(refused).rejects.toBeInstanceOf(RefusedError)
      await expect(refused).rejects.toMatchObject({ reason: 'disk_full', code: 'refused' })
      // Reads go on, and nothing of the refused entry is there.
      expect(await log.reader.entries(0, 1)).toEqual([entry('a')])
      expect(log.reader.published.size).toBe(1)
      free.set(volume, 500)
      await until(() => guard.refusal() === undefined)
    }
    expect((await log.sequencer.append([entry('b')])).indices).toEqual([1])
  })

  it('looks more often when space runs out', async () => {
    let looks = 0
    let free = 1e9
    const measure = async (): Promise<number> => {
      looks++
      return free
    }
    using guard = await openDiskGuard({ paths: ['/'], minFreeBytes: 1_000, intervalMs: 100, measure })
    await pause(450)
    const seldom = looks
    free = 15_999
    await until(() => guard.freeBytes === free)
    looks = 0
    await pause(400)
    expect(seldom).toBeLessThan(8)
    expect(looks).toBeGreaterThan(10)
  })

  it('keeps what it saw last when a volume does not answer', async () => {
    let answers = true
    const measure = async (): Promise<number> => {
      if (answers) return 700
      throw new Error('EIO')
    }
    using guard = await openDiskGuard({ paths: ['/'], minFreeBytes: 500, intervalMs: 10, measure })
    answers = false
    await pause(60)
    expect(guard.freeBytes).toBe(700)
    expect(guard.refusal()).toBeUndefined()
  })

  it('asks the system by default, and 0 switches it off', async () => {
    using guard = await openDiskGuard({ paths: ['.'], minFreeBytes: 0 })
    expect(guard.freeBytes).toBeGreaterThan(0)
    expect(guard.refusal()).toBeUndefined()
    await expect(openDiskGuard({ paths: ['./no/such/folder'], minFreeBytes: 1 })).rejects.toThrow('ENOENT')
    using full = await openDiskGuard({ paths: ['.'], minFreeBytes: 2 ** 53 - 1 })
    expect(full.refusal()?.help).toContain('--min-free-bytes')
  })
})
