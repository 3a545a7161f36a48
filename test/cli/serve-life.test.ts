/** The life of a server as its operator sees it: first start, greeting, second start, refusals, failure and end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSocket, portOf } from '../support/raw-http.ts'
import { mainPath } from '../support/server.ts'

/** How a process ended, and what it said. */
interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A server process. */
interface Life {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Its address, once it listens; rejects when it ends instead. */
  readonly url: Promise<string>
  stdout(): string
  stderr(): string
}

let folder: string
const lives: ChildProcess[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'treehead-life-'))
})
afterEach(async () => {
  for (const child of lives.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  rmSync(folder, { recursive: true, force: true })
})

const environment = (extra: Readonly<Record<string, string>>): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST|NODE_OPTIONS$)/.test(name)),
  ),
  ...extra,
})

/** Runs a program in the folder. */
const launch = (command: readonly string[], env: Readonly<Record<string, string>> = {}): Life => {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: folder, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] })
  lives.push(child)
  let [stdout, stderr] = ['', '']
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const address = /listening on (http:\S+).*\/docs\n/s.exec(stdout)?.[1]
      if (address !== undefined) resolve(address)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    child.on('close', () => reject(new Error(`ended before it listened:\n${stdout}${stderr}`)))
  })
  url.catch(() => {})
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  return { child, ended, url, stdout: () => stdout, stderr: () => stderr }
}

const serve = (...args: readonly string[]): Life =>
  launch([process.execPath, mainPath, 'serve', '--listen', '127.0.0.1:0', ...args])

/** Runs a line of sh as a person would paste it, with `npx treehead` at hand. */
const paste = (line: string): Promise<Ended> => {
  const bin = join(folder, 'node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, 'treehead'), `#!/bin/sh\nexec '${process.execPath}' '${mainPath}' "$@"\n`)
  chmodSync(join(bin, 'treehead'), 0o755)
  return launch(['/bin/sh', '-c', line]).ended
}

/** The commands that a greeting prints, in order. */
const commandsIn = (greeting: string): readonly string[] =>
  greeting
    .split('\n')
    .filter((line) => /^ {2}(printf|curl|npx) /.test(line))
    .map((line) => line.trim())

const stop = async (life: Life): Promise<Ended> => {
  life.child.kill('SIGTERM')
  return life.ended
}

const readiness = async (url: string): Promise<{ ready: boolean; names: readonly string[] }> => {
  const { ready, reasons } = (await (await fetch(`${url}/readyz`)).json()) as {
    ready: boolean
    reasons: { name: string }[]
  }
  return { ready, names: reasons.map(({ name }) => name) }
}

const post = (
  url: string,
  body: string,
  token = readFileSync(join(folder, 'treehead-data/append.token'), 'utf8').trim(),
): Promise<Response> => fetch(`${url}/add`, { method: 'POST', body, headers: { authorization: `Bearer ${token}` } })

describe('the greeting', () => {
  it('of a first start has commands that append and verify when they are pasted into another terminal', async () => {
    const life = serve()
    await life.url
    const token = readFileSync(join(folder, 'treehead-data/append.token'), 'utf8').trim()
    const vkey = readFileSync(join(folder, 'treehead-data/log.vkey'), 'utf8').trim()
    expect(life.stdout()).toContain(`vkey    ${vkey}\n`)
    expect(life.stdout()).toContain(`origin  ${vkey.split('+')[0]}\n`)
    expect(life.stdout()).toContain(`token   ${token} (kept in treehead-data/append.token)\n`)
    const lines = commandsIn(life.stdout())
    expect(lines.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      "printf 'hello' >",
      'curl -sS -H',
      'npx treehead add',
      'npx treehead prove',
    ])
    for (const line of lines) {
      const { code, stdout } = await paste(line)
      expect([line, code]).toEqual([line, 0])
      if (line.startsWith('curl')) expect(stdout).toBe('0')
    }
    expect(existsSync(join(folder, 'hello.proof'))).toBe(true)
    writeFileSync(join(folder, 'hello.txt'), 'hellO')
    const verify = lines.at(-1)?.split(' && ')[1] ?? ''
    expect((await paste(verify)).code).toBe(1)
    expect((await stop(life)).code).toBe(0)
  })

  it('of a second start is the same, but points at the token', async () => {
    const first = serve()
    await first.url
    await stop(first)
    const second = serve()
    await second.url
    const token = readFileSync(join(folder, 'treehead-data/append.token'), 'utf8').trim()
    expect(second.stdout()).not.toContain(token)
    expect(second.stdout()).toContain('token   in treehead-data/append.token\n')
    for (const line of commandsIn(second.stdout())) expect([line, (await paste(line)).code]).toEqual([line, 0])
    expect(/^ {2}(origin|vkey) .*/m.exec(second.stdout())?.[0]).toBe(/^ {2}(origin|vkey) .*/m.exec(first.stdout())?.[0])
  })

  it('keeps its commands whole when names have spaces and quotes in them', async () => {
    const life = serve('--data', "level:./it's here")
    await life.url
    for (const line of commandsIn(life.stdout())) expect([line, (await paste(line)).code]).toEqual([line, 0])
    await stop(life)
    const second = serve('--data', "level:./it's here")
    await second.url
    for (const line of commandsIn(second.stdout())) expect([line, (await paste(line)).code]).toEqual([line, 0])
  })
})

