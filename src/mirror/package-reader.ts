/** Reads an upload piece by piece as it arrives, within a bound on the bytes that all uploads hold together. */
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import type { Taken } from '../tlog/protocol/add-entries.ts'

/** Where the bytes of a body come from. */
export interface BodySource {
  /**
   * The next bytes, undefined at the end: also where the body was cut off or is not what it says it is, since what came
   * before counts all the same. Never rejects.
   */
  next(): Promise<Uint8Array | undefined>
}

/** Bytes that may be held in memory, by all uploads together. */
export class ByteBudget {
  #left: number

  constructor(bytes: number) {
    this.#left = bytes
  }

  /** True when there was room. */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false
    this.#left -= bytes
    return true
  }

  /** Gives back what was taken. */
  give(bytes: number): void {
    this.#left += bytes
  }
}

/** How to read. */
export interface PackageReaderOptions {
  readonly body: BodySource
  readonly budget: ByteBudget
  /** How long one piece may take to arrive, in milliseconds. */
  readonly pieceMs: number
  /** How long the whole body may take, in milliseconds. */
  readonly wholeMs: number
  /** Monotonic clock in milliseconds. */
  readonly now: Clock
}

/** The reader of one body. What it hands out are views of memory that is not written to again. */
export class PackageReader {
  readonly #options: PackageReaderOptions
  readonly #end: number
  #bytes = new Uint8Array(0)
  #length = 0
  #taken = 0
  #ended = false
  #waiting: { readonly since: number; readonly deadline: Deadline } | undefined

  constructor(options: PackageReaderOptions) {
    this.#options = options
    this.#end = options.now() + options.wholeMs
  }

  /**
   * Reads one piece off the front. Resolves to undefined when the body ends before it is whole, or it takes too long.
   * Rejects as `take` does, and with `pushback` when there is no room for it.
   */
  async take<T>(take: (bytes: Uint8Array) => Taken<T>): Promise<T | undefined> {
    const { pieceMs, now } = this.#options
    const deadline = new Deadline(Math.max(0, Math.min(pieceMs, this.#end - now())))
    try {
      for (;;) {
        const taken = take(this.#bytes.subarray(0, this.#length))
        if (taken.kind === 'taken') {
          this.#drop(taken.length)
          return taken.value
        }
        while (this.#length < taken.atLeast) if (!(await this.#more(deadline))) return undefined
      }
    } finally {
      deadline.clear()
    }
  }

  /** How long nothing has come that was waited for, in milliseconds; 0 while it is not the sender who is waited for. */
  get silentMs(): number {
    return this.#waiting === undefined ? 0 : this.#options.now() - this.#waiting.since
  }

  /** Ends the body here, as if the sender had. */
  cut(): void {
    this.#ended = true
    this.#waiting?.deadline.ring()
  }

  /** Gives back the room of the pieces that were taken: the caller is done with them. */
  release(): void {
    this.#options.budget.give(this.#taken)
    this.#taken = 0
  }

  /** Gives back all room. */
  close(): void {
    this.release()
    this.#options.budget.give(this.#length)
    this.#length = 0
    this.#ended = true
  }

  #drop(length: number): void {
    this.#bytes = this.#bytes.subarray(length)
    this.#length -= length
    this.#taken += length
  }

  async #more(deadline: Deadline): Promise<boolean> {
    if (this.#ended) return false
    this.#waiting = { since: this.#options.now(), deadline }
    const chunk = await deadline.orUndefined(this.#options.body.next())
    this.#waiting = undefined
    if (chunk === undefined) {
      this.#ended = true
      return false
    }
    if (!this.#options.budget.take(chunk.length)) {
      this.#ended = true
      throw new TlogError('pushback', 'too much is uploaded at once')
    }
    this.#push(chunk)
    return true
  }

  #push(chunk: Uint8Array): void {
    const length = this.#length + chunk.length
    if (length > this.#bytes.length) {
      // New memory instead of moving what is left within the old one: pieces that were handed out lie there.
      const grown = new Uint8Array(Math.max(2 * length, 65_536))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(chunk, this.#length)
    this.#length = length
  }
}

class Deadline {
  readonly #timer: ReturnType<typeof setTimeout>
  readonly #over: Promise<undefined>
  #ring: (value: undefined) => void = () => {}

  constructor(ms: number) {
    this.#over = new Promise((resolve) => {
      this.#ring = resolve
    })
    this.#timer = setTimeout(() => this.ring(), ms)
  }

  ring(): void {
    this.#ring(undefined)
  }

  orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
    return Promise.race([promise, this.#over])
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}
