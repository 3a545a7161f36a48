/** The monitor as a process: exit codes, lines, evidence, metrics and webhook, against a real log and against one that lies. */
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { addAll } from '../support/append.ts'
import { LOG_URL, logFetch } from '../support/log-fetch.ts'
import { memoryLog, numbered } from '../support/memory-log.ts'
import { freePort, type Server, startServer } from '../support/server.ts'
import { openShell, type Running, type Shell } from './shell.ts'

interface Line {
  readonly change: string
  readonly alarm: string
  readonly subject?: string
  readonly detail: string
}
const linesOf = (stdout: string): readonly Line[] =>
  stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Line)
const namesOf = (stdout: string): readonly string[] =>
  linesOf(stdout).map(({ change, alarm }) => `${change === 'raised' ? '+' : '-'}${alarm}`)

const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = performance.now() + 30_000; !(await holds()); await pause(20)) {
    if (performance.now() > deadline) throw new Error(`30 s passed without ${what}`)
  }
}

/** A server on a free port that answers with `fetch`. */
const serveFetch = async (fetch: typeof globalThis.fetch) => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    const answer = async (): Promise<void> => {
      const body = Buffer.concat(chunks)
      const init = { method: request.method ?? 'GET', ...(body.length > 0 && { body }) }
      const given = await fetch(`${LOG_URL}${request.url}`, init).catch(() => new Response(null, { status: 500 }))
      response.writeHead(given.status)
      response.end(Buffer.from(await given.arrayBuffer()))
    }
    request.on('end', () => void answer())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

let shell: Shell
const started: Running[] = []
const closing: (() => void)[] = []
beforeAll(() => {
  shell = openShell()
})
afterEach(async () => {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  for (const close of closing.splice(0)) close()
})
afterAll(() => shell?.[Symbol.dispose]())
const start = (...args: readonly string[]): Running => {
  const running = shell.start(['monitor', ...args])
  started.push(running)
  return running
}

