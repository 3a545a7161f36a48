/** Our own witness, started and asked in the way of other people's. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startNode } from '../support/cluster.ts'
import { knowsLogs, logList, type WitnessOptions, type WitnessPeer } from './witness-peer.ts'

/** What only ours is told. */
export interface TreeheadWitnessOptions extends WitnessOptions {
  /** Further arguments of `treehead witness`. */
  readonly args?: readonly string[]
}

/** Starts `treehead witness`, with an Ed25519 and an ML-DSA-44 key and its data in `<dir>/data`. */
export const startTreeheadWitness = async (options: TreeheadWitnessOptions): Promise<WitnessPeer> => {
  const { dir, name, logs, port, args = [] } = options
  mkdirSync(dir, { recursive: true })
  const list = join(dir, 'logs.txt')
  writeFileSync(list, logList(logs))
  const folder = join(dir, 'data')
  const node = await startNode({
    args: ['witness', '--name', name, '--log-list', list, ...args],
    folder,
    ...(port !== undefined && { port }),
  })
  const kill = async (): Promise<void> => void (await node.end('SIGKILL'))
  if (!(await knowsLogs(node.url, logs))) {
    await kill()
    throw new Error(`treehead witness does not know its logs:\n${node.stderr()}`)
  }
  return {
    pid: node.pid,
    url: node.url,
    vkeys: readFileSync(join(folder, 'witness.vkeys'), 'utf8').trim().split('\n'),
    output: () => node.stdout() + node.stderr(),
    kill,
    [Symbol.asyncDispose]: kill,
  }
}
