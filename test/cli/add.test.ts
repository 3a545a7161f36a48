/** Adding: what becomes an entry, that nothing is sent before all is checked, and that a busy log is asked again. */

import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { verifyProofFile } from '../../src/client/receipt.ts'
import { parseEntryBundle } from '../../src/tlog/entry-bundle.ts'
import { freePort, type Server, startServer } from '../support/server.ts'
import { openShell, type Shell } from './shell.ts'

/** A log that only counts: it answers each batch with the next indices, or as `answer` says. */
interface Recorder extends AsyncDisposable {
  readonly url: string
  readonly batches: (readonly Uint8Array[])[]
  readonly tokens: (string | undefined)[]
}

const openRecorder = async (
  answer: (response: ServerResponse, attempt: number) => boolean = () => false,
): Promise<Recorder> => {
  const batches: (readonly Uint8Array[])[] = []
  const tokens: (string | undefined)[] = []
  let attempt = 0
  let next = 0
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    tokens.push(request.headers.authorization)
    if (answer(response, attempt++)) return
    const entries = parseEntryBundle(Buffer.concat(chunks))
    batches.push(entries)
    response.end(entries.map(() => `${next++}\n`).join(''))
  }
  const server: HttpServer = createServer((request, response) => void handle(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    batches,
    tokens,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const texts = (batches: Recorder['batches']): readonly string[] =>
  batches.flat().map((entry) => Buffer.from(entry).toString('latin1'))

describe('what becomes an entry', () => {
  let shell: Shell
  let log: Recorder
  beforeAll(() => {
    shell = openShell({ TREEHEAD_TOKEN: 'secret-text' })
  })
  afterAll(() => shell[Symbol.dispose]())
  afterEach(() => log?.[Symbol.asyncDispose]())
  const add = async (args: string, input?: string | Uint8Array) =>
    shell.run(`treehead add --url ${log.url} ${args}`, input)

  it('a file, with every byte it has', async () => {
    log = await openRecorder()
    shell.write(
      'all-bytes',
      Uint8Array.from({ length: 256 }, (_, byte) => byte),
    )
    const { code, stdout } = await add('all-bytes')
    expect([code, stdout]).toEqual([0, '0\n'])
    expect(texts(log.batches)).toEqual([
      Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte)).toString('latin1'),
    ])
  })

  it.each([['-'], ['']])('standard input, named %j', async (name) => {
    log = await openRecorder()
    expect((await add(name, 'from a pipe\n')).code).toBe(0)
    expect(texts(log.batches)).toEqual(['from a pipe\n'])
  })

  it('lines without their newline; empty ones are skipped and counted, the last needs none', async () => {
    log = await openRecorder()
    shell.write('lines', 'one\n\ntwo\r\n\n\n three\t\nfour')
    const { stderr, stdout } = await add('--lines lines')
    expect(texts(log.batches)).toEqual(['one', 'two\r', ' three\t', 'four'])
    expect(stdout).toBe('0\n1\n2\n3\n')
    expect(stderr).toBe('in the log: 4 entries of 1 source; skipped 3 empty lines\n')
  })

  it('lines that lie across the chunks in which a file is read', async () => {
    log = await openRecorder()
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i}:${'x'.repeat((i * 7_919) % 71)}`)
    shell.write('many', `${lines.join('\n')}\n`)
    expect((await add('--lines many --batch 16384 ')).code).toBe(0)
    expect(texts(log.batches)).toEqual(lines)
    expect(Math.max(...log.batches.map((batch) => batch.length))).toBeLessThanOrEqual(16_384)
  })

  it('the records of several files and folders, in order of their names, without hidden files and other kinds', async () => {
    log = await openRecorder()
    shell.write('trails/b.json', '{"Records":[3]}')
    shell.write('trails/a.json', '{"Records":[ 1, {"x" : "é"} ]}')
    shell.write('trails/deeper/c.json', '{"Records":[4]}')
    shell.write('trails/.hidden.json', 'no json')
    shell.write('trails/notes.txt', 'no json')
    shell.write('more', '{"Records":[5]}')
    const { stdout } = await add('--json --json-records /Records more trails')
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; source: string })
    expect(lines.map(({ index, source }) => `${index} ${source}`)).toEqual([
      '0 more record 0',
      '1 trails/a.json record 0',
      '2 trails/a.json record 1',
      '3 trails/b.json record 0',
      '4 trails/deeper/c.json record 0',
    ])
    expect(log.batches.flat().map((entry) => Buffer.from(entry).toString())).toEqual([
      '5',
      '1',
      '{"x" : "é"}',
      '3',
      '4',
    ])
  })

  it('in batches of as many as --batch says', async () => {
    log = await openRecorder()
    shell.write('ten', '0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n')
    expect((await add('--lines --batch 4 ten')).code).toBe(0)
    expect(log.batches.map((batch) => batch.length)).toEqual([4, 4, 2])
  })

  it('of 65,535 bytes, but not of one more or of none', async () => {
    log = await openRecorder()
    shell.write('largest', 'x'.repeat(65_535))
    expect((await add('largest')).code).toBe(0)
    shell.write('too-large', 'x'.repeat(65_536))
    shell.write('empty', '')
    expect(await add('too-large')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('too-large has 65536 bytes'),
    })
    expect(await add('empty')).toMatchObject({ code: 2, stderr: expect.stringContaining('empty is empty') })
    expect(log.batches.length).toBe(1)
  })
})

describe('nothing is sent before all is checked', () => {
  let shell: Shell
  let log: Recorder
  beforeAll(async () => {
    shell = openShell({ TREEHEAD_TOKEN: 'secret-text' })
    log = await openRecorder()
    shell.write('good.json', '{"R":[1,2]}')
    shell.write('good', 'good\n')
    mkdirSync(shell.path('bare'))
  })
  afterAll(async () => {
    await log[Symbol.asyncDispose]()
    shell[Symbol.dispose]()
  })

  it.each([
    [
      'a record that is too large',
      '--json-records /R good.json bad',
      `{"R":[0,"${'x'.repeat(65_535)}"]}`,
      'bad record 1 has 65537 bytes',
    ],
    ['a line that is too large', '--lines good bad', `ok\n${'x'.repeat(65_536)}\n`, 'bad line 2 has 65536 bytes'],
    ['a line that is much too large', '--lines good bad', 'x'.repeat(3e6), 'bad line 1 is longer'],
    ['JSON that ends early', '--json-records /R good.json bad', '{"R":[1', 'bad: not JSON: byte 7'],
    ['JSON with a byte order mark', '--json-records /R good.json bad', '\ufeff{"R":[1]}', 'bad: not JSON: byte 0'],
    ['no array where the pointer leads', '--json-records /R good.json bad', '{"r":[1]}', 'bad: nothing at "/R"'],
    ['a file that is not there', 'good not-there', '', 'cannot read not-there: ENOENT'],
    ['a folder without a file', '--json-records /R good.json bare', '', 'no .json file in the folder bare'],
  ])('%s', async (_, args, content, message) => {
    shell.write('bad', content)
    const { code, stderr, stdout } = await shell.run(`treehead add --url ${log.url} ${args}`)
    expect(stderr).toContain(message)
    expect([code, stdout, log.batches.length, stderr.trimEnd().split('\n').length]).toEqual([2, '', 0, 1])
  })
})

describe('a log that fails in passing is asked again', () => {
  let shell: Shell
  beforeAll(() => {
    shell = openShell({ TREEHEAD_TOKEN: 'secret-text' })
    shell.write('five', 'a\nb\nc\nd\ne\n')
  })
  afterAll(() => shell[Symbol.dispose]())

  it.each([429, 503])('%i, after as long as it asks for', async (status) => {
    await using log = await openRecorder((response, attempt) => {
      if (attempt % 2 === 1) return false
      response.writeHead(status, { 'retry-after': '1' }).end('pushback: later\n')
      return true
    })
    const start = performance.now()
    const { code, stdout } = await shell.run(`treehead add --url ${log.url} --lines --batch 3 five`)
    expect([code, stdout]).toEqual([0, '0\n1\n2\n3\n4\n'])
    expect(performance.now() - start).toBeGreaterThan(2_000)
    expect(texts(log.batches)).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('a lost connection', async () => {
    await using log = await openRecorder((response, attempt) => {
      if (attempt !== 1) return false
      response.destroy()
      return true
    })
    const { code, stdout } = await shell.run(`treehead add --url ${log.url} --lines --batch 3 five`)
    expect([code, stdout]).toEqual([0, '0\n1\n2\n3\n4\n'])
  })

  it('but not when it says no: then it says how far it came', async () => {
    await using log = await openRecorder((response, attempt) => {
      if (attempt !== 1) return false
      response.writeHead(401).end('unauthorized: the token is not known\n')
      return true
    })
    const { code, stdout, stderr } = await shell.run(`treehead add --url ${log.url} --lines --batch 3 five`)
    expect([code, stdout]).toEqual([2, '0\n1\n2\n'])
    expect(stderr).toContain('in the log: 3 of 5 entries; run it again')
    expect(stderr).toContain('unauthorized')
    expect(stderr).not.toContain('secret-text')
  })

  it('and where nobody listens the exit code is 4', async () => {
    const { code, stderr } = await shell.run(
      `treehead prove --url http://127.0.0.1:${await freePort()} --index 0 --out p`,
    )
    expect([code, stderr]).toEqual([4, expect.stringMatching(/^treehead: io: [^\n]*ECONNREFUSED[^\n]*\n$/)])
  })
})