describe('an honest log', () => {
  let server: Server
  let added = 0
  beforeAll(async () => {
    server = await startServer({ dataDir: shell.path('treehead-data') })
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  const add = async (count: number): Promise<void> => {
    await addAll(
      server,
      Array.from({ length: count }, () => Buffer.from(`entry ${added++}`)),
    )
  }
  const stateOf = (name: string) => JSON.parse(readFileSync(shell.path(`${name}/state.json`), 'utf8'))

  it('is verified once, and again from where it stopped: exit code 0 and no line', async () => {
    const run = () => shell.run(`treehead monitor ${server.url} --state one --once --vkey treehead-data/log.vkey`)
    for (const count of [0, 300, 70_000]) {
      await add(count)
      const { code, stdout, stderr } = await run()
      expect([code, stdout]).toEqual([0, ''])
      expect(stderr).toBe(`${server.origin}: verified ${added} of ${added} entries; no alarm is on\n`)
      expect(stateOf('one')).toMatchObject({ origin: server.origin, data: { verified: added, damaged: [] } })
    }
    expect(statSync(shell.path('one/state.json')).mode & 0o777).toBe(0o600)
  })

  it('is followed as it grows, killed at any moment and started again, with metrics and readiness', async () => {
    const port = await freePort()
    const args = [server.url, '--state', 'two', '--vkey', 'treehead-data/log.vkey', '--interval', '1s']
    const ready = async (): Promise<{ status: number; text: string }> => {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
      return { status: answer?.status ?? 0, text: (await answer?.text()) ?? '' }
    }
    for (let round = 0; round < 3; round++) {
      const running = start(...args, '--listen', `127.0.0.1:${port}`)
      await add(500)
      await until('readiness', async () => (await ready()).status === 200)
      await until('the position', () => stateOf('two').data.verified === added)
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
      const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
      expect(metrics).toMatch(new RegExp(`^treehead_monitor_verified_entries ${added}$`, 'm'))
      expect(metrics).toMatch(/^treehead_monitor_alarms\{alarm="fork"\} 0$/m)
      expect(metrics).toMatch(/^treehead_ready 1$/m)
      running.child.kill(round === 0 ? 'SIGKILL' : 'SIGTERM')
      const { code, stdout } = await running.ended
      expect([code, stdout]).toEqual([round === 0 ? null : 0, ''])
    }
  })

  it('[MONITOR-4] that is not there: exit code 4, and later stale: 1', async () => {
    const gone = `http://127.0.0.1:${await freePort()}`
    const run = (more: string) =>
      shell.run(`treehead monitor ${gone} --state gone --once --vkey treehead-data/log.vkey ${more}`)
    expect(await run('')).toMatchObject({ code: 4, stdout: '' })
    await pause(1_100)
    const { code, stdout } = await run('--max-age 0s')
    expect([code, namesOf(stdout)]).toEqual([1, ['+stale']])
  })

  it('[MONITOR-6] wrong use: a state of another log, one that is none, bad flags', async () => {
    const flags = '--vkey treehead-data/log.vkey --once'
    const rows: readonly (readonly [string, string, RegExp])[] = [
      ['no state', `treehead monitor ${flags}`, /--state/],
      ['no trust', 'treehead monitor --state x --once', /want --vkey/],
      ['nonsense', `treehead monitor ${flags} --state broken`, /broken\/state\.json: want the state of a monitor/],
      ['another log', `treehead monitor ${flags} --state other`, /other\/state\.json is of the log elsewhere\.example/],
      ['no URL', `treehead monitor nowhere ${flags} --state x`, /--url/],
      ['no time', `treehead monitor ${flags} --state x --max-age 5`, /want a duration such as/],
      ['no pause', `treehead monitor ${flags} --state x --interval 0s`, /an interval of a second or more/],
      ['a webhook of another kind', `treehead monitor ${flags} --state x --webhook ftp://x/`, /--webhook wants/],
      ['an address that is none', 'treehead monitor --vkey treehead-data/log.vkey --state x --listen 5', /--listen/],
    ]
    shell.write('broken/state.json', '{"format":1}')
    const alarms = { active: [], startedAt: 1, progressAt: 1, witnessTimes: {} }
    const other = { format: 1, origin: 'elsewhere.example', data: { verified: 0, damaged: [] }, alarms }
    shell.write('other/state.json', JSON.stringify(other))
    for (const [what, line, reason] of rows) {
      const { code, stdout, stderr } = await shell.run(line)
      expect([what, code, stdout]).toEqual([what, 2, ''])
      expect(stderr).toMatch(reason)
    }
  })
})

describe('a log that lies', () => {
  const lying = async (sizes: readonly [number, number]) => {
    const [made, other] = [await memoryLog(), await memoryLog()]
    await made.append(numbered(0, sizes[0]))
    await other.append(numbered(0, 100))
    await other.append(numbered(100, sizes[1], 'other'))
    const world = { log: made, isBent: false }
    const { url, close } = await serveFetch(async (input, init) => {
      const answer = await logFetch(world.log)(input, init)
      if (!world.isBent || !String(input).includes('/tile/entries/000')) return answer
      return new Response(new Uint8Array(await answer.arrayBuffer()).map((byte, i) => (i === 3 ? 255 - byte : byte)))
    })
    closing.push(close)
    shell.write('log.vkey', `${made.vkey}\n`)
    return { made, other, world, url }
  }

  it('[MONITOR-5] about its history: exit code 1, a line, and evidence that verifies, until it is acknowledged', async () => {
    const { made, other, world, url } = await lying([300, 400])
    const run = (more = '') => shell.run(`treehead monitor ${url} --state fork --once --vkey log.vkey ${more}`)
    expect(await run()).toMatchObject({ code: 0, stdout: '' })
    world.log = other
    const found = await run()
    expect([found.code, namesOf(found.stdout)]).toEqual([1, ['+fork']])
    const evidence = parseEvidence(readFileSync(shell.path('fork/fork.evidence')))
    const { smaller } = verifyEvidence(evidence)
    expect(smaller.bytes).toEqual(Uint8Array.from(made.checkpoint()))
    expect(evidence.contradiction?.rootInLarger).toEqual(await other.log.reader.rootAt(300))
    // Once is enough, and going back to the truth does not undo it.
    expect(await run()).toMatchObject({ code: 1, stdout: '' })
    expect(existsSync(shell.path('fork/fork.evidence.2'))).toBe(false)
    world.log = made
    expect(await run()).toMatchObject({ code: 1, stdout: '' })
    const cleared = await run('--acknowledge')
    expect([cleared.code, namesOf(cleared.stdout)]).toEqual([0, ['-fork']])
    expect(await run()).toMatchObject({ code: 0, stdout: '' })
  })

  it('about an entry: a line and a webhook for the beginning and the end, and metrics meanwhile', async () => {
    const { world, url } = await lying([300, 300])
    const posted: Line[] = []
    const hook = await serveFetch(async (_, init) => {
      posted.push(JSON.parse(String(init?.body)) as Line)
      return new Response(null, { status: posted.length === 1 ? 503 : 204 })
    })
    closing.push(hook.close)
    world.isBent = true
    const port = await freePort()
    const running = start(
      ...[url, '--state', 'bent', '--vkey', 'log.vkey', '--interval', '1s', '--webhook', `${hook.url}/x`],
      ...['--listen', `127.0.0.1:${port}`],
    )
    await until('an alarm', () => running.stdout().includes('\n'))
    expect(linesOf(running.stdout())).toMatchObject([
      {
        change: 'raised',
        alarm: 'bad_data',
        subject: 'entries from 0',
        detail: 'entry 0: does not match its leaf hash',
        url,
      },
    ])
    // The first attempt was refused, and what came then is the same message.
    await until('a second post', () => posted.length >= 2)
    expect(posted[0]).toEqual(posted[1])
    expect(posted[0]).toEqual(linesOf(running.stdout())[0])
    await until('the metric', async () =>
      (await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()).includes(
        'treehead_monitor_alarms{alarm="bad_data"} 1',
      ),
    )
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`)
    expect([ready.status, await ready.json()]).toMatchObject([
      503,
      { ready: false, reasons: ['bad_data: entry 0: does not match its leaf hash'] },
    ])
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(0)
    world.isBent = false
    const again = await shell.run(`treehead monitor ${url} --state bent --once --vkey log.vkey --webhook ${hook.url}/x`)
    expect([again.code, namesOf(again.stdout)]).toEqual([0, ['-bad_data']])
    // --once waits for what is on its way.
    expect(posted.at(-1)).toMatchObject({ change: 'cleared', alarm: 'bad_data' })
  })

  it('about its size ends a monitor that was told to end', async () => {
    const { made, world, url } = await lying([300, 300])
    const small = await memoryLog()
    await small.append(numbered(0, 5))
    const running = start(url, '--state', 'back', '--vkey', 'log.vkey', '--interval', '1s', '--exit-on-alarm')
    await until('a first look', () => running.stderr().includes('verified 300 of 300'))
    world.log = small
    const { code, stdout } = await running.ended
    expect([code, namesOf(stdout)]).toEqual([1, ['+rollback']])
    world.log = made
    const { code: later, stdout: said } = await shell.run(`treehead monitor ${url} --state back --once --vkey log.vkey`)
    expect([later, namesOf(said)]).toEqual([0, ['-rollback']])
  })
})
