/** Tessera's own log server for POSIX file systems (its conformance program), as a peer to read from and to race. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/server.ts'
import { askGoOnce } from './go-tools.ts'
import { type PeerProcess, startPeer, statusOf } from './peer-process.ts'

/** A running Tessera log. */
export interface PosixLog extends PeerProcess {
  /** The root of the log, without a trailing slash; `POST {url}/add` needs no token. */
  readonly url: string
  readonly vkey: string
  /** Kills it: it has no orderly end, and every checkpoint it shows is on the disk. */
  stop(): Promise<void>
}

/** Starts a new log of `origin` in `dir` and resolves once its first checkpoint is out. */
export const startPosixLog = async (dir: string, origin: string): Promise<PosixLog> => {
  const { skey, vkey } = askGoOnce({ op: 'generate-key', algorithm: 'ed25519', name: origin })
  mkdirSync(dir, { recursive: true })
  const keyFile = join(dir, 'log.key')
  writeFileSync(keyFile, String(skey), { mode: 0o600 })
  const listen = `127.0.0.1:${await freePort()}`
  const url = `http://${listen}`
  const log = await startPeer({
    program: 'posix',
    args: [`--storage_dir=${join(dir, 'log')}`, `--listen=${listen}`, `--private_key=${keyFile}`],
    ready: async () => (await statusOf(`${url}/checkpoint`)) === 200,
  })
  return { ...log, url, vkey: String(vkey), stop: log.kill }
}
