/** A folder as a user has it: `treehead` on the path, files of the user's own, and a log beside them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mainPath } from '../support/server.ts'

/** How a command line went. */
export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A process that was started and goes on. */
export interface Running {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
  readonly ended: Promise<Outcome>
}

/** The folder; dispose it to remove it. */
export interface Shell extends Disposable {
  readonly folder: string
  /** The path of a file in it. */
  path(name: string): string
  /** Writes a file in it; answers its path. */
  write(name: string, content: string | Uint8Array): string
  /** Runs a line of `sh` in it to its end. */
  run(line: string, input?: string | Uint8Array): Promise<Outcome>
  /** Starts `treehead` in it. */
  start(args: readonly string[]): Running
}

/** Makes a folder; `env` is what `treehead` finds in its environment, such as TREEHEAD_URL. */
export const openShell = (env: Readonly<Record<string, string>> = {}): Shell => {
  const home = mkdtempSync(join(tmpdir(), 'treehead-shell-'))
  const folder = join(home, 'work')
  mkdirSync(folder)
  mkdirSync(join(home, 'bin'))
  writeFileSync(join(home, 'bin/treehead'), `#!/bin/sh\nexec '${process.execPath}' '${mainPath}' "$@"\n`)
  chmodSync(join(home, 'bin/treehead'), 0o755)
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST|NODE_OPTIONS$)/.test(name))
  const environment = { ...Object.fromEntries(inherited), PATH: `${join(home, 'bin')}:${process.env['PATH']}`, ...env }
  const launch = (program: string, args: readonly string[]): Running => {
    const child = spawn(program, args, { cwd: folder, env: environment, stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.stdin.on('error', () => {}) // a program may end without reading its input
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
    return { child, stdout: () => stdout, stderr: () => stderr, ended }
  }
  return {
    folder,
    path: (name) => join(folder, name),
    write: (name, content) => {
      mkdirSync(join(folder, name, '..'), { recursive: true })
      writeFileSync(join(folder, name), content)
      return join(folder, name)
    },
    run: async (line, input = '') => {
      const { child, ended } = launch('/bin/sh', ['-c', line])
      child.stdin?.end(input)
      return ended
    },
    start: (args) => {
      const running = launch(process.execPath, [mainPath, ...args])
      running.child.stdin?.end()
      return running
    },
    [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }),
  }
}
