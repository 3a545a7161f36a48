/** The keys of a witness at work: cosignatures, and a time that never goes back. */

import { type NoteVerifier, SUBTREE_V1 } from '../note/algorithm.ts'
import type { SignerKey } from '../note/key.ts'
import type { NoteSignature } from '../note/note.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { cosignatureTime, signerOf, verifierOf } from '../tlog/signatures/index.ts'
import { checkpointSubtree, cosignedMessage, type Subtree, signCosignedMessage } from '../tlog/signatures/mldsa44.ts'
import { joinTimestamped } from '../tlog/signatures/timestamped.ts'

/** How far the clock may be behind the last cosignature of a log, in seconds, before the next one is refused. */
const CLOCK_TOLERANCE = 60

/**
 * Makes the bare ML-DSA-44 signature of a message (`cosignedMessage`) by a key of type 0x06: here, on another thread, in a
 * hardware module. Rejects when it cannot; then nothing is cosigned.
 */
export type SignMessage = (key: SignerKey, message: Uint8Array) => Promise<Uint8Array>

const signHere: SignMessage = async (key, message) => signCosignedMessage(key, message)

/** Cosigns with every key of the witness. */
export class Cosigners {
  readonly #keys: readonly SignerKey[]
  readonly #clock: Clock
  readonly #signMessage: SignMessage
  /** One for each key. */
  readonly verifiers: readonly NoteVerifier[]

  constructor(keys: readonly SignerKey[], clock: Clock, signMessage: SignMessage = signHere) {
    this.#keys = keys
    this.#clock = clock
    this.#signMessage = signMessage
    this.verifiers = keys.map(verifierOf)
  }

  /**
   * The time of the next cosignature of a log whose last one was at `last`, in POSIX seconds: never earlier, because that
   * would state that a larger tree had not been seen. Throws `refused` when the clock is over a minute behind.
   */
  nextTime(last: number): number {
    const now = Math.floor(this.#clock() / 1_000)
    if (now + CLOCK_TOLERANCE < last)
      throw new TlogError('refused', `the clock was set back: it is ${now}, and the last cosignature is of ${last}`)
    return Math.max(now, last)
  }

  /** The cosignatures of a checkpoint's text at `time`. Rejects with `malformed` for an origin that a key cannot sign. */
  sign(text: string, time: number): Promise<readonly NoteSignature[]> {
    const signatures = this.#keys.map(async (key) => {
      if (key.algorithm === SUBTREE_V1) return this.#cosign(key, checkpointSubtree(text), time)
      return { name: key.name, keyId: key.keyId, signature: signerOf(key, { time }).sign(text) }
    })
    return Promise.all(signatures)
  }

  /** The cosignatures of a subtree by the keys that can, which may be none. Rejects as `sign` does. */
  signSubtree(subtree: Subtree): Promise<readonly NoteSignature[]> {
    const keys = this.#keys.filter(({ algorithm }) => algorithm === SUBTREE_V1)
    // spec: The cosignature format MUST support subtree cosigning. If the cosignature format supports timestamps, the
    // timestamp MUST be zero.
    return Promise.all(keys.map((key) => this.#cosign(key, subtree, 0)))
  }

  async #cosign(key: SignerKey, subtree: Subtree, time: number): Promise<NoteSignature> {
    const message = cosignedMessage({ ...subtree, cosigner: key.name, timestamp: time })
    const signature = joinTimestamped(time, await this.#signMessage(key, message))
    return { name: key.name, keyId: key.keyId, signature }
  }

  /** True for a signature line by one of the keys. */
  isOwn({ name, keyId }: NoteSignature): boolean {
    return this.#keys.some((key) => key.name === name && key.keyId === keyId)
  }

  /** The latest time in cosignatures, 0 for none. */
  timeOf(signatures: readonly NoteSignature[]): number {
    return Math.max(0, ...signatures.map((signature) => cosignatureTime(signature) ?? 0))
  }
}
