/** The sequencer: dense indices, strict de-duplication, back-pressure, and no second write after a failed one. */
import { describe, expect, it } from 'vitest'
import type { LogEvent } from '../../src/log/events.ts'
import { memoryLedger } from '../../src/log/ledger.ts'
import { openLog } from '../../src/log/open.ts'
import { defaultPoolLimits } from '../../src/log/pool.ts'
import { RefusedError } from '../../src/log/refusal.ts'
import { verifyConsistency } from '../../src/merkle/consistency.ts'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { verifyInclusion } from '../../src/merkle/inclusion.ts'
import { isTlogError, TlogError } from '../../src/primitives/error.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { Commit, LogStore } from '../../src/storage/storage.ts'
import { MTH } from '../merkle/reference.ts'
import { entries, entry, memoryOptions, newLog, testClock } from '../support/log.ts'

const code = (wanted: string) => (error: unknown) => isTlogError(error) && error.code === wanted

describe('[SEQ-1] an answer means integrated and published', () => {
  it('indices are dense and in order of arrival, whatever the commits were', async () => {
    const { log } = await newLog()
    const answers = await Promise.all(entries(700).map((one) => log.sequencer.append([one])))
    expect(answers.map(({ indices }) => indices[0])).toEqual(Array.from({ length: 700 }, (_, i) => i))
    expect(log.reader.published.size).toBe(700)
  })

  it('the root is that of RFC 6962, at every size and for any split into batches', async () => {
    const all = entries(600)
    for (const batch of [1, 7, 255, 256, 257, 600]) {
      const { log } = await newLog()
      for (let at = 0; at < all.length; at += batch) {
        const { checkpoint } = await log.sequencer.append(all.slice(at, at + batch))
        if (batch > 5) expect(Buffer.from(checkpoint.root).equals(MTH(all.slice(0, checkpoint.size)))).toBe(true)
      }
      expect(Buffer.from(log.reader.published.root).equals(MTH(all))).toBe(true)
    }
  })

  it('every entry has an inclusion proof under the checkpoint it was answered with, and heads are consistent', async () => {
    const { log } = await newLog()
    const all = entries(530)
    const heads: { size: number; root: Parameters<typeof verifyConsistency>[0]['root1'] }[] = []
    for (let at = 0; at < all.length; at += 53) {
      const { indices, checkpoint } = await log.sequencer.append(all.slice(at, at + 53))
      for (const index of indices) {
        const proof = await log.reader.inclusionProof(index, checkpoint.size)
        verifyInclusion({ index, size: checkpoint.size, leafHash: hashLeaf(all[index]!), root: checkpoint.root, proof })
      }
      heads.push(checkpoint)
    }
    for (const [i, one] of heads.entries()) {
      for (const two of heads.slice(i)) {
        const proof = await log.reader.consistencyProof(one.size, two.size)
        verifyConsistency({ size1: one.size, size2: two.size, root1: one.root, root2: two.root, proof })
      }
    }
  })
})

describe('[SEQ-2] de-duplication is strict', () => {
  it('a replay answers the first index: in the same batch, in another, and after reopening', async () => {
    const { log, options } = await newLog()
    const first = await log.sequencer.append([entry('a'), entry('b'), entry('a')])
    expect(first.indices).toEqual([0, 1, 0])
    expect(first.duplicates).toBe(1)
    expect((await log.sequencer.append([entry('b'), entry('c')])).indices).toEqual([1, 2])
    const again = await openLog(options)
    const replay = await again.sequencer.append([entry('c'), entry('b'), entry('a'), entry('d')])
    expect(replay).toMatchObject({ indices: [2, 1, 0, 3], duplicates: 3 })
    expect(again.reader.published.size).toBe(4)
  })

  it('a thousand producers of one entry get one index', async () => {
    const { log } = await newLog()
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => log.sequencer.append([entry('same')])))
    expect(new Set(answers.map(({ indices }) => indices[0]))).toEqual(new Set([0]))
    expect(log.reader.published.size).toBe(1)
  })

  it('an index row that points to another entry is not believed', async () => {
    const { options, log } = await newLog()
    await log.sequencer.append(entries(3))
    const lying: LogStore = {
      ...bound(options.store),
      lookup: async (keys) => keys.map(() => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)),
    }
    const misled = await openLog({ ...options, store: lying })
    expect((await misled.sequencer.append([entry('new'), entry('entry 1')])).indices).toEqual([3, 1])
  })

  it('allowed duplicates get an index each; a later strict start indexes what was missed', async () => {
    const events: LogEvent[] = []
    const { log, options } = await newLog({ allowDuplicates: true })
    expect((await log.sequencer.append([entry('a'), entry('a'), ...entries(600)])).indices.slice(0, 2)).toEqual([0, 1])
    const strict = await openLog({ ...options, allowDuplicates: false, observe: (event) => events.push(event) })
    expect(events).toContainEqual({ kind: 'reindexed', from: 0, to: 602 })
    expect((await strict.sequencer.append([entry('a'), entry('entry 599'), entry('new')])).indices).toEqual([
      0, 601, 602,
    ])
  })
})

