/** A log that is forgotten at the end of the process: fresh keys, no files; for trying things out and for tests. */
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { ED25519 } from '../note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../note/key.ts'
import { encodeHex } from '../primitives/hex.ts'
import { openStorage } from '../storage/backends.ts'
import type { Storage } from '../storage/storage.ts'
import { signerOf, verifierOf } from '../tlog/signatures/index.ts'
import { memoryLedger } from './ledger.ts'
import { createLog, type Log, type LogOptions, openLog } from './open.ts'

/** How to open it. */
export interface OpenMemoryOptions extends Omit<LogOptions, 'store' | 'ledger' | 'key'> {
  /** The origin of the log. Default: `treehead.local/` and eight random hex digits. */
  readonly origin?: string | undefined
}

/** An open log in memory and the keys that were made for it. */
export interface OpenMemory extends AsyncDisposable {
  readonly log: Log
  readonly storage: Storage
  readonly vkey: string
  /** Signs RFC 6962 tree heads; ECDSA on P-256. */
  readonly treeHeadKey: KeyObject
}

/** Opens a new log of size 0. */
export const openMemoryLog = async ({ origin, ...options }: OpenMemoryOptions): Promise<OpenMemory> => {
  const secret = signerKey(origin ?? `treehead.local/${encodeHex(randomBytes(4))}`, ED25519, randomBytes(32))
  const key = { signer: signerOf(secret), verifier: verifierOf(secret) }
  const storage = await openStorage('memory:', { create: true })
  const parts = { ...options, store: storage.log, ledger: memoryLedger(), key }
  await createLog(parts)
  const log = await openLog(parts)
  return {
    log,
    storage,
    vkey: formatVerifierKey(secret),
    treeHeadKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
    [Symbol.asyncDispose]: async () => {
      await log.sequencer.drain()
      await storage[Symbol.asyncDispose]()
    },
  }
}
