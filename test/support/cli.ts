/** Runs the built command line program to its end. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mainPath } from './server.ts'

/** What a command said and how it ended. */
export interface CliOutcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `treehead ...args` without a terminal; `input` is its standard input, empty by default. */
export const runCli = async (args: readonly string[], input: string | Uint8Array = ''): Promise<CliOutcome> => {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST)/.test(name)))
  const child = spawn(process.execPath, [mainPath, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => {}) // a program may end without reading its input
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}
