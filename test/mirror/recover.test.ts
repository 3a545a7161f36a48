/** The filling of a recovered log's database: cut off at any step, it goes on; wrong entries never end well. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { LogEntry } from '../../src/client/log-client.ts'
import { formatHead } from '../../src/log/head.ts'
import { checkpointIn } from '../../src/log/stored-rows.ts'
import { type Recovery, recoverLog } from '../../src/mirror/recover.ts'
import { fsck } from '../../src/monitor/fsck.ts'
import { storeSource } from '../../src/monitor/fsck-source.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { KeyValueStore, LogStore } from '../../src/storage/storage.ts'
import { type MemoryLog, memoryLog, numbered } from '../support/memory-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'treehead-recovery-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const recoveryOf = (log: MemoryLog): Pick<Recovery, 'tree' | 'head' | 'entries'> => {
  const { tree, checkpoint, root, size } = log.log.reader.published
  return {
    tree: { size, root: tree.root },
    head: formatHead({ size, root, time: 5, checkpoint }),
    entries: async function* (start, end): AsyncGenerator<LogEntry> {
      for (let index = start; index < end; index++) {
        const [data = new Uint8Array(0)] = await log.store.entries(index, index + 1)
        yield { index, data }
      }
    },
  }
}

const expectWhole = async (log: MemoryLog, path: string): Promise<void> => {
  await using storage = await openStorage(`level:${path}`)
  const report = await fsck(storeSource(storage.log, { checkpointIn }), { vkey: log.vkey })
  expect(report).toMatchObject({ ok: true, size: log.log.reader.published.size, count: 0 })
  expect(Buffer.from(report.checkpoint ?? []).toString()).toBe(Buffer.from(log.checkpoint()).toString())
}

describe('the recovery of a log', () => {
  it.each([0, 1, 256, 4_096, 4_097, 9_000])(
    '[RECOVER-2] of %i entries ends with the head that the log signed',
    async (size) => {
      const log = await memoryLog()
      await log.append(numbered(0, size))
      const path = join(folder, `whole-${size}`)
      {
        await using storage = await openStorage(`level:${path}`, { create: true })
        await recoverLog({ ...recoveryOf(log), store: storage.log, progress: storage.keyValue('recover') })
      }
      await expectWhole(log, path)
    },
  )

  it('[RECOVER-3] that is cut off between any two writes goes on from there, also to a head that is newer by then', async () => {
    const log = await memoryLog()
    await log.append(numbered(0, 9_000))
    const path = join(folder, 'cut')
    for (const [i, allowed] of [0, 1, 2, 1, 3].entries()) {
      await using storage = await openStorage(`level:${path}`, { create: true })
      let writes = 0
      const counted = <T>(write: () => Promise<T>): Promise<T> =>
        writes++ === allowed ? Promise.reject(new Error('cut')) : write()
      const { log: rows } = storage
      const store: LogStore = {
        head: () => rows.head(),
        commit: (step) => counted(() => rows.commit(step)),
        entries: (start, end) => rows.entries(start, end),
        fullTile: (key) => rows.fullTile(key),
        lookup: (keys) => rows.lookup(keys),
      }
      const counts = storage.keyValue('recover')
      const progress: KeyValueStore = {
        get: (key) => counts.get(key),
        getMany: (keys) => counts.getMany(keys),
        range: (from, to) => counts.range(from, to),
        write: (changes) => counted(() => counts.write(changes)),
      }
      await expect(recoverLog({ ...recoveryOf(log), store, progress })).rejects.toThrow('cut')
      await log.append(numbered(9_000 + i, 9_001 + i))
    }
    {
      await using storage = await openStorage(`level:${path}`)
      const seen: number[] = []
      const onProgress = (size: number): void => void seen.push(size)
      await recoverLog({ ...recoveryOf(log), store: storage.log, progress: storage.keyValue('recover'), onProgress })
      expect(seen).toEqual([9_005])
    }
    await expectWhole(log, path)
  })

  it('[RECOVER-1] with an entry that is not of the tree does not end', async () => {
    const log = await memoryLog()
    await log.append(numbered(0, 600))
    await using storage = await openStorage('memory:')
    const recovery = recoveryOf(log)
    const entries = async function* (start: number, end: number): AsyncGenerator<LogEntry> {
      for await (const entry of recovery.entries(start, end))
        yield entry.index === 300 ? { ...entry, data: Uint8Array.of(1) } : entry
    }
    const parts = { store: storage.log, progress: storage.keyValue('recover') }
    await expect(recoverLog({ ...recovery, entries, ...parts })).rejects.toMatchObject({ code: 'corrupt' })
    expect(await storage.log.head()).toBeUndefined()
  })

  it('[RECOVER-3] is refused when the copy has less than before', async () => {
    const log = await memoryLog()
    await log.append(numbered(0, 300))
    const smaller = recoveryOf(log)
    await log.append(numbered(300, 400))
    await using storage = await openStorage('memory:')
    const parts = { store: storage.log, progress: storage.keyValue('recover') }
    await recoverLog({ ...recoveryOf(log), ...parts })
    await expect(recoverLog({ ...smaller, ...parts })).rejects.toMatchObject({ code: 'conflict' })
  })
})
