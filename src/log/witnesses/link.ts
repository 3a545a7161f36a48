/** One witness of a log: what it is known to have cosigned, and how long to leave it alone after it failed. */
import type { AskWitness } from '../../client/witness-client.ts'
import type { NoteSignature } from '../../note/note.ts'
import type { Clock } from '../../primitives/clock.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import type { Hash } from '../../primitives/hash.ts'

/** A head to be cosigned, and proofs to it from the sizes that witnesses have. */
export interface CosignableHead {
  readonly size: number
  /** The signed checkpoint. */
  readonly checkpoint: Uint8Array
  /** The consistency proof from a smaller size; shared by the witnesses that need the same. */
  readonly proofFrom: (size: number) => Promise<readonly Hash[]>
}

/** What a witness is doing, for people and metrics. */
export type LinkState =
  /** Never asked, or asked with no answer yet. */
  | 'unknown'
  /** Its last answer was a cosignature. */
  | 'cosigning'
  /** It did not answer, or not with anything that counts. */
  | 'failing'
  /** It has cosigned a larger tree than this log has signed. */
  | 'ahead'
  /** It says that it will not: the log is unknown there, or its trees do not agree with what it has seen. */
  | 'refusing'

/** How to ask one witness. */
export interface LinkParts {
  /** Names of the policy that this answers for: one for each key of the witness. */
  readonly names: readonly string[]
  readonly url: string
  readonly ask: AskWitness
  /** Monotonic clock in milliseconds. */
  readonly now: Clock
  /** Numbers from 0 up to 1, for the jitter. */
  readonly random: () => number
}

const FIRST_PAUSE_MS = 250
/** Short enough that a quorum is back within seconds once its witnesses are. */
const LONGEST_PAUSE_MS = 5_000

/** Talks to one witness, one request at a time. */
export class WitnessLink {
  readonly names: readonly string[]
  readonly url: string
  readonly #parts: LinkParts
  #size = 0
  #state: LinkState = 'unknown'
  #detail = 'not asked yet'
  #failures = 0
  #notBefore = Number.NEGATIVE_INFINITY
  #busy = false
  /** One for each witness: many listeners on one signal would be warned of. */
  readonly #stop = new AbortController()

  constructor(parts: LinkParts) {
    this.#parts = parts
    this.names = parts.names
    this.url = parts.url
  }

  /** The size that it cosigned last, as far as is known. */
  get size(): number {
    return this.#size
  }

  get state(): LinkState {
    return this.#state
  }

  /** One sentence about its last answer. */
  get detail(): string {
    return this.#detail
  }

  /** True when it may be asked now: nothing is under way, and it has been left alone for long enough. */
  get isFree(): boolean {
    return !this.#busy && this.#parts.now() >= this.#notBefore
  }

  /** Asks for a cosignature. Resolves to none when there is none to be had; never rejects. */
  async cosign(head: CosignableHead): Promise<readonly NoteSignature[]> {
    this.#busy = true
    try {
      const signatures = await this.#ask(head)
      this.#failures = 0
      this.#set('cosigning', `cosigned size ${head.size}`)
      return signatures
    } catch (error) {
      if (this.#stop.signal.aborted) return []
      this.#fail(error)
      return []
    } finally {
      this.#busy = false
    }
  }

  /** Breaks off what is under way; what is asked afterwards gets no cosignature. */
  stop(): void {
    this.#stop.abort(new TlogError('refused', 'the log is stopping'))
  }

  /** Twice at most: a witness that changes its mind about its own size is not followed further. */
  async #ask(head: CosignableHead): Promise<readonly NoteSignature[]> {
    for (let attempt = 1; ; attempt++) {
      const oldSize = Math.min(this.#size, head.size)
      const proof = oldSize === 0 ? [] : await head.proofFrom(oldSize)
      const reply = await this.#parts.ask({ oldSize, proof, checkpoint: head.checkpoint }, this.#stop.signal)
      if (reply.kind === 'cosigned') {
        this.#size = head.size
        return reply.signatures
      }
      if (reply.kind === 'refused') throw new TlogError('forbidden', `${reply.status} ${reply.reason}`)
      this.#size = reply.size
      if (reply.size > head.size)
        throw new TlogError('inconsistent', `it has cosigned size ${reply.size}, over ${head.size}`)
      if (attempt === 2) throw new TlogError('conflict', `it says that it has cosigned size ${reply.size}`)
    }
  }

  #fail(error: unknown): void {
    const { now, random } = this.#parts
    this.#failures++
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1))
    this.#notBefore = now() + pause * (0.5 + 0.5 * random())
    const state: LinkState = isTlogError(error, 'forbidden')
      ? 'refusing'
      : isTlogError(error, 'inconsistent')
        ? 'ahead'
        : 'failing'
    this.#set(state, error instanceof Error ? error.message : String(error))
  }

  #set(state: LinkState, detail: string): void {
    this.#state = state
    this.#detail = detail
  }
}
