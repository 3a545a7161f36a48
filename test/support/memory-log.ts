/** A real log in memory, for tests of what reads logs. */

import { memoryLedger } from '../../src/log/ledger.ts'
import { createLog, type Log, openLog } from '../../src/log/open.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { LogStore } from '../../src/storage/storage.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'

/** An open log, its store and its keys. */
export interface MemoryLog {
  readonly log: Log
  readonly store: LogStore
  readonly origin: string
  readonly vkey: string
  /** Appends entries, a few thousand in a commit. */
  append(entries: readonly Uint8Array[]): Promise<readonly number[]>
  /** The newest signed checkpoint. */
  checkpoint(): Uint8Array
}

/** Options of a test log. */
export interface MemoryLogOptions {
  readonly origin?: string
  /** Makes the key; logs of one origin and seed sign with the same key. */
  readonly seed?: number
  readonly allowDuplicates?: boolean
}

/** Starts a log. */
export const memoryLog = async (options: MemoryLogOptions = {}): Promise<MemoryLog> => {
  const { origin = 'log.example/test', seed = 1, allowDuplicates = false } = options
  const key = signerKey(origin, ED25519, new Uint8Array(32).fill(seed))
  const storage = await openStorage('memory:', { create: true })
  let now = 1
  const parts = {
    store: storage.log,
    ledger: memoryLedger(),
    key: { signer: signerOf(key), verifier: verifierOf(key) },
    clock: () => now++,
    allowDuplicates,
  }
  await createLog(parts)
  const log = await openLog(parts)
  return {
    log,
    store: storage.log,
    origin,
    vkey: formatVerifierKey(key),
    append: async (entries) => {
      const indices: number[] = []
      for (let at = 0; at < entries.length; at += 4_096) {
        indices.push(...(await log.sequencer.append(entries.slice(at, at + 4_096))).indices)
      }
      return indices
    },
    checkpoint: () => log.reader.published.checkpoint,
  }
}

/** Entries that are told apart by their number and `tag`. */
export const numbered = (from: number, to: number, tag = 'entry'): readonly Uint8Array[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => new TextEncoder().encode(`${tag} ${from + i}`))