describe('tokens', () => {
  let shell: Shell
  let log: Recorder
  beforeAll(async () => {
    shell = openShell()
    log = await openRecorder()
    shell.write('treehead-data/append.token', 'of-the-folder\n')
    shell.write('token', 'of-a-file\n')
    shell.write('entry', 'x')
  })
  afterAll(async () => {
    await log[Symbol.asyncDispose]()
    shell[Symbol.dispose]()
  })

  it.each([
    ['a flag', 'treehead add --token of-a-flag', 'of-a-flag'],
    ['a file', 'treehead add --token-file token', 'of-a-file'],
    ['the environment', 'TREEHEAD_TOKEN=of-the-environment treehead add', 'of-the-environment'],
    ['a file rather than the environment', 'TREEHEAD_TOKEN=x treehead add --token-file token', 'of-a-file'],
    ['the data folder', 'treehead add', 'of-the-folder'],
  ])('come from %s', async (_, line, token) => {
    const { code, stdout, stderr } = await shell.run(`${line} --url ${log.url} entry`)
    expect([code, log.tokens.at(-1)]).toEqual([0, `Bearer ${token}`])
    expect(stdout + stderr).not.toContain(token)
  })

  it.skipIf(process.platform !== 'linux')('given as a flag is not in the list of processes', async () => {
    const child = shell.start(['add', '--url', `http://127.0.0.1:${await freePort()}`, '--token', 'of-a-flag', 'entry'])
    const title = (): string => readFileSync(`/proc/${child.child.pid}/cmdline`, 'utf8')
    const deadline = performance.now() + 20_000
    while (!title().startsWith('treehead add') && performance.now() < deadline)
      await new Promise((done) => setTimeout(done, 20))
    expect(title()).not.toContain('of-a-flag')
    child.child.kill('SIGKILL')
    await child.ended
  })
})