describe('data', () => {
  it('memory: keeps nothing, and prints its token each time', async () => {
    const life = serve('--data', 'memory:', '--origin', 'log.example/memory')
    const url = await life.url
    expect(life.stdout()).toContain('origin  log.example/memory\n')
    for (const line of commandsIn(life.stdout())) expect([line, (await paste(line)).code]).toEqual([line, 0])
    expect((await fetch(`${url}/ct/v1/get-sth`)).status).toBe(200)
    expect((await stop(life)).code).toBe(0)
    expect(readdirSync(folder).filter((name) => !/^(hello|node_modules)/.test(name))).toEqual([])
  })

  it.each(['postgres://x', 'level:', 'memory:x', ''])('%s is wrong use', async (data) => {
    const { code, stderr } = await serve('--data', data).ended
    expect(code).toBe(2)
    expect(stderr).toMatch(/^treehead: usage: want --data level:<folder> or memory:/)
  })

  it('of another log is not served under a new name', async () => {
    const first = serve('--origin', 'log.example/one')
    await first.url
    await stop(first)
    const { code, stderr } = await serve('--origin', 'log.example/two').ended
    expect(code).toBe(2)
    expect(stderr).toContain('log.example/one')
    const again = serve('--origin', 'log.example/one')
    await again.url
  })

  it('that another server has open is refused by name', async () => {
    const life = serve()
    const url = await life.url
    const { code, stderr } = await serve().ended
    expect(code).toBe(3)
    expect(stderr).toMatch(/^treehead: locked: .*\n {2}what helps: /)
    expect((await readiness(url)).ready).toBe(true)
  })

  it('on an address that is taken stays closed behind the failed start', async () => {
    const life = serve('--data', 'memory:')
    const { host } = new URL(await life.url)
    const { code, stderr } = await launch([process.execPath, mainPath, 'serve', '--listen', host]).ended
    expect(code).toBe(4)
    expect(stderr).toContain('EADDRINUSE')
    const next = serve()
    await next.url
  })
})

describe('configuration', () => {
  it('[CFG-4] is printed as a file that means the same, from flags, variables and a file', async () => {
    writeFileSync(join(folder, 'treehead.toml'), 'stall-ms = 1234\nlog-level = "warn"\norigin = "log.example/file"\n')
    const command = [process.execPath, mainPath, 'serve', '--print-config', '--log-level', 'error']
    const env = { TREEHEAD_CONFIG: 'treehead.toml', TREEHEAD_ORIGIN: 'log.example/env' }
    const { code, stdout } = await launch(command, env).ended
    expect(code).toBe(0)
    expect(stdout).toMatch(/\(file; --stall-ms, TREEHEAD_STALL_MS\)\nstall-ms = 1234\n/)
    expect(stdout).toContain('origin = "log.example/env"')
    expect(stdout).toContain('log-level = "error"')
    writeFileSync(join(folder, 'again.toml'), stdout)
    const again = await launch([process.execPath, mainPath, 'serve', '--print-config', '--config', 'again.toml']).ended
    const values = (text: string): readonly string[] => text.split('\n').filter((line) => !line.startsWith('#'))
    expect(values(again.stdout)).toEqual(values(stdout))
    expect(existsSync(join(folder, 'treehead-data'))).toBe(false)
  })

  it.each([
    ['[CFG-2] an unknown flag', ['--lissten', 'x'], 'listen'],
    ['[CFG-2] an unknown key', ['--config', 'bad.toml'], 'did you mean min-free-bytes?'],
    ['[CFG-3] a bad number', ['--min-free-bytes', '64M'], '--min-free-bytes: want an integer'],
    ['a missing file', ['--config', 'nowhere.toml'], 'cannot read --config nowhere.toml: ENOENT'],
    ['a bad address', ['--listen', '6962'], 'want --listen <host:port>'],
    ['a bad port', ['--listen', '127.0.0.1:65536'], 'want --listen <host:port>'],
    ['a bad hasher', ['--hasher', 'md5'], '--hasher: want one of auto'],
  ])('%s is wrong use: one line, code 2, nothing made', async (_, args, message) => {
    writeFileSync(join(folder, 'bad.toml'), 'min-free-byte = 1\n')
    const { code, stderr } = await launch([process.execPath, mainPath, 'serve', ...args]).ended
    expect(code).toBe(2)
    expect(stderr).toMatch(/^treehead: usage: [^\n]+\n$/)
    expect(stderr).toContain(message)
    expect(existsSync(join(folder, 'treehead-data'))).toBe(false)
  })

  it('--open lets everyone append, on loopback', async () => {
    const life = serve('--data', 'memory:', '--open')
    const url = await life.url
    expect((await fetch(`${url}/add`, { method: 'POST', body: 'x' })).status).toBe(200)
    for (const line of commandsIn(life.stdout())) expect([line, (await paste(line)).code]).toEqual([line, 0])
  })

  it.each(['noble', 'platform', 'wasm-simd'])('--hasher %s is taken', async (hasher) => {
    const life = serve('--data', 'memory:', '--hasher', hasher)
    expect(await (await fetch(`${await life.url}/metrics`)).text()).toContain(`sha-256: ${hasher}`)
  })

  it('--allow-duplicates gives equal entries an index each', async () => {
    const life = serve('--allow-duplicates')
    const url = await life.url
    expect([await (await post(url, 'x')).text(), await (await post(url, 'x')).text()]).toEqual(['0', '1'])
  })
})

