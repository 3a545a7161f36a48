/** The keys of a witness at work: cosignatures, and a time that never goes back. */

import type { NoteVerifier } from '../note/algorithm.ts'
import type { SignerKey } from '../note/key.ts'
import type { NoteSignature } from '../note/note.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { cosignatureTime, signerOf, verifierOf } from '../tlog/signatures/index.ts'

/** How far the clock may be behind the last cosignature of a log, in seconds, before the next one is refused. */
const CLOCK_TOLERANCE = 60

/** Cosigns with every key of the witness. */
export class Cosigners {
  readonly #keys: readonly SignerKey[]
  readonly #clock: Clock
  /** One for each key. */
  readonly verifiers: readonly NoteVerifier[]

  constructor(keys: readonly SignerKey[], clock: Clock) {
    this.#keys = keys
    this.#clock = clock
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

  /** The cosignatures of a checkpoint's text at `time`. Throws `malformed` for an origin that a key cannot sign. */
  sign(text: string, time: number): readonly NoteSignature[] {
    return this.#keys.map((key) => {
      const signer = signerOf(key, { time })
      return { name: signer.name, keyId: signer.keyId, signature: signer.sign(text) }
    })
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
