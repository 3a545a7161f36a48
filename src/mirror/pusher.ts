/** Keeps one mirror up to date with a log: pushes each new head, and goes on after failures, more and more slowly. */
import type { MirroredHead, Pushed } from '../client/mirror-client.ts'

/** Where a mirror stands, for readiness and metrics. */
export interface PusherState {
  /** The size that the mirror cosigned last for us, undefined before it did. */
  readonly size: number | undefined
  /** When it did, by the wall clock in milliseconds. */
  readonly time: number | undefined
  /** Why the newest attempt failed, undefined after one that did not. */
  readonly error: unknown
}

/** What a pusher works with. */
export interface PusherParts {
  /** For people: the mirror's URL. */
  readonly name: string
  /** Hands a head to the mirror; see `MirrorClient`. */
  readonly push: (head: MirroredHead, options: { readonly signal: AbortSignal }) => Promise<Pushed>
  /** The newest head of the log. */
  readonly head: () => MirroredHead | Promise<MirroredHead>
  /** Wall clock. */
  readonly clock: () => number
  /** Numbers from 0 up to 1, for the jitter. */
  readonly random: () => number
  /** Told of each push; must not throw. */
  readonly observe: (outcome: { readonly name: string; readonly pushed?: Pushed; readonly error?: unknown }) => void
  /** How long from one push to the next when nothing is new: the mirror then cosigns the same head anew. */
  readonly intervalMs: number
  /** The first pause after a failure, doubled with each further one up to `intervalMs`. Default 500. */
  readonly retryMs?: number
}

/** One background task, which never rejects: what goes wrong is in its state, and told to `observe`. */
export class MirrorPusher {
  readonly #parts: PusherParts
  readonly #stop = new AbortController()
  #state: PusherState = { size: undefined, time: undefined, error: undefined }
  #running: Promise<void> | undefined
  #woken = false
  #wake = (): void => {}

  constructor(parts: PusherParts) {
    this.#parts = parts
  }

  /** Where the mirror stands. */
  get state(): PusherState {
    return this.#state
  }

  /** The name it was given. */
  get name(): string {
    return this.#parts.name
  }

  /** Starts; a second call does nothing. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Says that there is a new head. Cheap: call it for each. */
  wake(): void {
    this.#woken = true
    this.#wake()
  }

  /** Stops, and resolves when nothing is under way. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the pusher was stopped'))
    this.#wake()
    await this.#running
  }

  async #run(): Promise<void> {
    const { intervalMs, retryMs = 500, random } = this.#parts
    for (let failures = 0; !this.#stop.signal.aborted; ) {
      this.#woken = false
      failures = (await this.#push()) ? 0 : failures + 1
      if (failures === 0) await this.#pause(intervalMs, true)
      // Jittered, so that the logs of a mirror that was away do not come back together. News does not shorten it.
      else await this.#pause(Math.min(intervalMs, retryMs * 2 ** (failures - 1)) * (0.5 + random() / 2), false)
    }
  }

  async #push(): Promise<boolean> {
    const { push, head, clock, observe, name } = this.#parts
    const { signal } = this.#stop
    try {
      const pushed = await push(await head(), { signal })
      this.#state = { size: pushed.size, time: clock(), error: undefined }
      observe({ name, pushed })
      return true
    } catch (error) {
      if (signal.aborted) return true
      this.#state = { ...this.#state, error }
      observe({ name, error })
      return false
    }
  }

  #pause(ms: number, untilWoken: boolean): Promise<void> {
    if (this.#stop.signal.aborted || (untilWoken && this.#woken)) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        if (!untilWoken && !this.#stop.signal.aborted) return
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
