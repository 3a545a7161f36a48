/** Alarms to a webhook: each is posted in its turn, a few times if need be, and never in the way of the monitor. */
import { pause } from '../client/http.ts'

/** Where to post, and how patiently. */
export interface WebhookOptions {
  readonly url: string
  /** Default: the platform's. */
  readonly fetch?: typeof globalThis.fetch | undefined
  /** For one attempt, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** How often to try, the first time included. Default 5. */
  readonly maxAttempts?: number | undefined
  /** The first pause between attempts, doubled for each further one, in milliseconds. Default 1,000. */
  readonly retryDelayMs?: number | undefined
  /** Told of each message that was given up, and why. */
  readonly onFailure: (reason: string) => void
}

/** Messages that may wait; with more, the oldest is given up. */
const MAX_WAITING = 256

/** Posts JSON, one message at a time and in order. Any 2xx is taken for delivered; a 4xx but 408 and 429 is not tried again. */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #waiting: string[] = []
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined

  constructor(options: WebhookOptions) {
    this.#options = options
  }

  /** Takes a message; never waits and never throws. */
  post(message: object): void {
    this.#waiting.push(JSON.stringify(message))
    if (this.#waiting.length > MAX_WAITING) {
      this.#waiting.shift()
      this.#options.onFailure(`${MAX_WAITING} messages wait: the oldest is given up`)
    }
    this.#running ??= this.#run()
  }

  /** Resolves when nothing waits any more, or after `graceMs`; then what is left is given up. */
  async drain(graceMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stop.abort(new Error('the monitor ends')), graceMs)
    await this.#running
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    for (let message = this.#waiting.shift(); message !== undefined; message = this.#waiting.shift()) {
      const reason = await this.#deliver(message)
      if (reason !== undefined) this.#options.onFailure(reason)
    }
    // In one turn with the last look at the queue, so that no message falls in between.
    this.#running = undefined
  }

  /** Resolves with why it was given up, or undefined when it was delivered. */
  async #deliver(message: string): Promise<string | undefined> {
    const { maxAttempts = 5, retryDelayMs = 1_000 } = this.#options
    for (let attempt = 1; ; attempt++) {
      const { reason, isFinal } = await this.#attempt(message)
      if (reason === undefined || isFinal || attempt >= maxAttempts || this.#stop.signal.aborted) return reason
      await pause(retryDelayMs * 2 ** (attempt - 1), this.#stop.signal).catch(() => {})
    }
  }

  async #attempt(body: string): Promise<{ readonly reason?: string; readonly isFinal?: boolean }> {
    const { url, fetch = globalThis.fetch, timeoutMs = 10_000 } = this.#options
    const limit = new AbortController()
    const abort = (): void => limit.abort(this.#stop.signal.reason)
    if (this.#stop.signal.aborted) abort()
    this.#stop.signal.addEventListener('abort', abort)
    const timer = setTimeout(() => limit.abort(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
    try {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(url, { method: 'POST', headers, body, signal: limit.signal, redirect: 'manual' })
      await response.body?.cancel()
      if (response.ok) return {}
      const { status } = response
      return { reason: `answered ${status}`, isFinal: status < 500 && status !== 408 && status !== 429 }
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) }
    } finally {
      clearTimeout(timer)
      this.#stop.signal.removeEventListener('abort', abort)
    }
  }
}
