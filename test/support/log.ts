/** Logs in memory for tests: a fixed key, a clock that the test owns, and whatever store it hands in. */
import { memoryLedger } from '../../src/log/ledger.ts'
import { createLog, type Log, type LogOptions, openLog } from '../../src/log/open.ts'
import type { LogKey } from '../../src/log/publish.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { openStorage } from '../../src/storage/backends.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'

/** A published test key: the seed is 32 times this byte. */
export const testKey = (name = 'example.com/test', byte = 7): LogKey & { readonly vkey: string } => {
  const key = signerKey(name, ED25519, new Uint8Array(32).fill(byte))
  return { signer: signerOf(key), verifier: verifierOf(key), vkey: formatVerifierKey(key) }
}

/** A clock that a test sets; it starts at an arbitrary time and stands still. */
export const testClock = (start = 1_700_000_000_000): { now: number; readonly read: () => number } => {
  const clock = { now: start, read: () => clock.now }
  return clock
}

/** Options for a log in memory, any of them replaced. */
export const memoryOptions = async (more: Partial<LogOptions> = {}): Promise<LogOptions> => ({
  store: (await openStorage('memory:', { create: true })).log,
  ledger: memoryLedger(),
  key: testKey(),
  clock: testClock().read,
  ...more,
})

/** A new, open log in memory. */
export const newLog = async (more: Partial<LogOptions> = {}): Promise<{ log: Log; options: LogOptions }> => {
  const options = await memoryOptions(more)
  await createLog(options)
  return { log: await openLog(options), options }
}

/** Text as an entry. */
export const entry = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Entries that all differ. */
export const entries = (count: number, prefix = 'entry'): Uint8Array[] =>
  Array.from({ length: count }, (_, i) => entry(`${prefix} ${i}`))
