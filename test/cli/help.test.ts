/** Help and wrong use: every command teaches with examples that work as printed, and wrong use is one line and code 2. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createProgram, run } from '../../src/cli/program.ts'
import { repositoryRoot } from '../support/root.ts'
import { type Server, startServer } from '../support/server.ts'
import { openShell, type Shell } from './shell.ts'

const walk = (command: Command, path: readonly string[] = []): readonly (readonly [string, Command])[] => [
  [path.join(' '), command],
  ...command.commands.flatMap((below) => walk(below, [...path, below.name()])),
]

const commands = walk(await createProgram()).filter(([path]) => path !== '')
/** `serve` is a command of its own kind, with tests of its own. */
const taught = commands.filter(([path]) => path !== 'serve')

/** They run until they are stopped, and have tests of their own; so has the demonstration. */
const runsOn = /^treehead (?:witness|mirror|demo|evidence acknowledge|recover)\b/

/** Runs the program in this process; answers its code and what it printed. */
const call = async (...args: string[]): Promise<{ code: number | undefined; out: string; err: string }> => {
  let [out, err] = ['', '']
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      out += String(text)
      return true
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text)
      return true
    }),
  ]
  try {
    return { code: await run(args), out, err }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

const examplesOf = (help: string): readonly string[] =>
  (/\nExamples:\n([\s\S]*?)\n\n/.exec(help)?.[1] ?? '')
    .split('\n')
    .filter((line) => !line.startsWith('  #'))
    .map((line) => line.trim())

describe('help', () => {
  it('of the program lists every command and every exit code', async () => {
    const { code, out } = await call('--help')
    expect(code).toBe(0)
    for (const [path] of commands.filter(([path]) => !path.includes(' ')))
      expect(out).toMatch(new RegExp(`^  ${path} `, 'm'))
    for (const exit of [0, 1, 2, 3, 4, 70]) expect(out).toMatch(new RegExp(`^ +${exit}  `, 'm'))
  })

  it.each(taught)('of %s says what it does, gives two examples and the exit codes', async (path) => {
    const { code, out, err } = await call(...path.split(' '), '--help')
    expect(code).toBe(0)
    expect(err).toBe('')
    expect(out).toContain(`Usage: treehead ${path}`)
    expect(examplesOf(out).length).toBeGreaterThanOrEqual(2)
    expect(out).toMatch(/Exit codes:\n +0 {2}done/)
  })

  it('of each flag that commands share is the same everywhere', () => {
    const texts = new Map<string, Set<string>>()
    for (const [path, command] of taught) {
      // Servers are told whom to serve with flags of their own.
      if (runsOn.test(`treehead ${path}`)) continue
      for (const { long, flags, description, envVar } of command.options) {
        if (!['--url', '--token', '--token-file', '--vkey', '--policy', '--origin', '--evidence'].includes(long ?? ''))
          continue
        texts.set(long!, (texts.get(long!) ?? new Set()).add(`${flags} ${description} ${envVar ?? ''}`))
      }
    }
    expect(texts.size).toBe(7)
    for (const [flag, variants] of texts) expect([flag, variants.size]).toEqual([flag, 1])
  })
})

describe('wrong use', () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['no command', ['nothing']],
    ['a flag that is not there', ['add', '--nothing']],
    ['a flag that is not there, with a value', ['add', '--tokn=secret-text']],
    ['a subcommand that is not there', ['ledger', 'nothing']],
    ['two ways to cut', ['add', '--lines', '--json-records', '/a', 'x']],
    ['two tokens', ['add', '--token', 'a', '--token-file', 'b', 'x']],
    ['a batch of nothing', ['add', '--batch', '0', 'x']],
    ['a batch that is too large', ['add', '--batch', '16385', 'x']],
    ['a batch that is no number', ['add', '--batch', '1e3', 'x']],
    ['a proof without a place for it', ['add', '--proof', 'x']],
    ['a place without a proof', ['add', '--out', 'p', 'x']],
    ['a pointer that is none', ['add', '--json-records', 'Records', 'x']],
    ['a file that is not there', ['add', '--token', 'secret-text', '/does/not/exist']],
    ['a token file that is not there', ['add', '--token-file', '/does/not/exist', 'x']],
    ['a token that none can be', ['add', '--token', 'secret-text with spaces', 'x']],
    ['a URL that is none', ['add', '--url', 'localhost', '--token', 'a', 'x']],
    ['a URL of another kind', ['checkpoint', '--url', 'ftp://x/', '--vkey', 'VKEY']],
    ['a URL with a password', ['checkpoint', '--url', 'http://a:secret-text@127.0.0.1:1/', '--vkey', 'VKEY']],
    ['prove without an entry', ['prove', '--out', 'p']],
    ['prove without a place', ['prove', '--index', '0']],
    ['prove with two entries', ['prove', '--index', '0', '--leaf', '00', '--out', 'p']],
    ['an index with a leading zero', ['prove', '--index', '01', '--out', 'p']],
    ['an index over 2^53−1', ['prove', '--index', '9007199254740992', '--out', 'p']],
    ['an index below zero', ['get', '--index', '-1', '--vkey', 'VKEY']],
    ['a leaf hash that is none', ['prove', '--leaf', 'xyz', '--out', 'p']],
    ['verify without trust', ['verify', '/dev/null', '--entry', '/dev/null']],
    ['verify without an entry', ['verify', '/dev/null', '--vkey', 'VKEY']],
    ['verify without a proof', ['verify', '--entry', '/dev/null', '--vkey', 'VKEY']],
    ['verify with a proof that is not there', ['verify', '/does/not/exist', '--entry', '/dev/null', '--vkey', 'VKEY']],
    ['a vkey that is none', ['verify', '/dev/null', '--entry', '/dev/null', '--vkey', 'a+00000000+AAAA']],
    ['a vkey file that is not there', ['verify', '/dev/null', '--entry', '/dev/null', '--vkey', '/does/not/exist']],
    ['a vkey file that holds none', ['verify', '/dev/null', '--entry', '/dev/null', '--vkey', '/dev/null']],
    ['a policy that is none', ['verify', '/dev/null', '--entry', '/dev/null', '--policy', '/dev/null']],
    ['get without an index', ['get', '--vkey', 'VKEY']],
    ['get with an end before its start', ['get', '--index', '5', '--end', '5', '--vkey', 'VKEY']],
    ['get without trust', ['get', '--index', '5']],
    ['checkpoint without trust', ['checkpoint']],
    ['consistency without a checkpoint', ['consistency', '--vkey', 'VKEY']],
    ['tail without trust', ['tail']],
    ['tail from nowhere', ['tail', '--from', 'x', '--vkey', 'VKEY']],
    ['fsck without trust', ['fsck']],
    ['fsck of two places', ['fsck', '--dir', 'a', '--data', 'level:b', '--vkey', 'VKEY']],
    ['fsck of a storage that is none', ['fsck', '--data', 'floppy:b']],
    ['backup without a place', ['backup', '--vkey', 'VKEY']],
    ['backup without trust', ['backup', '--out', 'x']],
    ['keygen without a name', ['keygen', '--out', 'x']],
    ['keygen without a place', ['keygen', '--name', 'x']],
    ['keygen of a type that is none', ['keygen', '--name', 'x', '--out', 'x', '--type', 'rsa']],
    ['keygen of a name that no key can have', ['keygen', '--name', 'a b', '--out', '/does/not/exist']],
    ['token without a label', ['token', 'add']],
    ['token with a label in two words', ['token', 'add', '--label', 'a b']],
    ['tokens of a folder that is not there', ['token', 'list', '--data', 'level:/does/not/exist']],
    ['too many arguments', ['keygen', '--name', 'x', '--out', 'x', 'y']],
  ]
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'

  it.each(rows)('%s: one line, exit code 2, no secret', async (_, args) => {
    const { code, err, out } = await call(...args.map((arg) => (arg === 'VKEY' ? vkey : arg)))
    expect([code, err]).toEqual([2, expect.stringMatching(/^treehead: usage: [^\n]*\n$/)])
    expect(out + err).not.toContain('secret-text')
  })

  it('a private key given for a public one is not repeated', async () => {
    const skey = 'PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz'
    const { code, err } = await call('checkpoint', '--vkey', skey)
    expect(code).toBe(2)
    expect(err).not.toContain('AYEKFALVFGyNhPJEMzD1QIDr')
  })
})

