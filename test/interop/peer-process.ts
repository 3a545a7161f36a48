/** Someone else's program as a running process: started, waited for, and killed when its test is done with it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { goTool } from './go-tools.ts'

/** A running program. Disposing kills it. */
export interface PeerProcess extends AsyncDisposable {
  readonly pid: number
  /** What it has printed so far, on both streams. */
  output(): string
  /** Kills it at once (SIGKILL) and waits. */
  kill(): Promise<void>
}

/** What to start, and how to see that it is ready. */
export interface PeerOptions {
  /** A program of tools.sh. */
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Asked every 50 ms; an exception is a no. */
  readonly ready: (output: string) => Promise<boolean>
  readonly readyMs?: number
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program and resolves once it is ready; rejects, with its output, when it ends or stays unready instead. */
export const startPeer = async (options: PeerOptions): Promise<PeerProcess> => {
  const { program, args, env = {}, ready, readyMs = 20_000 } = options
  // Its standard input stays open as long as this process lives, which some of them take for their own life.
  const child = spawn(goTool(program), args, { stdio: 'pipe', env: { ...process.env, ...env } })
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  const closed = once(child, 'close').finally(() => running.delete(child))
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await closed
  }
  const deadline = performance.now() + readyMs
  while (!(await ready(output).catch(() => false))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      await kill()
      throw new Error(`${program} did not start:\n${output}`)
    }
    await pause(50)
  }
  return { pid: child.pid ?? 0, output: () => output, kill, [Symbol.asyncDispose]: kill }
}

/** The status of a request, its body read and thrown away. */
export const statusOf = async (url: string, init: RequestInit = {}): Promise<number> => {
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(5_000) })
  await response.arrayBuffer()
  return response.status
}