describe('[SEQ-3] back-pressure', () => {
  it('what does not fit the pool is pushed back at once, and nothing of it is kept', async () => {
    const events: LogEvent[] = []
    const limits = { ...defaultPoolLimits, maxPoolEntries: 10 }
    const { log } = await newLog({ limits, observe: (event) => events.push(event) })
    const kept = log.sequencer.append(entries(8))
    await expect(log.sequencer.append(entries(3, 'late'))).rejects.toSatisfy(code('pushback'))
    expect((await kept).indices).toHaveLength(8)
    expect(log.reader.published.size).toBe(8)
    expect(events.filter(({ kind }) => kind === 'pushback')).toHaveLength(1)
    await log.sequencer.append(entries(3, 'late'))
  })

  it('bytes are bounded as well as entries, and an entry over 65,535 bytes is too large', async () => {
    const { log } = await newLog({ limits: { ...defaultPoolLimits, maxPoolBytes: 100_000 } })
    await expect(log.sequencer.append([new Uint8Array(65_536)])).rejects.toSatisfy(code('too_large'))
    const kept = log.sequencer.append([new Uint8Array(65_535)])
    await expect(log.sequencer.append([new Uint8Array(65_535)])).rejects.toSatisfy(code('pushback'))
    await kept
  })

  it('a commit takes whole submissions up to its limit', async () => {
    const sizes: number[] = []
    const limits = { ...defaultPoolLimits, maxCommitEntries: 10 }
    const { log } = await newLog({
      limits,
      observe: (event) => event.kind === 'committed' && sizes.push(event.entries),
    })
    await Promise.all([
      log.sequencer.append(entries(6, 'a')),
      log.sequencer.append(entries(6, 'b')),
      log.sequencer.append(entries(30, 'c')),
    ])
    expect(sizes).toEqual([12, 30])
  })
})

/** A class's methods as a plain object, so that one can be replaced. */
const bound = (store: LogStore): LogStore => ({
  head: () => store.head(),
  commit: (step) => store.commit(step),
  entries: (start, end) => store.entries(start, end),
  fullTile: (key) => store.fullTile(key),
  lookup: (keys) => store.lookup(keys),
})

describe('[SEQ-4] fail-stop', () => {
  const failing = async (when: 'before' | 'after', fail: () => boolean): Promise<LogStore> => {
    const { log: store } = await openStorage('memory:', { create: true })
    const commit = async (step: Commit): ReturnType<LogStore['commit']> => {
      if (when === 'before' && fail()) throw new TlogError('unknown_outcome', 'disk on fire')
      const done = await store.commit(step)
      if (fail()) throw new TlogError('unknown_outcome', 'written, but the answer was lost')
      return done
    }
    return { ...bound(store), commit }
  }

  it.each(['before', 'after'] as const)(
    'a write that fails %s it is done ends all writing; reads go on',
    async (when) => {
      let broken = false
      const events: LogEvent[] = []
      const store = await failing(when, () => broken)
      const { log, options } = await newLog({ store, observe: (event) => events.push(event) })
      await log.sequencer.append(entries(5))
      broken = true
      const failed = log.sequencer.append([entry('x')])
      await expect(failed).rejects.toSatisfy(code('unknown_outcome'))
      broken = false
      await expect(log.sequencer.append([entry('y')])).rejects.toSatisfy(code('poisoned'))
      expect(events.at(-1)?.kind).toBe('poisoned')
      expect(log.reader.published.size).toBe(5)
      expect(await log.reader.entries(0, 5)).toHaveLength(5)
      // After a restart a replay is safe, whether the write had happened or not.
      const again = await openLog(options)
      expect((await again.sequencer.append([entry('x'), entry('y')])).indices).toEqual([5, 6])
      expect(again.reader.published.size).toBe(7)
    },
  )

  it('a head that the ledger could not take is not released, and is found again at the next start', async () => {
    const ledger = memoryLedger()
    let broken = false
    const record: typeof ledger.record = (previous, head) =>
      broken ? Promise.reject(new TlogError('io', 'ledger volume is full')) : ledger.record(previous, head)
    const { log, options } = await newLog({ ledger: { ...ledger, record } })
    await log.sequencer.append([entry('a')])
    broken = true
    await expect(log.sequencer.append([entry('b')])).rejects.toSatisfy(code('unknown_outcome'))
    expect(log.reader.published.size).toBe(1)
    broken = false
    const again = await openLog(options)
    expect(again.reader.published.size).toBe(2)
    expect((await again.sequencer.append([entry('b')])).indices).toEqual([1])
  })
})

describe('[SEQ-5] time', () => {
  it('heads have strictly later times, also when the clock stands still', async () => {
    const { log } = await newLog()
    const times: number[] = []
    for (const one of entries(20)) times.push((await log.sequencer.append([one])).checkpoint.time)
    for (const [i, time] of times.entries()) if (i > 0) expect(time).toBeGreaterThan(times[i - 1]!)
  })

  it('heads do not outrun the clock, however fast they come', async () => {
    const { log } = await newLog({ clock: Date.now })
    for (let i = 0; i < 3_000; i++) await log.sequencer.append(entries(1, `head ${i}`))
    expect(log.reader.published.time).toBeLessThanOrEqual(Date.now() + 1)
  }, 30_000)

  it('a clock that was set back stops signing, not reading, until it has caught up', async () => {
    const clock = testClock()
    const { log } = await newLog({ clock: clock.read })
    await log.sequencer.append([entry('a')])
    clock.now -= 3_600_000
    const refused = await log.sequencer.append([entry('b')]).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(RefusedError)
    expect((refused as RefusedError).reason).toBe('clock')
    expect(await log.reader.entries(0, 1)).toHaveLength(1)
    clock.now += 3_600_001
    expect((await log.sequencer.append([entry('b')])).indices).toEqual([1])
  })
})

describe('[SEQ-6] stopping', () => {
  it('answers what it has taken and takes no more', async () => {
    const { log } = await newLog(await memoryOptions())
    const taken = log.sequencer.append(entries(100))
    await log.sequencer.drain()
    expect((await taken).indices).toHaveLength(100)
    await expect(log.sequencer.append([entry('late')])).rejects.toSatisfy(
      (error) => error instanceof RefusedError && error.reason === 'stopping',
    )
  })
})
