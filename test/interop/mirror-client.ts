/** Let's Encrypt's publisher as a client of a mirror: it pushes a log's checkpoints and entries, and has subtrees signed. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { type Answer, goTool } from './go-tools.ts'

/** From which log to which mirror. URLs are without a trailing slash. */
export interface MirrorRoute {
  /** A tiled log with one Ed25519 key. */
  readonly logUrl: string
  readonly logVkey: string
  readonly submissionUrl: string
  /** The monitoring prefix: the client appends `/<origin hash>/checkpoint`. */
  readonly monitoringUrl: string
  /** Of ML-DSA-44; its name begins with `oid/1.3.6.1.4.1.` and goes on with numbers. */
  readonly mirrorVkey: string
}

/** A running client. It keeps the mirror's old size, next entry and ticket from one push to the next. */
export interface MirrorClient extends AsyncDisposable {
  /** Mirrors the log's checkpoint of this moment, all entries included; answers `size`, `root`, `cosignature`. */
  push(): Promise<Answer>
  /** Reads and verifies the mirror's checkpoint; answers `size`, `root`, `cosignature`. */
  latest(): Promise<Answer>
  /** Has the mirror sign a subtree of its checkpoint; `hash` is in base64. Answers `size`, `signature`. */
  signSubtree(start: number, end: number, hash: string): Promise<Answer>
}

const running = new Set<ChildProcessByStdio<Writable, Readable, null>>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts the client; it talks to nobody before it is asked. */
export const startMirrorClient = (route: MirrorRoute): MirrorClient => {
  const { logUrl, logVkey, submissionUrl, monitoringUrl, mirrorVkey } = route
  const args = [logUrl, logVkey, submissionUrl, monitoringUrl, mirrorVkey]
  const child = spawn(goTool('treehead-mirror-client'), args, { stdio: ['pipe', 'pipe', 'inherit'] })
  running.add(child)
  const closed = once(child, 'close').finally(() => running.delete(child))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const ask = async (request: Readonly<Record<string, unknown>>): Promise<Answer> => {
    child.stdin.write(`${JSON.stringify(request)}\n`)
    const line = await lines.next()
    if (line.done === true) throw new Error('treehead-mirror-client ended')
    return JSON.parse(line.value) as Answer
  }
  return {
    push: () => ask({ op: 'push' }),
    latest: () => ask({ op: 'latest' }),
    signSubtree: (start, end, hash) => ask({ op: 'subtree', start, end, hash }),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end()
      await closed
    },
  }
}
