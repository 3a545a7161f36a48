/** The Go programs of other people that judge us (built by tools.sh), each as one function. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { requireOrSkip } from '../support/requires.ts'
import { repositoryRoot } from '../support/root.ts'

const bin = join(repositoryRoot, '.cache/go/bin')

/** The path of a program that tools.sh builds. */
export const goTool = (name: string): string => join(bin, name)

/** True when tools.sh has run to its end; else says so, and throws where nothing may be skipped. */
export const goToolsOrSkip = (): boolean =>
  requireOrSkip('the Go tools (run test/interop/tools.sh)', existsSync(join(bin, '.stamp')))

/** One answer of treehead-interop; the other fields depend on the operation. */
export interface Answer {
  readonly ok: boolean
  readonly error?: string
  readonly [field: string]: unknown
}

// A Buffer turns itself into JSON before a replacer sees it, so the holder's field is read instead of the value.
function toJson(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const raw = this[key]
  return raw instanceof Uint8Array ? Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString('base64') : value
}

/** Asks one treehead-interop process all `requests` in order; byte arrays become base64. */
export const askGo = (requests: readonly Readonly<Record<string, unknown>>[]): readonly Answer[] => {
  const input = requests.map((request) => `${JSON.stringify(request, toJson)}\n`).join('')
  const run = spawnSync(goTool('treehead-interop'), { input, encoding: 'utf8', maxBuffer: 2 ** 30, timeout: 120_000 })
  if (run.status !== 0) throw new Error(`treehead-interop: ${run.error?.message ?? run.stderr}`)
  const answers = run.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer)
  if (answers.length !== requests.length) throw new Error(`asked ${requests.length}, got ${answers.length} answers`)
  return answers
}

/** Asks one thing. */
export const askGoOnce = (request: Readonly<Record<string, unknown>>): Answer => askGo([request])[0]!

/** What a program that ran to its end said. */
export interface Outcome {
  readonly code: number | null
  readonly output: string
}

/** Runs a Go program to its end without blocking this process; after `timeoutMs` it is killed and the code is null. */
export const runGo = async (name: string, args: readonly string[], timeoutMs: number): Promise<Outcome> => {
  const child = spawn(goTool(name), args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const collect = (text: string): void => {
    output += text
  }
  child.stdout.setEncoding('utf8').on('data', collect)
  child.stderr.setEncoding('utf8').on('data', collect)
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  return { code, output }
}

/** Tessera's whole check of the log at `url`, whose key is in `vkeyFile`; resolves with the size it vouches for. */
export const fsck = async (url: string, vkeyFile: string, timeoutMs = 120_000): Promise<number> => {
  // Without a terminal, this fsck exits 0 whatever it found; only its last line tells. With one worker (the default) it
  // hangs on a bad tile that is not among the last.
  const { code, output } = await runGo(
    'fsck',
    ['--ui=false', '--N=4', `--storage_url=${url}`, `--public_key=${vkeyFile}`],
    timeoutMs,
  )
  const verdict = /Successfully fsck'd log with size (\d+) /.exec(output)
  if (code !== 0 || verdict === null || /fsck failed/.test(output))
    throw new Error(`fsck (exit code ${code}):\n${output}`)
  return Number(verdict[1])
}
