/** Runs `treehead mirror` as users do, and pushes real logs to it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MirrorClient, type Pushed, servedHead } from '../../src/client/mirror-client.ts'
import { httpResources } from '../../src/client/resources.ts'
import { checkpointReader } from '../../src/client/trust.ts'
import { parseVerifierKey } from '../../src/note/key.ts'
import { verifierOf } from '../../src/tlog/signatures/index.ts'
import { freePort, mainPath } from '../support/server.ts'

/** A running mirror. */
export interface MirrorProcess extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  /** Ed25519, then ML-DSA-44. */
  readonly vkeys: readonly string[]
  readonly stderr: () => string
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>
  stop(signal: NodeJS.Signals): Promise<number | null>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a mirror in `dataDir` and resolves when it listens; rejects with what it says when it ends instead. */
export const startMirrorProcess = async (dataDir: string, args: readonly string[]): Promise<MirrorProcess> => {
  const listen = `127.0.0.1:${await freePort()}`
  const all = [mainPath, 'mirror', '--data', `level:${dataDir}`, '--listen', listen, ...args]
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child)
    return code as number | null
  })
  for (let i = 0; !stdout.includes('vkeys:'); i++) {
    const over = await Promise.race([ended.then(() => true), new Promise((resolve) => setTimeout(resolve, 20, false))])
    if (over === true || i > 1_000) throw new Error(`the mirror did not start:\n${stdout}${stderr}`)
  }
  const stop = (signal: NodeJS.Signals): Promise<number | null> => {
    child.kill(signal)
    return ended
  }
  return {
    url: `http://${listen}`,
    dataDir,
    vkeys: readFileSync(join(dataDir, 'mirror.vkeys'), 'utf8').trim().split('\n'),
    stderr: () => stderr,
    ended,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop('SIGKILL')
    },
  }
}

/** Pushes what a log serves to a mirror. */
export const pushLog = async (
  log: { readonly url: string; readonly vkey: string },
  mirror: { readonly url: string; readonly vkeys: readonly string[] },
): Promise<Pushed> => {
  const verifiers = mirror.vkeys.map((vkey) => verifierOf(parseVerifierKey(vkey)))
  const head = await servedHead(httpResources({ url: log.url }), checkpointReader({ vkey: log.vkey }))
  return new MirrorClient({ url: mirror.url, verifiers }).push(head)
}
