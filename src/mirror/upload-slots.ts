/** How many uploads there are at once, and who makes room when there are more. */

/** What one upload tells about itself. */
export interface SlotHolder {
  /** How long its sender has been silent, in milliseconds. */
  readonly silentMs: number
  /** Ends it. */
  cut(): void
}

/** An upload that has been silent for as long, in milliseconds, has to make room for another. */
export const SILENT_MS = 1_000

/**
 * A bounded number of uploads. Anybody may begin one, so connections that say nothing must not keep those out that would:
 * where there is no room, the one that has been silent for longest is cut off.
 */
export class UploadSlots {
  readonly #max: number
  readonly #held = new Set<SlotHolder>()

  constructor(max: number) {
    this.#max = max
  }

  /** True when there is room now. What was taken has to be given back. */
  take(holder: SlotHolder): boolean {
    if (this.#held.size >= this.#max && !this.#makeRoom()) return false
    this.#held.add(holder)
    return true
  }

  /** Gives back what was taken, and nothing when it made room already. */
  give(holder: SlotHolder): void {
    this.#held.delete(holder)
  }

  #makeRoom(): boolean {
    const [silent] = [...this.#held].toSorted((a, b) => b.silentMs - a.silentMs)
    if (silent === undefined || silent.silentMs < SILENT_MS) return false
    this.#held.delete(silent)
    silent.cut()
    return true
  }
}