describe('proofs on the way', () => {
  let shell: Shell
  let server: Server
  beforeAll(async () => {
    shell = openShell()
    server = await startServer({ dataDir: shell.path('treehead-data') })
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    shell?.[Symbol.dispose]()
  })

  it('of one entry go into a file, of several into a folder, each verified', async () => {
    shell.write('lines', 'a\nb\nc\n')
    const one = await shell.run(
      `treehead add --url ${server.url} --proof --out one --vkey treehead-data/log.vkey`,
      'first',
    )
    expect(one).toMatchObject({ code: 0, stdout: '0\n' })
    const refused = await shell.run(`treehead add --url ${server.url} --lines lines --proof --out not-there`)
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    mkdirSync(shell.path('proofs'))
    const three = await shell.run(
      `treehead add --url ${server.url} --lines lines --proof --out proofs --vkey treehead-data/log.vkey`,
    )
    expect(three).toMatchObject({ code: 0, stdout: '1\n2\n3\n' })
    const { vkey } = server
    const read = (name: string): Uint8Array => readFileSync(shell.path(name))
    expect(verifyProofFile(read('one'), { vkey, entry: Buffer.from('first') }).index).toBe(0)
    for (const [i, text] of ['a', 'b', 'c'].entries()) {
      expect(verifyProofFile(read(`proofs/${i + 1}.tlog-proof`), { vkey, entry: Buffer.from(text) }).index).toBe(i + 1)
    }
  })

  it('that do not verify are not written', async () => {
    const stranger = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
    const added = await shell.run(`treehead add --url ${server.url} --proof --out wrong --vkey ${stranger}`, 'second')
    expect(added).toMatchObject({ code: 1, stderr: expect.stringContaining('wrong_origin') })
    const proven = await shell.run(`treehead prove --url ${server.url} --index 0 --out wrong --vkey ${stranger}`)
    expect(proven.code).toBe(1)
    expect(existsSync(shell.path('wrong'))).toBe(false)
  })

  it('are not there for what was never added', async () => {
    const { code, stderr } = await shell.run(`treehead prove --url ${server.url} --entry - --out p`, 'never added')
    expect([code, stderr]).toEqual([1, expect.stringContaining('not_found')])
  })
})
