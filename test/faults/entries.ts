/** The entries that the fault suites submit: each names itself, so that what is found in a log can be judged. */
import { seededRandom } from './random.ts'

/** Writes entries for one experiment, the same ones for the same seed. */
export interface EntryWriter {
  /** The next entry, never seen before, of `minBytes` to `maxBytes`. */
  next(): Buffer
}

/** Entries that begin with `label` and a number and go on with seeded noise. */
export const entryWriter = (label: string, seed: number, minBytes = 32, maxBytes = 256): EntryWriter => {
  const random = seededRandom(seed)
  let written = 0
  return {
    next: () => {
      const name = Buffer.from(`${label} ${written++} `)
      const length = Math.max(name.length, random.integer(minBytes, maxBytes + 1))
      const entry = Buffer.alloc(length)
      for (let at = 0; at < length; at += 4) {
        entry.writeUInt32LE(random.integer(0, 2 ** 32), Math.min(at, Math.max(0, length - 4)))
      }
      name.copy(entry)
      return entry
    },
  }
}
