/** Following a log: what is printed is verified, and over any number of stops nothing is lost and nothing comes twice. */
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EMPTY_FRONTIER, frontierRoot, growFrontier } from '../../src/merkle/frontier.ts'
import { hashLeaf } from '../../src/merkle/hash.ts'
import { treeHasher } from '../../src/merkle/hasher.ts'
import { signNote } from '../../src/note/note.ts'
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts'
import { formatEntryBundle } from '../../src/tlog/entry-bundle.ts'
import { parseEvidence, verifyEvidence } from '../../src/tlog/evidence.ts'
import { signerOf } from '../../src/tlog/signatures/index.ts'
import { seededRandom } from '../faults/random.ts'
import { addAll } from '../support/append.ts'
import { peterNeumann } from '../support/keys.ts'
import { type Server, startServer } from '../support/server.ts'
import { openShell, type Running, type Shell } from './shell.ts'

const linesOf = (running: Running): readonly { index: number; text: string }[] =>
  running
    .stdout()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { index: number; data: string })
    .map(({ index, data }) => ({ index, text: Buffer.from(data, 'base64').toString() }))

const until = async (what: string, holds: () => boolean): Promise<void> => {
  for (const deadline = performance.now() + 30_000; !holds(); await pause(20)) {
    if (performance.now() > deadline) throw new Error(`30 s passed without ${what}`)
  }
}

describe('tail', () => {
  let shell: Shell
  let server: Server
  let added = 0
  beforeAll(async () => {
    shell = openShell()
    server = await startServer({ dataDir: shell.path('treehead-data') })
  })
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]()
    shell?.[Symbol.dispose]()
  })
  const add = async (count: number): Promise<void> => {
    const entries = Array.from({ length: count }, () => Buffer.from(`entry ${added++}`))
    await addAll(server, entries)
  }
  const tail = (...args: string[]): Running =>
    shell.start(['tail', '--url', server.url, '--vkey', 'treehead-data/log.vkey', ...args])

  it('prints what is there from an index on, then what comes', async () => {
    await add(300)
    const running = tail('--from', '290', '--json')
    await until('ten entries', () => linesOf(running).length === 10)
    await add(3)
    await until('thirteen entries', () => linesOf(running).length === 13)
    running.child.kill('SIGINT')
    const { code, stderr } = await running.ended
    expect([code, stderr]).toEqual([0, ''])
    expect(linesOf(running)).toEqual(
      Array.from({ length: 13 }, (_, i) => ({ index: 290 + i, text: `entry ${290 + i}` })),
    )
  })

  it('prints only new entries by default, each on a line', async () => {
    const running = tail('--state', 'new.state')
    await until('a first look', () => existsSync(shell.path('new.state')))
    await add(2)
    await until('two lines', () => running.stdout() === `entry ${added - 2}\nentry ${added - 1}\n`)
    running.child.kill('SIGTERM')
    expect((await running.ended).code).toBe(0)
  })

  it('waits for an index that the log has not reached', async () => {
    const running = tail('--from', String(added + 2), '--json', '--state', 'wait.state')
    await until('a first look', () => existsSync(shell.path('wait.state')))
    await add(4)
    await until('two entries', () => linesOf(running).length === 2)
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(0)
    expect(linesOf(running).map(({ index }) => index)).toEqual([added - 2, added - 1])
  })

  it('over many stops at any moment, while entries come, loses nothing and repeats nothing', async () => {
    const seed = 6_962
    const random = seededRandom(seed)
    const printed: number[] = []
    await add(20_000)
    let adding = true
    const feeding = (async () => {
      while (adding) {
        await add(random.integer(1, 200))
        await pause(random.integer(0, 40))
      }
    })()
    let cut = 0
    try {
      for (let round = 0; round < 12; round++) {
        const running = tail('--from', '0', '--state', 'stops.state', '--json')
        const enough = random.integer(1, 100_000)
        await until('some output', () => running.stdout().length > enough || running.child.exitCode !== null)
        running.child.kill(round % 2 === 0 ? 'SIGINT' : 'SIGTERM')
        const { code, stderr } = await running.ended
        expect([code, stderr], `seed ${seed}, round ${round}`).toEqual([0, ''])
        printed.push(...linesOf(running).map(({ index }) => index))
        if ((printed.at(-1) ?? 0) < added - 1_000) cut++
      }
    } finally {
      adding = false
      await feeding
    }
    expect(cut, 'stops in the middle of the work').toBeGreaterThan(3)
    const last = tail('--state', 'stops.state', '--json', '--once')
    expect((await last.ended).code).toBe(0)
    printed.push(...linesOf(last).map(({ index }) => index))
    expect(printed).toEqual(Array.from({ length: added }, (_, i) => i))
  })

  it('killed at any moment loses nothing, and repeats at most 256 entries', async () => {
    const seed = 256
    const random = seededRandom(seed)
    await add(Math.max(0, 20_000 - added))
    let next = 0
    for (let round = 0; next < 10_000; round++) {
      const running = tail('--from', '0', '--state', 'kills.state', '--json')
      const enough = random.integer(1, 100_000)
      await until('some output', () => running.stdout().length > enough || running.child.exitCode !== null)
      running.child.kill('SIGKILL')
      await running.ended
      // The pipe may end in the middle of a line.
      const [first, ...rest] = linesOf(running).map(({ index }) => index)
      if (first === undefined) continue
      expect(first, `seed ${seed}, round ${round}`).toBeLessThanOrEqual(next)
      expect(first, `seed ${seed}, round ${round}`).toBeGreaterThanOrEqual(next - 256)
      expect(rest).toEqual(rest.map((_, i) => first + 1 + i))
      next = first + 1 + rest.length
    }
  })

  it('goes on when the log was away', async () => {
    const running = tail('--json', '--state', 'away.state')
    await until('a first look', () => existsSync(shell.path('away.state')))
    const port = Number(new URL(server.url).port)
    await server.kill()
    await until('a complaint', () => running.stderr().includes('trying again'))
    server = await startServer({ dataDir: shell.path('treehead-data'), port })
    await add(1)
    await until('the entry', () => linesOf(running).length === 1)
    running.child.kill('SIGINT')
    expect((await running.ended).code).toBe(0)
  })

  it('refuses the state of another log, and what is no state', async () => {
    shell.write('foreign.state', JSON.stringify({ origin: 'other', next: 0, checkpoint: 'x' }))
    shell.write('broken.state', '{"origin":"x","next":-1,"checkpoint":""}')
    for (const name of ['foreign.state', 'broken.state', 'treehead-data/log.vkey']) {
      const { code, stderr } = await tail('--state', name).ended
      expect([name, code, stderr]).toEqual([name, 2, expect.stringMatching(/^treehead: usage: [^\n]+\n$/)])
    }
  })
})

