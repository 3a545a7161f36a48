/** The webhook: every alarm arrives once and in order, and one that does not arrive is in nobody's way. */
import { describe, expect, it } from 'vitest'
import { Webhook, type WebhookOptions } from '../../src/monitor/webhook.ts'

type Answer = () => Response | Promise<Response>

const setUp = (answers: readonly Answer[], more: Partial<WebhookOptions> = {}) => {
  const got: string[] = []
  const failures: string[] = []
  const fetch: typeof globalThis.fetch = async (_, init) => {
    const answer = answers[got.length] ?? (() => new Response(null, { status: 204 }))
    got.push(`${init?.method} ${String(init?.body)}`)
    const given = answer()
    init?.signal?.throwIfAborted()
    return Promise.race([
      given,
      new Promise<Response>((_resolve, reject) => {
        init?.signal?.addEventListener('abort', () => reject(init.signal?.reason))
      }),
    ])
  }
  const onFailure = (reason: string): void => void failures.push(reason)
  return {
    got,
    failures,
    webhook: new Webhook({ url: 'http://hook.test', fetch, retryDelayMs: 1, onFailure, ...more }),
  }
}

const status =
  (code: number): Answer =>
  () =>
    new Response('body', { status: code })
const broken: Answer = () => Promise.reject(new TypeError('connection refused'))
const silent: Answer = () => new Promise(() => {})

describe('[MONITOR-8] a webhook', () => {
  it('gets each message once, in order', async () => {
    const { got, failures, webhook } = setUp([])
    for (let i = 0; i < 20; i++) webhook.post({ i })
    await webhook.drain(5_000)
    webhook.post({ i: 20 })
    await webhook.drain(5_000)
    expect(got).toEqual(Array.from({ length: 21 }, (_, i) => `POST {"i":${i}}`))
    expect(failures).toEqual([])
  })

  it('is asked again after what may pass, and the next message waits for its turn', async () => {
    const { got, failures, webhook } = setUp([status(500), broken, status(429), status(408), status(200)])
    webhook.post({ i: 1 })
    webhook.post({ i: 2 })
    await webhook.drain(5_000)
    expect(got.map((line) => line.slice(-2, -1)).join('')).toBe('111112')
    expect(failures).toEqual([])
  })

  it.each<[string, readonly Answer[], number, RegExp]>([
    ['that fails five times', [1, 2, 3, 4, 5].map(() => status(503)), 5, /^answered 503$/],
    ['that refuses the message', [status(400)], 1, /^answered 400$/],
    ['that leads elsewhere', [status(302)], 1, /^answered 302$/],
    ['that is not there', [1, 2, 3, 4, 5].map(() => broken), 5, /refused/],
    ['that never answers', [1, 2, 3, 4, 5].map(() => silent), 5, /^no answer within 20 ms$/],
  ])('%s is given up, and the next message is delivered', async (_, answers, attempts, reason) => {
    const { got, failures, webhook } = setUp(answers, { timeoutMs: 20 })
    webhook.post({ i: 1 })
    webhook.post({ i: 2 })
    await webhook.drain(5_000)
    expect(got).toHaveLength(attempts + 1)
    expect(failures).toEqual([expect.stringMatching(reason)])
  })

  it('does not make its caller wait, and has bounded memory', async () => {
    const { failures, webhook } = setUp([silent])
    const begun = performance.now()
    for (let i = 0; i < 1_000; i++) webhook.post({ i })
    expect(performance.now() - begun).toBeLessThan(500)
    expect(failures.length).toBeGreaterThan(700)
    await webhook.drain(10)
  })

  it('is left alone at the end, after a while', async () => {
    const { got, failures, webhook } = setUp([silent, silent], { timeoutMs: 60_000 })
    webhook.post({ i: 1 })
    webhook.post({ i: 2 })
    const begun = performance.now()
    await webhook.drain(30)
    expect(performance.now() - begun).toBeLessThan(5_000)
    expect(got.length).toBeGreaterThanOrEqual(1)
    expect(failures).toHaveLength(2)
  })
})
