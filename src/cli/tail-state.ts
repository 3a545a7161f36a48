/** How far `tail` has come, in a file: what was printed, and the last checkpoint that was believed. */
import { readFile } from 'node:fs/promises'
import type { CheckpointStore } from '../client/heads.ts'
import { isSize } from '../merkle/bits.ts'
import { decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { unreadable } from './input.ts'
import { writeOut } from './output.ts'

/** A position that outlives the process, and the store that the client keeps its checkpoint in. */
export interface TailState extends CheckpointStore {
  /** The index of the first entry that was not printed yet; undefined at the first start. */
  readonly next: number | undefined
  /** Moves the position on and saves it, durably. */
  advance(next: number): Promise<void>
}

/** The state in the file, which need not be there; without a path it is forgotten. Rejects with `usage` for another file. */
export const openTailState = async (path: string | undefined, origin: string): Promise<TailState> => {
  const kept = path === undefined ? undefined : await read(path, origin)
  let next = kept?.next
  let checkpoint = kept?.checkpoint
  const save = async (): Promise<void> => {
    if (path === undefined) return
    const state = { origin, next, checkpoint }
    await writeOut(path, `${JSON.stringify(state, undefined, 2)}\n`, 0o600)
  }
  return {
    get next() {
      return next
    },
    advance: async (to) => {
      next = to
      await save()
    },
    load: async () => (checkpoint === undefined ? undefined : encodeUtf8(checkpoint)),
    save: async (bytes) => {
      checkpoint = decodeUtf8(bytes)
      // Before the first position there is nothing to resume, and afterwards `advance` comes soon.
      if (next !== undefined) await save()
    },
  }
}

interface Kept {
  readonly next: number
  readonly checkpoint: string
}

const read = async (path: string, origin: string): Promise<Kept | undefined> => {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
    throw unreadable(path, cause)
  }
  const kept = parse(text)
  if (kept === undefined) throw new TlogError('usage', `${path} is not a state file of tail`)
  if (kept.origin !== origin) throw new TlogError('usage', `${path} is of the log ${kept.origin}, not of ${origin}`)
  return kept
}

const parse = (text: string): (Kept & { readonly origin: string }) | undefined => {
  try {
    const { origin, next, checkpoint } = JSON.parse(text) as Partial<Record<string, unknown>>
    if (typeof origin !== 'string' || typeof checkpoint !== 'string') return undefined
    return typeof next === 'number' && isSize(next) ? { origin, next, checkpoint } : undefined
  } catch {
    return undefined
  }
}
