/** Liveness, readiness and metrics of a log in memory whose troubles the test makes. */

import { describe, expect, it } from 'vitest'
import { askAnyone } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import { createHealth, type Health, type HealthParts, unreadiness } from '../../src/http/health.ts'
import { createMetrics, type Metrics } from '../../src/http/metrics.ts'
import { operationApp } from '../../src/http/operation-app.ts'
import { RefusedError } from '../../src/log/refusal.ts'
import type { LinkState, WitnessLink } from '../../src/log/witnesses/link.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { entries, entry, newLog, testClock } from '../support/log.ts'

type Sequencer = HealthParts['sequencer']

/** A judge over a sequencer in good health, but for what is replaced. */
const healthOf = async (
  sequencer: Partial<Sequencer> = {},
  parts: Partial<Omit<HealthParts, 'sequencer'>> = {},
): Promise<Health> => {
  const { log } = await newLog()
  const healthy: Sequencer = {
    published: log.sequencer.published,
    pooled: 0,
    stopped: undefined,
    busySince: undefined,
    ...sequencer,
  }
  return createHealth({
    sequencer: healthy,
    diskRefusal: () => undefined,
    clock: testClock().read,
    now: () => 10_000,
    maxPoolEntries: 100,
    stallMs: 2_000,
    ...parts,
  })
}

const names = (health: Health): readonly string[] => health.reasons().map(({ name }) => name)

const witnessingOf = (state: LinkState, mayAppend: boolean): NonNullable<HealthParts['witnessing']> => ({
  links: [{ names: ['w1'], state, detail: 'no answer' } as unknown as WitnessLink],
  hasQuorum: mayAppend,
  refusal: () => (mayAppend ? undefined : new RefusedError('quorum_missing', '9 entries wait')),
})

describe('[HTTP-9] readiness', () => {
  it('has no reason against a healthy log', async () => {
    expect(names(await healthOf())).toEqual([])
    expect(names(await healthOf({ busySince: 8_001, pooled: 99 }))).toEqual([])
  })

  it('names each trouble, alone, and says what helps', async () => {
    const troubles: Record<keyof typeof unreadiness, Health> = {
      poisoned: await healthOf({ stopped: new TlogError('poisoned', 'a write failed') }),
      stopping: await healthOf({ stopped: new RefusedError('stopping', 'no more') }),
      clock: await healthOf({}, { clock: () => 1_700_000_000_000 - 1_001 }),
      disk_full: await healthOf({}, { diskRefusal: () => new RefusedError('disk_full', '1 byte is free') }),
      pool_full: await healthOf({ pooled: 100 }),
      stalled: await healthOf({ busySince: 7_999 }),
      quorum_missing: await healthOf({}, { witnessing: witnessingOf('failing', false) }),
      witness_ahead: await healthOf({}, { witnessing: witnessingOf('ahead', true) }),
    }
    for (const [name, health] of Object.entries(troubles)) {
      expect(names(health)).toEqual([name])
      const [reason] = health.reasons()
      expect(reason?.detail).not.toBe('')
      expect(reason?.help).toBe(unreadiness[name as keyof typeof unreadiness])
    }
  })

  it('only warns while appends go on without a quorum, and names who lags', async () => {
    const witnessing = { ...witnessingOf('failing', true), hasQuorum: false }
    const health = await healthOf({}, { witnessing })
    expect(names(health)).toEqual([])
    expect(health.warnings()).toMatchObject([{ name: 'unwitnessed', detail: /w1 is failing: no answer/ }])
  })

  it('is lost as soon as the server is told to stop', async () => {
    const health = await healthOf()
    health.stop()
    expect(names(health)).toEqual(['stopping'])
  })

  it('remembers for a second that a producer was turned away, if others still wait', async () => {
    let now = 0
    const sequencer = { pooled: 5 }
    const health = await healthOf(sequencer, { now: () => now })
    expect(names(health)).toEqual([])
    health.observe({ kind: 'pushback', pooled: 5 })
    now = 999
    expect(names(health)).toEqual(['pool_full'])
    now = 1_000
    expect(names(health)).toEqual([])
  })
})

const service = async (health?: Health): Promise<{ app: ReturnType<typeof createApp>; metrics: Metrics }> => {
  let metrics: Metrics | undefined
  const { log } = await newLog({ observe: (event) => metrics?.observe(event) })
  const { sequencer, reader } = log
  const judge = health ?? (await healthOf())
  const clock = testClock(1_700_000_005_000).read
  metrics = createMetrics({ reader, sequencer, health: judge, clock, freeBytes: () => 12_345, version: '1.2.3' })
  const app = createApp({
    log,
    ask: askAnyone,
    maxBatchEntries: 100,
    maxBatchBytes: 10_000,
    parts: [operationApp({ reader, health: judge, metrics })],
    served: [metrics.observeServed],
    report: () => {},
  })
  return { app, metrics }
}