describe('a log that signed two histories', () => {
  /** Writes a log of these entries as static files. */
  const writeLog = (shell: Shell, folder: string, entries: readonly string[]): void => {
    const data = entries.map((text) => Buffer.from(text))
    const hashes = Buffer.concat(data.map((entry) => hashLeaf(entry)))
    const { frontier } = growFrontier(EMPTY_FRONTIER, Uint8Array.from(hashes), treeHasher())
    const text = formatCheckpoint({
      origin: 'PeterNeumann',
      size: entries.length,
      root: frontierRoot(frontier),
      extensions: [],
    })
    shell.write(`${folder}/checkpoint`, signNote(text, [signerOf(peterNeumann.skey)]))
    shell.write(`${folder}/tile/0/000.p/${entries.length}`, hashes)
    shell.write(`${folder}/tile/entries/000.p/${entries.length}`, formatEntryBundle(data))
  }
  let shell: Shell
  beforeAll(() => {
    shell = openShell({ TREEHEAD_VKEY: peterNeumann.vkey })
    writeLog(shell, 'before', ['a', 'b', 'c'])
    writeLog(shell, 'forked', ['a', 'B', 'c', 'd'])
    writeLog(shell, 'grown', ['a', 'b', 'c', 'd'])
  })
  afterAll(() => shell[Symbol.dispose]())
  const sizesIn = (name: string): readonly number[] => {
    const { smaller, larger } = verifyEvidence(parseEvidence(readFileSync(shell.path(name))))
    return [smaller.checkpoint.size, larger.checkpoint.size]
  }

  it('ends tail with code 1, and both checkpoints are kept; earlier evidence too', async () => {
    const at = (folder: string): string =>
      `treehead tail --once --from 0 --state state --url file://${shell.folder}/${folder} --evidence found.evidence`
    expect(await shell.run(at('before'))).toMatchObject({ code: 0, stdout: 'a\nb\nc\n' })
    for (const name of ['found.evidence', 'found.evidence.2']) {
      const { code, stdout, stderr } = await shell.run(at('forked'))
      expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('signed two histories')])
      expect(sizesIn(name)).toEqual([3, 4])
    }
    expect(await shell.run(at('grown'))).toMatchObject({ code: 0, stdout: 'd\n' })
  })

  it('is told by consistency', async () => {
    const against = (folder: string, json = ''): string =>
      `treehead consistency before/checkpoint ${folder}/checkpoint --url file://${shell.folder}/${folder} --evidence by-consistency ${json}`
    expect(await shell.run(against('grown'))).toMatchObject({
      code: 0,
      stdout: 'consistent: size 3 is the beginning of size 4 of PeterNeumann\n',
    })
    expect(await shell.run(against('forked', '--json'))).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^\{"consistent":false,"code":"inconsistent"/),
    })
    expect(sizesIn('by-consistency')).toEqual([3, 4])
  })

  it('stops a backup, which keeps what it has', async () => {
    const from = (folder: string): string =>
      `treehead backup --out copy --url file://${shell.folder}/${folder} --evidence by-backup`
    expect((await shell.run(from('before'))).code).toBe(0)
    expect((await shell.run(from('forked'))).code).toBe(1)
    expect(sizesIn('by-backup')).toEqual([3, 4])
    expect((await shell.run('treehead fsck --dir copy')).stdout).toBe('ok: size 3; 3 entries, 1 tile checked\n')
    expect((await shell.run(from('grown'))).code).toBe(0)
    expect((await shell.run('treehead fsck --dir copy --older before/checkpoint')).stdout).toMatch(/^ok: size 4/)
    const forked = await shell.run('treehead fsck --dir copy --older forked/checkpoint --json')
    expect(JSON.parse(forked.stdout)).toMatchObject({ ok: false, problems: [{ kind: 'checkpoint', at: 4 }] })
  })
})
