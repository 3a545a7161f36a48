/** Our own mirror, started in the way of other people's. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNode } from '../support/cluster.ts'
import type { PeerProcess } from './peer-process.ts'
import { logList } from './witness-peer.ts'

/** Where and for whom to start a mirror. */
export interface MirrorOptions {
  /** Holds its keys and its copies; need not exist. */
  readonly dir: string
  /** The name that it cosigns with. */
  readonly mirrorName: string
  /** The logs it knows. */
  readonly logs: readonly string[]
}

/** A running mirror, ours or not. URLs are without a trailing slash. */
export interface MirrorPeer extends PeerProcess {
  /** The submission prefix. */
  readonly url: string
  /** The monitoring prefix: `<mirrorUrl>/<hex of SHA-256(origin)>/checkpoint`. */
  readonly mirrorUrl: string
  /** Its key of ML-DSA-44. */
  readonly mirrorVkey: string
}

/** Starts `treehead mirror`, with its data in `<dir>/data`. */
export const startTreeheadMirror = async ({ dir, mirrorName, logs }: MirrorOptions): Promise<MirrorPeer> => {
  mkdirSync(dir, { recursive: true })
  const list = join(dir, 'logs.txt')
  writeFileSync(list, logList(logs))
  const folder = join(dir, 'data')
  const node = await startNode({ args: ['mirror', '--name', mirrorName, '--log-list', list], folder })
  const kill = async (): Promise<void> => void (await node.end('SIGKILL'))
  return {
    pid: node.pid,
    url: node.url,
    mirrorUrl: node.url,
    mirrorVkey: readFileSync(join(folder, 'mirror.vkeys'), 'utf8').trim().split('\n')[1] ?? '',
    output: () => node.stdout() + node.stderr(),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
