/** ML-DSA-44 signatures on threads of their own: one takes milliseconds, in which a witness can answer many others. */
import { Worker } from 'node:worker_threads'
import { SUBTREE_V1 } from '../note/algorithm.ts'
import type { SignerKey } from '../note/key.ts'
import type { SignMessage } from './cosigners.ts'

/** What a thread is asked for. */
export interface SigningTask {
  /** Which of the keys that the thread was started with. */
  readonly key: number
  readonly message: Uint8Array
}

interface Waiting {
  readonly task: SigningTask
  readonly resolve: (signature: Uint8Array) => void
  readonly reject: (error: Error) => void
}

/** Threads that sign with the ML-DSA-44 keys of a witness. They start with the first signature and never keep a process alive. */
export class SigningThreads implements AsyncDisposable {
  readonly #keys: readonly SignerKey[]
  readonly #count: number
  readonly #idle: Worker[] = []
  readonly #busy = new Map<Worker, Waiting>()
  readonly #queue: Waiting[] = []
  #closed = false

  /** `keys` of other types are ignored; at most `count` threads are started, a positive integer. */
  constructor(keys: readonly SignerKey[], count: number) {
    this.#keys = keys.filter(({ algorithm }) => algorithm === SUBTREE_V1)
    this.#count = count
  }

  /** Signs. Rejects with RangeError for a key that is not one of those, and with the error of a thread that failed. */
  readonly sign: SignMessage = (key, message) => {
    const index = this.#keys.indexOf(key)
    if (index < 0) return Promise.reject(new RangeError(`want one of the keys that sign here, got ${key.name}`))
    if (this.#closed) return Promise.reject(new Error('the threads that sign were stopped'))
    return new Promise((resolve, reject) => {
      this.#queue.push({ task: { key: index, message }, resolve, reject })
      this.#next()
    })
  }

  #next(): void {
    while (this.#queue.length > 0) {
      const worker = this.#idle.pop() ?? (this.#busy.size < this.#count ? this.#start() : undefined)
      if (worker === undefined) return
      const waiting = this.#queue.shift()
      if (waiting === undefined) return
      this.#busy.set(worker, waiting)
      worker.postMessage(waiting.task)
    }
  }

  #start(): Worker {
    const worker = new Worker(new URL('./signing-thread.node.js', import.meta.url), {
      workerData: this.#keys,
      // Flags of the process, such as the size of its heap, are not for its threads.
      execArgv: [],
    })
    worker.unref()
    worker.on('message', (signature: Uint8Array) => {
      this.#idle.push(worker)
      this.#takeTask(worker)?.resolve(signature)
      this.#next()
    })
    // A thread that ended is not used again; the next signature starts another.
    const end = (error: Error): void => {
      const place = this.#idle.indexOf(worker)
      if (place >= 0) this.#idle.splice(place, 1)
      this.#takeTask(worker)?.reject(error)
      this.#next()
    }
    worker.on('error', end)
    worker.on('exit', () => end(new Error('a thread that signs ended')))
    return worker
  }

  #takeTask(worker: Worker): Waiting | undefined {
    const waiting = this.#busy.get(worker)
    this.#busy.delete(worker)
    return waiting
  }

  /** Stops the threads. What still waits is rejected. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    const stopped = new Error('the threads that sign were stopped')
    for (const { reject } of this.#queue.splice(0)) reject(stopped)
    await Promise.all([...this.#idle, ...this.#busy.keys()].map((worker) => worker.terminate()))
  }
}
