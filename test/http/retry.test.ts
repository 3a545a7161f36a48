/** Answers that ask a producer to come back: they say when, and what became of its entries. */

import { describe, expect, it } from 'vitest'
import { askAnyone } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import { type Log, openLog } from '../../src/log/open.ts'
import { defaultPoolLimits } from '../../src/log/pool.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { entries, newLog, testClock } from '../support/log.ts'

const appOf = (log: Log): ReturnType<typeof createApp> =>
  createApp({ log, ask: askAnyone, maxBatchEntries: 100, maxBatchBytes: 100_000, parts: [], report: () => {} })
const add = async (app: ReturnType<typeof createApp>, body: string): Promise<Response> =>
  app.request('http://log.test/add', { method: 'POST', body })

describe('[HTTP-4] a producer that should come back', () => {
  it('is told so with 429 when the pool is full, and is served when it does', async () => {
    const { log } = await newLog({ limits: { ...defaultPoolLimits, maxPoolEntries: 3 } })
    const app = appOf(log)
    const waiting = log.sequencer.append(entries(3))
    const pushed = await add(app, 'one too many')
    expect(pushed.status).toBe(429)
    expect(Number(pushed.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await pushed.text()).toMatch(/^pushback: /)
    await waiting
    expect(await (await add(app, 'one too many')).text()).toBe('3')
  })

  it('waits for different times, so that not all come back at once', async () => {
    const { log } = await newLog({ limits: { ...defaultPoolLimits, maxPoolEntries: 3 } })
    const waiting = log.sequencer.append(entries(3))
    const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => add(appOf(log), `late ${i}`)))
    expect(new Set(answers.map((answer) => answer.headers.get('retry-after'))).size).toBeGreaterThan(1)
    await waiting
  })

  it('is told with 503 that a write may have happened, then that no more are taken', async () => {
    const { options } = await newLog()
    const { store } = options
    const log = await openLog({
      ...options,
      store: {
        head: () => store.head(),
        commit: () => Promise.reject(new TlogError('unknown_outcome', 'the disk is on fire')),
        entries: (start, end) => store.entries(start, end),
        fullTile: (key) => store.fullTile(key),
        lookup: (keys) => store.lookup(keys),
      },
    })
    const app = appOf(log)
    const [first, second] = [await add(app, 'a'), await add(app, 'a')]
    expect([first.status, second.status]).toEqual([503, 503])
    expect(await first.text()).toMatch(/^unknown_outcome: .*replays are safe\n$/)
    expect(await second.text()).toMatch(/^poisoned: /)
    for (const answer of [first, second]) expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect((await app.request('http://log.test/checkpoint')).status).toBe(200)
  })

  it('is told with 503 that the clock is wrong, and what helps', async () => {
    const clock = testClock()
    const { log } = await newLog({ clock: clock.read })
    clock.now -= 10_000
    const refused = await add(appOf(log), 'a')
    expect(refused.status).toBe(503)
    expect(await refused.text()).toMatch(/^refused: clock: .*set the clock/)
  })
})
