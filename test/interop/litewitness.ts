/** Torchwood's litewitness: one Ed25519 key, held by an ssh-agent; logs are added by witnessctl. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../support/server.ts'
import { runGo } from './go-tools.ts'
import { startPeer, statusOf } from './peer-process.ts'
import { knowsLogs, logList, type WitnessOptions, type WitnessPeer } from './witness-peer.ts'

/** Starts litewitness. The path of `dir` is at most 90 bytes long, for it holds a socket. */
export const startLitewitness = async ({ dir, name, logs, port }: WitnessOptions): Promise<WitnessPeer> => {
  mkdirSync(dir, { recursive: true })
  const seed = join(dir, 'seed')
  if (!existsSync(seed)) writeFileSync(seed, randomBytes(32), { mode: 0o600 })
  const socket = join(dir, `${process.hrtime.bigint()}.sock`)
  const agent = await startPeer({
    program: 'treehead-peers',
    args: ['agent', seed, socket],
    ready: async (output) => output.includes('\n'),
  })
  const db = join(dir, 'witness.db')
  const list = join(dir, 'logs.txt')
  writeFileSync(list, logList(logs))
  const listen = `127.0.0.1:${port ?? (await freePort())}`
  const url = `http://${listen}`
  try {
    const pulled = await runGo('witnessctl', ['pull-logs', '-db', db, '-source', list], 20_000)
    if (pulled.code !== 0) throw new Error(`witnessctl: ${pulled.output}`)
    const witness = await startPeer({
      program: 'litewitness',
      args: ['-name', name, '-db', db, '-ssh-agent', socket, '-key', agent.output().trim(), '-listen', listen],
      ready: async () => (await statusOf(url)) === 200 && (await knowsLogs(url, logs)),
    })
    const [, vkey] = /vkey=(\S+)/.exec(witness.output()) ?? []
    if (vkey === undefined) throw new Error(`litewitness named no key:\n${witness.output()}`)
    const kill = async (): Promise<void> => {
      await witness.kill()
      await agent.kill()
    }
    return { ...witness, url, vkeys: [vkey], kill, [Symbol.asyncDispose]: kill }
  } catch (error) {
    await agent.kill()
    throw error
  }
}
