/** A log of Tessera's that publishes only what its witnesses have cosigned, written by its posix-oneshot program. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { askGoOnce, type Outcome, runGo } from './go-tools.ts'

/** Such a log; nothing of it runs between two calls of `append`. */
export interface WitnessedLog {
  readonly origin: string
  readonly vkey: string
  /** Tessera's files: `checkpoint` and `tile/...`, to be read as they are. */
  readonly storageDir: string
  /**
   * Appends entries and waits until a checkpoint with the policy's quorum is published; `code` is 0 then. Without a
   * quorum it asks again and again, so that after `timeoutMs` (default 20,000) it is killed and `code` is null.
   *
   * `policy` is a tlog-policy file. This Tessera wants a URL, the submission prefix, on every witness line, and knows
   * only the Ed25519 keys of witnesses (type 0x04).
   */
  append(policy: string, entries: readonly Uint8Array[], timeoutMs?: number): Promise<Outcome>
}

/** Makes a new log in `dir`. */
export const newWitnessedLog = (dir: string, origin: string): WitnessedLog => {
  const { skey, vkey } = askGoOnce({ op: 'generate-key', algorithm: 'ed25519', name: origin })
  const storageDir = join(dir, 'log')
  mkdirSync(storageDir, { recursive: true })
  const keyFile = join(dir, 'log.key')
  writeFileSync(keyFile, String(skey), { mode: 0o600 })
  const append: WitnessedLog['append'] = async (policy, entries, timeoutMs = 20_000) => {
    const folder = mkdtempSync(join(dir, 'run-'))
    mkdirSync(join(folder, 'entries'))
    writeFileSync(join(folder, 'policy.txt'), policy)
    // They are added in the order of their names.
    for (const [i, entry] of entries.entries()) {
      writeFileSync(join(folder, 'entries', String(i).padStart(9, '0')), entry)
    }
    const args = [
      `--storage_dir=${storageDir}`,
      `--entries=${join(folder, 'entries', '*')}`,
      `--private_key=${keyFile}`,
      `--witness_policy_file=${join(folder, 'policy.txt')}`,
    ]
    return await runGo('posix-oneshot', args, timeoutMs)
  }
  return { origin, vkey: String(vkey), storageDir, append }
}