describe('the end', () => {
  it('comes after what is under way is answered, with exit code 0', async () => {
    const life = serve()
    const url = await life.url
    const token = readFileSync(join(folder, 'treehead-data/append.token'), 'utf8').trim()
    const idle = await openSocket(portOf(url))
    const half = await openSocket(portOf(url))
    let answer = ''
    half.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    half.write(`POST /add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5\r\n\r\nhel`)
    await pause(200)
    const start = performance.now()
    life.child.kill('SIGTERM')
    await pause(300)
    await expect(fetch(`${url}/checkpoint`)).rejects.toThrow()
    half.write('lo')
    const { code, stderr } = await life.ended
    expect(code).toBe(0)
    expect(performance.now() - start).toBeLessThan(4_000)
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n0$/s)
    expect(stderr).toContain('"msg":"stopped"')
    idle.destroy()
    half.destroy()
  })

  it('is not put off by clients that never finish', async () => {
    const life = serve('--stop-grace-ms', '300')
    const half = await openSocket(portOf(await life.url))
    half.on('error', () => {})
    half.write('POST /add HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel')
    await pause(100)
    const start = performance.now()
    expect((await stop(life)).code).toBe(0)
    expect(performance.now() - start).toBeLessThan(3_000)
    half.destroy()
  })

  it('comes at once with a second signal', async () => {
    const life = serve('--stop-grace-ms', '8000')
    const token = (await life.url) && readFileSync(join(folder, 'treehead-data/append.token'), 'utf8').trim()
    const half = await openSocket(portOf(await life.url))
    half.on('error', () => {})
    half.write(`POST /add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: 5\r\n\r\nhel`)
    await pause(200)
    life.child.kill('SIGINT')
    await pause(300)
    expect(life.child.exitCode).toBeNull()
    const start = performance.now()
    life.child.kill('SIGINT')
    expect((await life.ended).code).toBe(130)
    expect(performance.now() - start).toBeLessThan(1_000)
    half.destroy()
  })

  it('comes by itself after a failed write: waiting appends are answered, code 70, and the log opens again', async () => {
    // Files may not grow beyond 3 MiB: LevelDB's own log does, and its write fails.
    const limited = [
      '/bin/sh',
      '-c',
      'ulimit -f 6144; exec "$@"',
      'sh',
      process.execPath,
      mainPath,
      'serve',
      '--listen',
      '127.0.0.1:0',
    ]
    const life = launch(limited)
    const url = await life.url
    const acknowledged: number[] = []
    const statuses = new Set<number>()
    const start = performance.now()
    for (let i = 0; i < 400 && !statuses.has(503); i++) {
      const response = await post(url, `${i}`.padEnd(60_000, 'x')).catch(() => undefined)
      if (response === undefined) break
      statuses.add(response.status)
      if (response.status === 200) acknowledged.push(Number(await response.text()))
      else expect(response.headers.get('retry-after')).toMatch(/^[1-3]$/)
    }
    const failed = performance.now()
    expect(failed - start).toBeLessThan(50_000)
    expect([...statuses].sort()).toEqual([200, 503])
    const { code, stderr } = await life.ended
    expect(code).toBe(70)
    expect(performance.now() - failed).toBeLessThan(2_000)
    expect(stderr).toContain('"level":"fatal"')
    const again = serve()
    const size = Number((await (await fetch(`${await again.url}/checkpoint`)).text()).split('\n')[1])
    expect(size).toBeGreaterThanOrEqual(acknowledged.length)
    expect(acknowledged).toEqual(acknowledged.map((_, i) => i))
  })
})

describe('a full disk', () => {
  it('stops appends by name, and reads go on', async () => {
    const first = serve()
    await post(await first.url, 'before')
    await stop(first)
    const life = serve('--min-free-bytes', '9007199254740991')
    const url = await life.url
    const refused = await post(url, 'after')
    expect(refused.status).toBe(503)
    expect(await refused.text()).toMatch(/^refused: disk_full: .*--min-free-bytes.*\n$/)
    expect(refused.headers.get('retry-after')).toMatch(/^[1-3]$/)
    expect(await readiness(url)).toEqual({ ready: false, names: ['disk_full'] })
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
    expect(await (await fetch(`${url}/entry/0`)).text()).toBe('before')
    expect((await fetch(`${url}/proof/0`)).status).toBe(200)
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('treehead_refusals_total{reason="disk_full"} 1')
    expect((await stop(life)).code).toBe(0)
  })
})
