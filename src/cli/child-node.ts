/** Runs this program again as a process of its own that serves on loopback, for the demonstration. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { TlogError } from '../primitives/error.ts'

/** A process that serves. */
export interface ChildNode {
  readonly url: string
  /** Ends it and waits. */
  stop(): Promise<void>
}

/** What to run: the arguments without --listen. */
export interface ChildOptions {
  readonly args: readonly string[]
  readonly port: number
}

/** A free port of 127.0.0.1. */
export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new TlogError('io', 'no port is free')
  return address.port
}

/** Starts it and resolves once it answers. Rejects with `refused` and what it said when it ends instead. */
export const startChild = async ({ args, port }: ChildOptions): Promise<ChildNode> => {
  const [program = ''] = process.argv.slice(1)
  const all = [program, ...args, '--listen', `127.0.0.1:${port}`, '--log-level', 'error']
  const child = spawn(process.execPath, all, { stdio: ['ignore', 'ignore', 'pipe'] })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const url = `http://127.0.0.1:${port}`
  const deadline = performance.now() + 30_000
  while (!(await isUp(url))) {
    if (child.exitCode !== null) throw new TlogError('refused', said.trim())
    if (performance.now() > deadline) {
      kill()
      throw new TlogError('io', `${args[0]} did not start: ${said.trim()}`)
    }
    await pause(30)
  }
  return {
    url,
    stop: async () => {
      process.off('exit', kill)
      await ended(child)
    },
  }
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  await closed
}

const isUp = async (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  )
