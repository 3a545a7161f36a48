/** Runs the built program as users run it: one `treehead serve` process on a free port of 127.0.0.1. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { repositoryRoot } from './root.ts'

/** The built command line program. */
export const mainPath = join(repositoryRoot, 'dist/cli/main.js')

/** How a process ended. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A log server under test. Dispose or stop it; what is still running when the test process ends is killed. */
export interface Server extends AsyncDisposable {
  /** The root of the log, without a trailing slash. */
  readonly url: string
  readonly origin: string
  readonly vkey: string
  /** The append token. */
  readonly token: string
  readonly dataDir: string
  readonly pid: number
  /** Resolves when the process has ended and its output is read to the end. */
  readonly exited: Promise<Exit>
  /** What it has printed so far. */
  stdout(): string
  stderr(): string
  /** Asks it to drain and stop (SIGTERM) and waits; after 30 s it is killed and this rejects. */
  stop(): Promise<Exit>
  /** Kills it at once (SIGKILL) and waits. */
  kill(): Promise<Exit>
}

/** What to start. */
export interface ServerOptions {
  /** Holds the data; need not exist. */
  readonly dataDir: string
  /** Further arguments of `serve`. */
  readonly args?: readonly string[]
  /** Further environment; TREEHEAD_ variables of the caller are not handed on. */
  readonly env?: Readonly<Record<string, string>>
  /** Default: a free one. */
  readonly port?: number
  /** Arguments of Node itself, such as `['--cpu-prof']`. */
  readonly nodeArgs?: readonly string[]
  /** A command to run it under, such as `['strace', '-f']`; then `pid` is that command's. */
  readonly under?: readonly string[]
  /** How long it may take until /readyz says 200. Default 30,000. */
  readonly readyMs?: number
}

/** A port of 127.0.0.1 that was free a moment ago. */
export const freePort = async (): Promise<number> => {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const environment = (extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST|NODE_OPTIONS$)/.test(name))
  return { ...Object.fromEntries(inherited), ...extra }
}

const ready = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.status === 200
  } catch {
    return false
  }
}

/** Starts `treehead serve` and resolves once it is ready; rejects, with its output, when it ends or is silent instead. */
export const startServer = async (options: ServerOptions): Promise<Server> => {
  const { dataDir, args = [], nodeArgs = [], under = [], readyMs = 30_000 } = options
  const port = options.port ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const serve = [mainPath, 'serve', '--listen', `127.0.0.1:${port}`, '--data', `level:${dataDir}`, ...args]
  const [program = process.execPath, ...rest] = [...under, process.execPath, ...nodeArgs, ...serve]
  const child = spawn(program, rest, { env: environment(options.env), stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)

  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  let end: Exit | undefined
  const exited = new Promise<Exit>((done) => {
    const finish = (exit: Exit): void => {
      running.delete(child)
      end ??= exit
      done(end)
    }
    child.on('error', (error) => {
      stderr += `${error.message}\n`
      finish({ code: null, signal: null })
    })
    child.on('close', (code, signal) => finish({ code, signal }))
  })

  const kill = (): Promise<Exit> => {
    child.kill('SIGKILL')
    return exited
  }
  const stop = async (): Promise<Exit> => {
    child.kill('SIGTERM')
    const outcome = await Promise.race([exited, pause(30_000, undefined, { ref: false })])
    if (outcome !== undefined) return outcome
    await kill()
    throw new Error(`the server did not stop within 30 s of SIGTERM:\n${stdout}${stderr}`)
  }

  const deadline = performance.now() + readyMs
  while (!(await ready(url))) {
    if (end !== undefined)
      throw new Error(`the server ended (code ${end.code}, signal ${end.signal}):\n${stdout}${stderr}`)
    if (performance.now() > deadline) {
      await kill()
      throw new Error(`the server was not ready within ${readyMs} ms:\n${stdout}${stderr}`)
    }
    await pause(20)
  }
  const file = (name: string): string => readFileSync(join(dataDir, name), 'utf8').trim()
  const vkey = file('log.vkey')
  return {
    url,
    origin: vkey.slice(0, vkey.indexOf('+')),
    vkey,
    token: file('append.token'),
    dataDir,
    pid: child.pid ?? 0,
    exited,
    stdout: () => stdout,
    stderr: () => stderr,
    stop,
    kill,
    async [Symbol.asyncDispose]() {
      if (end === undefined) await stop()
    },
  }
}
