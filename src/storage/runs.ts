/** Runs: consecutive entries packed into one row, cut where an entry bundle ends, so that a bundle is a few whole rows. */

import { TlogError } from '../primitives/error.ts'
import { joinFrames, splitFrames } from '../primitives/framing.ts'

/** No run crosses a multiple of this, so whoever looks for an entry need not look further back. */
export const RUN_BOUNDARY = 256

/** A row of entries, framed. */
export interface Run {
  readonly firstIndex: number
  readonly bytes: Uint8Array
}

/** Packs entries into runs. Throws RangeError for an entry over 65,535 bytes. */
export const packRuns = (firstIndex: number, entries: readonly Uint8Array[]): readonly Run[] => {
  const runs: Run[] = []
  for (let from = 0; from < entries.length; ) {
    const room = RUN_BOUNDARY - ((firstIndex + from) % RUN_BOUNDARY)
    const to = Math.min(entries.length, from + room)
    runs.push({ firstIndex: firstIndex + from, bytes: joinFrames(entries, from, to) })
    from = to
  }
  return runs
}

/** The entries of a run, as views of its bytes. Throws `corrupt` when they do not end where the row ends. */
export const unpackRun = ({ firstIndex, bytes }: Run): readonly Uint8Array[] => {
  try {
    return splitFrames(bytes)
  } catch (cause) {
    throw new TlogError('corrupt', `the row of entry ${firstIndex} is cut short`, { cause })
  }
}