const get = (app: ReturnType<typeof createApp>, path: string, init: RequestInit = {}): Promise<Response> =>
  Promise.resolve(app.request(`http://log.test${path}`, init))

describe('the routes of operation', () => {
  it('/healthz is 200 also when the log is not ready', async () => {
    const { app } = await service(await healthOf({ stopped: new TlogError('poisoned', 'a write failed') }))
    const response = await get(app, '/healthz')
    expect([response.status, await response.text()]).toEqual([200, 'ok\n'])
    expect(response.headers.get('cache-control')).toBe('no-store')
  })

  it('/readyz is 200, or 503 with the reasons', async () => {
    const ready = await get((await service()).app, '/readyz')
    expect(ready.status).toBe(200)
    expect(await ready.json()).toEqual({ ready: true, reasons: [], warnings: [], size: 0, time: 1_700_000_000_000 })
    const { app } = await service(await healthOf({ pooled: 100 }))
    const unready = await get(app, '/readyz')
    expect(unready.status).toBe(503)
    expect(await unready.json()).toMatchObject({ ready: false, reasons: [{ name: 'pool_full' }], size: 0 })
    expect(unready.headers.get('cache-control')).toBe('no-store')
  })
})

/** The samples of a Prometheus text, by name and labels. */
const samples = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )

describe('metrics', () => {
  it('say what the log did', async () => {
    const { app, metrics } = await service(await healthOf({ busySince: 0 }))
    for (const one of [...entries(5), ...entries(3)]) await get(app, '/add', { method: 'POST', body: Buffer.from(one) })
    await get(app, '/add', { method: 'POST', body: '' })
    await get(app, '/checkpoint')
    await get(app, '/nowhere')
    metrics.observe({ kind: 'refused', reason: 'disk_full' })
    metrics.observe({ kind: 'pushback', pooled: 1 })
    const response = await get(app, '/metrics')
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
    const got = samples(await response.text())
    const want = {
      treehead_size: 5,
      treehead_checkpoint_age_seconds: expect.closeTo(5, 1),
      treehead_pool_entries: 0,
      treehead_free_bytes: 12_345,
      treehead_ready: 0,
      'treehead_unready{reason="stalled"}': 1,
      'treehead_unready{reason="poisoned"}': 0,
      'treehead_build_info{version="1.2.3"}': 1,
      treehead_entries_total: 5,
      treehead_pushbacks_total: 1,
      'treehead_refusals_total{reason="disk_full"}': 1,
      treehead_commit_seconds_count: 5,
      treehead_ledger_seconds_count: 5,
      treehead_prepare_seconds_count: 5,
      'treehead_commit_entries_bucket{le="1"}': 5,
      'treehead_errors_total{code="malformed"}': 1,
      'treehead_http_requests_total{route="/add",method="POST",status="200"}': 8,
      'treehead_http_requests_total{route="/add",method="POST",status="400"}': 1,
      'treehead_http_requests_total{route="/checkpoint",method="GET",status="200"}': 1,
      'treehead_http_requests_total{route="unmatched",method="GET",status="404"}': 1,
      treehead_http_request_seconds_count: 11,
    }
    for (const [name, value] of Object.entries(want)) expect([name, got.get(name)]).toEqual([name, value])
    expect(got.has('process_resident_memory_bytes')).toBe(true)
    expect([...got.keys()].some((name) => name.startsWith('nodejs_eventloop_lag_'))).toBe(true)
  })

  it('do not grow with what users send', async () => {
    const { app, metrics } = await service()
    await get(app, '/metrics')
    const before = samples(await metrics.text()).size
    for (let i = 0; i < 50; i++) {
      await get(app, `/no/such/${i}?token=${i}`)
      await get(app, `/entry/${i}`, { headers: { authorization: `Bearer ${i}` } })
      await get(app, `/inclusion/${i}/${i}`)
      await get(app, `/tile/0/${String(i).padStart(3, '0')}`)
      await get(app, '/checkpoint', { method: ['PUT', 'PATCH', 'DELETE', 'REPORT', 'PROPFIND'][i % 5] ?? 'PUT' })
    }
    const after = samples(await metrics.text())
    // Five lines for the routes and methods asked for, and two codes.
    expect(after.size - before).toBeLessThanOrEqual(10)
    expect([...after.keys()].join('\n')).not.toMatch(/token|Bearer|no\/such|PROPFIND/)
    expect(after.get('treehead_http_requests_total{route="unmatched",method="other",status="405"}')).toBe(50)
  })

  it('of two servers in one process are apart', async () => {
    const [a, b] = [await service(), await service()]
    await get(a.app, '/add', { method: 'POST', body: Buffer.from(entry('x')) })
    expect(samples(await a.metrics.text()).get('treehead_entries_total')).toBe(1)
    expect(samples(await b.metrics.text()).get('treehead_entries_total')).toBe(0)
  })
})
