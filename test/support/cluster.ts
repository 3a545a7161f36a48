/** Real processes on loopback: a log and the witnesses that it asks, each with a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Exit, freePort, mainPath } from './server.ts'

/** A process of `treehead` that serves. */
export interface Node extends AsyncDisposable {
  readonly url: string
  readonly folder: string
  readonly pid: number
  stdout(): string
  stderr(): string
  readonly exited: Promise<Exit>
  signal(name: NodeJS.Signals): void
  /** Sends a signal and waits for the end. */
  end(name: NodeJS.Signals): Promise<Exit>
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const isUp = async (url: string): Promise<boolean> =>
  fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) }).then(
    async (response) => (await response.text()) === 'ok\n',
    () => false,
  )

/** What to run. */
export interface NodeOptions {
  /** The command and its flags, without --listen and --data. */
  readonly args: readonly string[]
  readonly folder: string
  readonly port?: number
}

/** Starts `treehead <args>` and resolves once it answers; rejects with its output when it ends instead. */
export const startNode = async ({ args, folder, port: wanted }: NodeOptions): Promise<Node> => {
  const port = wanted ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST)/.test(name)))
  const [command = '', ...flags] = args
  const all = [mainPath, command, '--listen', `127.0.0.1:${port}`, '--data', `level:${folder}`, ...flags]
  const child = spawn(process.execPath, all, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  let ended = false
  const exited = once(child, 'close').then(([code, signal]): Exit => {
    ended = true
    running.delete(child)
    return { code: code as number | null, signal: signal as NodeJS.Signals | null }
  })
  for (let i = 0; !(await isUp(url)); i++) {
    if (ended || i > 1_000) {
      child.kill('SIGKILL')
      throw new Error(`treehead ${command} did not start:\n${stdout}${stderr}`)
    }
    await pause(20)
  }
  const end = async (name: NodeJS.Signals): Promise<Exit> => {
    if (!ended) child.kill(name)
    return exited
  }
  return {
    url,
    folder,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    exited,
    signal: (name) => void child.kill(name),
    end,
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  }
}

/** A log and its witnesses. */
export interface Cluster extends AsyncDisposable {
  readonly home: string
  readonly policy: string
  readonly log: Node
  readonly witnesses: readonly Node[]
  readonly vkey: string
  readonly token: string
  /** Starts the log again, in the same folder at the same address. */
  restartLog(flags?: readonly string[]): Promise<Node>
  restartWitness(i: number): Promise<Node>
  append(text: string, headers?: Readonly<Record<string, string>>): Promise<Response>
}

/** Starts `count` witnesses and a log that wants `quorum` of them. */
export const startCluster = async (
  count: number,
  quorum: number,
  flags: { readonly log?: readonly string[]; readonly witness?: readonly string[] } = {},
): Promise<Cluster> => {
  const home = mkdtempSync(join(tmpdir(), 'treehead-cluster-'))
  const logFolder = join(home, 'log')
  const policy = join(home, 'policy.txt')
  const logPort = await freePort()
  const ports: number[] = []
  for (let i = 0; i < count; i++) ports.push(await freePort())
  // A first start makes the key, which the witnesses have to know.
  const first = await startNode({
    args: ['serve', '--origin', 'log.example/cluster'],
    folder: logFolder,
    port: logPort,
  })
  await first.end('SIGTERM')
  const vkey = readFileSync(join(logFolder, 'log.vkey'), 'utf8').trim()
  const token = readFileSync(join(logFolder, 'append.token'), 'utf8').trim()
  const witnessArgs = (i: number): NodeOptions => ({
    args: ['witness', '--name', `w${i}.example`, '--policy', policy, '--gossip-ms', '500', ...(flags.witness ?? [])],
    folder: join(home, `w${i}`),
    port: ports[i] ?? 0,
  })
  // Names and ports first, keys as each has made its own: a witness reads its policy again when it changes.
  const witnesses: Node[] = []
  const lines = [`log ${vkey} http://127.0.0.1:${logPort}`]
  for (let i = 0; i < count; i++) {
    writeFileSync(policy, `${[...lines, 'quorum none'].join('\n')}\n`)
    const node = await startNode(witnessArgs(i))
    const vkeys = readFileSync(join(home, `w${i}`, 'witness.vkeys'), 'utf8')
      .trim()
      .split('\n')
    lines.push(`witness w${i} ${vkeys[0]} ${node.url}`)
    await node.end('SIGTERM')
  }
  const names = ports.map((_, i) => `w${i}`)
  const rule = count === 0 ? ['quorum none'] : [`group all-of-them ${quorum} ${names.join(' ')}`, 'quorum all-of-them']
  writeFileSync(policy, `${[...lines, ...rule].join('\n')}\n`)
  for (let i = 0; i < count; i++) witnesses.push(await startNode(witnessArgs(i)))
  const startLog = (more: readonly string[] = []): Promise<Node> =>
    startNode({ args: ['serve', '--policy', policy, ...(flags.log ?? []), ...more], folder: logFolder, port: logPort })
  const endAll = async (nodes: readonly Node[]): Promise<void> => {
    for (const node of nodes) await node.end('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  }
  let log = await startLog().catch(async (error: unknown) => {
    await endAll(witnesses)
    throw error
  })
  return {
    home,
    policy,
    get log() {
      return log
    },
    witnesses,
    vkey,
    token,
    restartLog: async (more) => {
      await log.end('SIGKILL')
      log = await startLog(more)
      return log
    },
    restartWitness: async (i) => {
      await witnesses[i]?.end('SIGKILL')
      const node = await startNode(witnessArgs(i))
      witnesses[i] = node
      return node
    },
    append: (text, headers = {}) =>
      fetch(`${log.url}/add`, {
        method: 'POST',
        body: text,
        headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/octet-stream', ...headers },
      }),
    [Symbol.asyncDispose]: () => endAll([log, ...witnesses]),
  }
}
