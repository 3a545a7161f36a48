/** Tessera's own log server for POSIX file systems (its conformance program), as a peer to read from and to race. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../support/server.ts'
import { askGoOnce, goTool } from './go-tools.ts'

/** A running Tessera log. */
export interface PosixLog extends AsyncDisposable {
  /** The root of the log, without a trailing slash; `POST {url}/add` needs no token. */
  readonly url: string
  readonly vkey: string
  readonly pid: number
  /** What it has printed so far. */
  output(): string
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a new log of `origin` in `dir` and resolves once its first checkpoint is out. */
export const startPosixLog = async (dir: string, origin: string): Promise<PosixLog> => {
  const { skey, vkey } = askGoOnce({ op: 'generate-key', algorithm: 'ed25519', name: origin })
  mkdirSync(dir, { recursive: true })
  const keyFile = join(dir, 'log.key')
  writeFileSync(keyFile, String(skey), { mode: 0o600 })
  const listen = `127.0.0.1:${await freePort()}`
  const url = `http://${listen}`
  const args = [`--storage_dir=${join(dir, 'log')}`, `--listen=${listen}`, `--private_key=${keyFile}`]
  const child = spawn(goTool('posix'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
  running.add(child)
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const closed = once(child, 'close').finally(() => running.delete(child))
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL') // it has no orderly end: every checkpoint it shows is on the disk
    await closed
  }
  const deadline = performance.now() + 20_000
  for (;;) {
    const response = await fetch(`${url}/checkpoint`).catch(() => undefined)
    await response?.arrayBuffer()
    if (response?.status === 200) break
    if (child.exitCode !== null || performance.now() > deadline) {
      await stop()
      throw new Error(`Tessera's server did not start:\n${output}`)
    }
    await pause(50)
  }
  return { url, vkey: String(vkey), pid: child.pid ?? 0, output: () => output, stop, [Symbol.asyncDispose]: stop }
}
