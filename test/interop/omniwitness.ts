/** Transparency-dev's omniwitness, with an Ed25519 and an ML-DSA-44 key and SQLite. It asks nobody for anything here. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/server.ts'
import { askGo } from './go-tools.ts'
import { startPeer } from './peer-process.ts'
import { knowsLogs, type WitnessOptions, type WitnessPeer } from './witness-peer.ts'

/** Makes the keys of the witness unless they are there, each a file beside one with its vkey; returns the files. */
const keyFiles = (dir: string, name: string): readonly string[] => {
  const algorithms = ['cosignature', 'mldsa44']
  const files = algorithms.map((algorithm) => join(dir, `${algorithm}.key`))
  if (files.every((file) => existsSync(file))) return files
  const keys = askGo(algorithms.map((algorithm) => ({ op: 'generate-key', algorithm, name })))
  for (const [i, { skey, vkey }] of keys.entries()) {
    const file = files[i]!
    writeFileSync(file, String(skey), { mode: 0o600 })
    writeFileSync(`${file}.pub`, String(vkey))
  }
  return files
}

/** Starts omniwitness. Its built-in logs are known too. */
export const startOmniwitness = async ({ dir, name, logs, port }: WitnessOptions): Promise<WitnessPeer> => {
  mkdirSync(dir, { recursive: true })
  const keys = keyFiles(dir, name)
  const config = join(dir, 'logs.yaml')
  const entry = (vkey: string): string =>
    `  - Origin: ${JSON.stringify(vkey.split('+')[0])}\n    PublicKey: ${JSON.stringify(vkey)}\n`
  writeFileSync(config, `Logs:\n${logs.map(entry).join('')}`)
  const listen = `127.0.0.1:${port ?? (await freePort())}`
  const url = `http://${listen}`
  const witness = await startPeer({
    program: 'omniwitness',
    args: [
      `--listen=${listen}`,
      '--metrics_listen=',
      `--db_file=${join(dir, 'witness.db')}`,
      `--additional_logs=${config}`,
      ...keys.map((file) => `--private_key_path=${file}`),
    ],
    ready: () => knowsLogs(url, logs),
  })
  return { ...witness, url, vkeys: keys.map((file) => readFileSync(`${file}.pub`, 'utf8')) }
}