describe('every example of every help works as printed, in order, where a log runs in the same folder', () => {
  let shell: Shell
  let server: Server
  beforeAll(async () => {
    shell = openShell()
    server = await startServer({ dataDir: shell.path('treehead-data') })
    shell.write('record.json', '{"who":"alice"}')
    const [evidence] = JSON.parse(readFileSync(join(repositoryRoot, 'spec/vectors/evidence.json'), 'utf8')) as {
      readonly text: string
    }[]
    shell.write('fork.evidence', evidence?.text ?? '')
    shell.write('access.log', 'one\n\ntwo\n')
    shell.write('trails/a.json', '{"Records":[{"id":1},{"id":2}]}')
    shell.write('audit.json', '{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[]}')
    for (const source of ['aws', 'k8s']) shell.write(`${source}.token`, server.token)
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    shell?.[Symbol.dispose]()
  })

  const runnable = (line: string): boolean =>
    !/ledger adopt|^treehead (?:tail|monitor)(?!.*--once)|--data level/.test(line)

  it('while the server runs', async () => {
    const monday = 'treehead checkpoint --vkey treehead-data/log.vkey --out tuesday.checkpoint'
    const lines = taught.flatMap(([, command]) => examplesOf(helpOf(command))).filter((line) => !runsOn.test(line))
    expect(lines.length).toBeGreaterThan(30)
    for (const line of lines.filter(runnable)) {
      if (line.includes('tuesday')) await shell.run(url(monday))
      if (line.includes('event.json')) shell.write('event.json', await anEventFile())
      const { code, stderr } = await shell.run(url(line))
      expect([line, code, stderr.includes('internal')]).toEqual([line, 0, false])
    }
    for (const made of ['record.tlog-proof', 'first.tlog-proof', 'backup/checkpoint', 'audit.key', 'w1.key.vkey']) {
      expect([made, existsSync(shell.path(made))]).toEqual([made, true])
    }
  })

  /** The event file of the first event, which what was ingested before has made. */
  const anEventFile = async (): Promise<string> => {
    const { stdout } = await shell.run('treehead token add --role read --label reader --data level:./treehead-data')
    const headers = { authorization: `Bearer ${stdout.trim()}` }
    const at = async (index: number): Promise<Response> => fetch(`${server.url}/v1/events/${index}/file`, { headers })
    // The server reads its tokens again within a second.
    await vi.waitFor(async () => expect((await at(0)).status).not.toBe(401), { timeout: 20_000, interval: 200 })
    for (let index = 0; index < 100; index++) {
      const response = await at(index)
      if (response.ok) return response.text()
    }
    throw new Error('no event was found')
  }

  it('tail, until it is interrupted', async () => {
    const tail = shell.start(['tail', '--url', server.url, '--vkey', 'treehead-data/log.vkey'])
    await pause(1_000)
    tail.child.kill('SIGINT')
    expect((await tail.ended).code).toBe(0)
  })

  it('what wants the data folder, once the server is stopped', async () => {
    await server.stop()
    const lines = taught.flatMap(([, command]) =>
      examplesOf(helpOf(command)).filter((line) => !runnable(line) && !runsOn.test(line)),
    )
    for (const line of lines.filter((line) => line.includes('--data level') && !line.includes('token revoke'))) {
      expect([line, (await shell.run(line)).code]).toEqual([line, 0])
    }
    const adopt = lines.filter((line) => line.includes('ledger adopt'))
    expect(adopt.length).toBeGreaterThanOrEqual(2)
    // With its ledger in place there is nothing to adopt; without it, looking says what would be done, and --yes does it.
    expect((await shell.run('treehead ledger adopt --yes')).code).toBe(2)
    await shell.run('mv treehead-data/ledger lost')
    expect((await shell.run('treehead ledger adopt')).code).toBe(2)
    expect((await shell.run('treehead ledger adopt --yes')).code).toBe(0)
  })

  // The examples say nothing of --url, since the default is the default of serve; here the port is another.
  const url = (line: string): string => `TREEHEAD_URL=${server.url} ; export TREEHEAD_URL ; ${line}`

  const helpOf = (command: Command): string => {
    let text = ''
    command.configureOutput({
      writeOut: (part) => {
        text += part
      },
    })
    command.outputHelp()
    return text
  }
})
