/** The trace that native/power.c writes, as events, with the place in the file where each ends. */
import { readFileSync } from 'node:fs'

/** One line of the trace. Paths are relative to the watched folder; `ino` names a file whatever it is called. */
export type TraceEvent =
  | { readonly kind: 'create'; readonly ino: string; readonly path: string }
  | { readonly kind: 'mkdir'; readonly path: string }
  | { readonly kind: 'rmdir'; readonly path: string }
  | { readonly kind: 'rename'; readonly ino: string; readonly from: string; readonly path: string }
  | { readonly kind: 'link'; readonly ino: string; readonly from: string; readonly path: string }
  | { readonly kind: 'unlink'; readonly ino: string; readonly path: string }
  | { readonly kind: 'truncate'; readonly ino: string; readonly length: number }
  | { readonly kind: 'write'; readonly ino: string; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'grown'; readonly ino: string; readonly size: number }
  | { readonly kind: 'syncing'; readonly id: string; readonly ino: string }
  | { readonly kind: 'synced'; readonly id: string; readonly ino: string }
  | { readonly kind: 'syncFailed'; readonly ino: string }
  | { readonly kind: 'folderSynced'; readonly id: string; readonly path: string }

/** An event and the size of the trace file once it was written: the clock that acknowledgements are compared with. */
export type TimedEvent = TraceEvent & { readonly end: number }

const parseLine = (line: string): TraceEvent => {
  const [kind, a = '', b = '', c = ''] = line.split('\t')
  switch (kind) {
    case 'C':
      return { kind: 'create', ino: a, path: b }
    case 'M':
      return { kind: 'mkdir', path: a }
    case 'X':
      return { kind: 'rmdir', path: a }
    case 'R':
      return { kind: 'rename', ino: a, from: b, path: c }
    case 'L':
      return { kind: 'link', ino: a, from: b, path: c }
    case 'U':
      return { kind: 'unlink', ino: a, path: b }
    case 'T':
      return { kind: 'truncate', ino: a, length: Number(b) }
    case 'W':
      return { kind: 'write', ino: a, offset: Number(b), bytes: Buffer.from(c, 'hex') }
    case 'A':
      return { kind: 'grown', ino: a, size: Number(b) }
    case 'B':
      return { kind: 'syncing', id: a, ino: b }
    case 'S':
      return { kind: 'synced', id: a, ino: b }
    case 'E':
      return { kind: 'syncFailed', ino: a }
    case 'D':
      return { kind: 'folderSynced', id: a, path: b }
    default:
      throw new Error(`the trace has a line of no known kind: ${line.slice(0, 80)}`)
  }
}

/** Reads a whole trace. A last line without a newline (its process was killed while writing) is left out. */
export const readTrace = (file: string): readonly TimedEvent[] => {
  const text = readFileSync(file, 'latin1')
  const events: TimedEvent[] = []
  let start = 0
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
    events.push({ ...parseLine(text.slice(start, end)), end: end + 1 })
    start = end + 1
  }
  return events
}
