/** A `treehead serve` process that is going to be hurt: every end of it is a value, and the program may be a mutant. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { mainPath } from '../support/server.ts'
import { send } from './http.ts'

/** The program under test: FAULTS_MAIN, else the built one. */
export const builtMain: string = process.env['FAULTS_MAIN'] ?? mainPath

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** What to start. */
export interface LogOptions {
  readonly dataDir: string
  /** The program's entry point; default: the built one. */
  readonly main?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** A command to run it under. */
  readonly under?: readonly string[]
}

/** A server process, perhaps not ready, perhaps ended. Disposing kills it. */
export interface LogProcess extends AsyncDisposable {
  readonly url: string
  readonly dataDir: string
  readonly pid: number
  readonly ended: Promise<Exit>
  /** How it ended, once it has. */
  exit(): Exit | undefined
  /** What it printed, both streams. */
  output(): string
  token(): string
  vkey(): string
  /** True once /readyz says 200, false when it ends first. Rejects when it is silent for `ms`. */
  ready(ms?: number): Promise<boolean>
  /** Sends the signal to the server itself and waits for the end. */
  end(signal: 'SIGKILL' | 'SIGTERM', ms?: number): Promise<Exit>
}

let next = process.pid * 37

/**
 * A free port below those that outgoing connections get by themselves, other ones for each process: many servers start at
 * the same time here, and a port that was free a moment ago would now and then be taken.
 */
const choosePort = async (): Promise<number> => {
  for (;;) {
    const port = 20_000 + (next++ % 12_000)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const inherited = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST|NODE_OPTIONS$)/.test(name)))

const spawnServe = (options: LogOptions, port: number): ChildProcess => {
  const { dataDir, main = builtMain, args = [], under = [] } = options
  const serve = [main, 'serve', '--listen', `127.0.0.1:${port}`, '--data', `level:${dataDir}`, ...args]
  const [program = '', ...rest] = [...under, process.execPath, ...serve]
  return spawn(program, rest, { env: { ...inherited(), ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Starts a server and returns at once; whether it serves is asked with `ready`. */
export const startLog = async (options: LogOptions): Promise<LogProcess> => {
  const port = await choosePort()
  const url = `http://127.0.0.1:${port}`
  const child = spawnServe(options, port)
  running.add(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-200_000)
    })
  }
  let exit: Exit | undefined
  const ended = new Promise<Exit>((resolve) => {
    child.on('close', (code, signal) => {
      running.delete(child)
      exit = { code, signal }
      resolve(exit)
    })
  })
  const file = (name: string): string => readFileSync(join(options.dataDir, name), 'utf8').trim()
  const end = async (signal: 'SIGKILL' | 'SIGTERM', ms = 30_000): Promise<Exit> => {
    if (exit === undefined) child.kill(signal)
    const outcome = await Promise.race([ended, pause(ms, undefined, { ref: false })])
    if (outcome !== undefined) return outcome
    child.kill('SIGKILL')
    await ended
    throw new Error(`the server did not end within ${ms} ms of ${signal}:\n${output}`)
  }
  const ready = async (ms = 30_000): Promise<boolean> => {
    for (const deadline = performance.now() + ms; ; await pause(5)) {
      if (exit !== undefined) return false
      if ((await send(`${url}/readyz`, { timeoutMs: 2000 })).status === 200) return true
      if (performance.now() > deadline) throw new Error(`the server was not ready within ${ms} ms:\n${output}`)
    }
  }
  return {
    url,
    dataDir: options.dataDir,
    pid: child.pid ?? 0,
    ended,
    exit: () => exit,
    output: () => output,
    token: () => file('append.token'),
    vkey: () => file('log.vkey'),
    ready,
    end,
    async [Symbol.asyncDispose]() {
      if (exit === undefined) await end('SIGKILL')
    },
  }
}

/** Starts a server and waits until it serves. Rejects, with its output, when it ends instead. */
export const startServing = async (options: LogOptions): Promise<LogProcess> => {
  const server = await startLog(options)
  if (!(await server.ready())) throw new Error(`the server did not start:\n${server.output()}`)
  return server
}

/** What a suite reports of a server that does not start again after what was done to it. */
export const unstarted = (server: LogProcess): { readonly invariant: 'I1'; readonly what: string } => ({
  invariant: 'I1',
  what: `it does not start again: ${server.output().trim().slice(0, 300)}`,
})
