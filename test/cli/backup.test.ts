/** Backups: a whole log whatever happens, made while the log grows, and never worse than before. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, relative } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LogClient } from '../../src/client/log-client.ts'
import { parseNote } from '../../src/note/note.ts'
import { parseCheckpoint } from '../../src/tlog/checkpoint.ts'
import { hashesAt, tileLevels } from '../../src/tlog/tile.ts'
import { seededRandom } from '../faults/random.ts'
import { addAll } from '../support/append.ts'
import { mainPath, type Server, startServer } from '../support/server.ts'
import { openShell, type Shell } from './shell.ts'

const filesIn = (folder: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile())
    .map((found) => relative(folder, join(found.parentPath, found.name)))
    .sort()

describe('backup', () => {
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
    await addAll(
      server,
      Array.from({ length: count }, () => Buffer.from(`entry ${added++} ${'x'.repeat(added % 100)}`)),
    )
  }
  const backup = (folder: string, args = '') =>
    shell.run(`treehead backup --url ${server.url} --vkey treehead-data/log.vkey --out ${folder} --json ${args}`)
  const fsck = (folder: string) => shell.run(`treehead fsck --dir ${folder} --vkey treehead-data/log.vkey --json`)
  const sizeOf = (folder: string): number =>
    parseCheckpoint(parseNote(readFileSync(shell.path(`${folder}/checkpoint`))).text).size
  /** Exactly the files that a tree has: no partial tile of an earlier head, nothing unfinished. */
  const expectExact = (folder: string): void => {
    const size = sizeOf(folder)
    const levels = Array.from({ length: tileLevels(size) }, (_, level) => Math.ceil(hashesAt(level, size) / 256))
    const expected = levels.reduce((sum, tiles) => sum + tiles, 1 + (levels[0] ?? 0))
    expect(filesIn(shell.path(folder)).length).toBe(expected)
  }

  it.each([0, 1, 255, 256, 257, 600])(
    'of a log of size %i has every file that its checkpoint needs, and no other',
    async (size) => {
      await add(size - added)
      const folder = `size-${size}`
      const { code, stdout } = await backup(folder)
      expect([code, JSON.parse(stdout)]).toMatchObject([0, { size, previousSize: 0, kept: 0 }])
      expect(JSON.parse((await fsck(folder)).stdout)).toMatchObject({ ok: true, size })
      expectExact(folder)
    },
  )

  it('is brought up to date by what is new only', async () => {
    expect((await backup('again')).code).toBe(0)
    const full = shell.path('again/tile/entries/000')
    const before = statSync(full).mtimeMs
    expect(JSON.parse((await backup('again')).stdout)).toMatchObject({ size: added, previousSize: added, written: 0 })
    await add(1_000)
    const { stdout } = await backup('again')
    expect(JSON.parse(stdout)).toMatchObject({ size: added, previousSize: added - 1_000 })
    expect((JSON.parse(stdout) as { kept: number }).kept).toBeGreaterThanOrEqual(4)
    expect(statSync(full).mtimeMs).toBe(before)
    expectExact('again')
    expect((await fsck('again')).code).toBe(0)
  })

  it('can be read and proven from by any client, as files and over any web server', async () => {
    await backup('readable')
    const files = createServer((request, response) => {
      const path = shell.path(`readable${request.url}`)
      if (existsSync(path) && statSync(path).isFile()) response.end(readFileSync(path))
      else response.writeHead(404).end()
    })
    files.listen(0, '127.0.0.1')
    await once(files, 'listening')
    const url = `http://127.0.0.1:${(files.address() as AddressInfo).port}`
    const client = new LogClient({ url, vkey: server.vkey })
    expect(Buffer.from(await client.entry(257)).toString()).toMatch(/^entry 257 /)
    expect((await client.inclusionProof(0)).size).toBe(added)
    files.close()
    const fromFiles = (line: string) =>
      shell.run(`treehead ${line} --url file://${shell.path('readable')} --vkey treehead-data/log.vkey`)
    expect((await fromFiles('get --index 257')).stdout).toMatch(/^entry 257 /)
    expect((await fromFiles('prove --index 257 --out p')).code).toBe(0)
    expect((await fromFiles('get --index 257 --out e')).code).toBe(0)
    expect((await shell.run('treehead verify p --entry e --vkey treehead-data/log.vkey')).code).toBe(0)
  })

  it('of a log that grows meanwhile is whole each time', async () => {
    let growing = true
    const feeding = (async () => {
      for (; growing; await pause(5)) await add(97)
    })()
    try {
      let last = 0
      for (let round = 0; round < 4; round++) {
        expect((await backup('growing')).code).toBe(0)
        const { stdout, code } = await fsck('growing')
        expect([code, JSON.parse(stdout)]).toMatchObject([0, { ok: true }])
        expect(sizeOf('growing')).toBeGreaterThan(last)
        last = sizeOf('growing')
      }
    } finally {
      growing = false
      await feeding
    }
    expectExact('growing')
  })

  it('killed at any moment leaves the earlier backup whole, and goes on from there', async () => {
    const seed = 18
    const random = seededRandom(seed)
    await backup('killed')
    let killed = 0
    for (let round = 0; round < 5; round++) {
      await add(700)
      const before = sizeOf('killed')
      const args = ['backup', '--url', server.url, '--vkey', server.vkey, '--out', shell.path('killed')]
      const child = spawn(process.execPath, [mainPath, ...args], { stdio: 'ignore' })
      const files = filesIn(shell.path('killed')).length
      const enough = files + random.integer(1, 6)
      while (child.exitCode === null && filesIn(shell.path('killed')).length < enough) await pause(1)
      child.kill('SIGKILL')
      await once(child, 'close')
      if (sizeOf('killed') === before) killed++
      const { stdout } = await fsck('killed')
      expect(JSON.parse(stdout), `seed ${seed}, round ${round}`).toMatchObject({ ok: true, size: sizeOf('killed') })
    }
    expect(killed, `seed ${seed}: runs that were cut before their end`).toBeGreaterThan(1)
    expect((await backup('killed')).code).toBe(0)
    expect(JSON.parse((await fsck('killed')).stdout)).toMatchObject({ ok: true, size: added })
    expectExact('killed')
  })

  it('in which any file is changed, cut or lost fails fsck, names the place, and is healed by --recheck', async () => {
    await backup('damaged')
    expect((await fsck('damaged')).code).toBe(0)
    const random = seededRandom(5)
    const files = filesIn(shell.path('damaged')).filter((name) => name !== 'checkpoint')
    const damages: readonly (readonly [string, (path: string) => void])[] = [
      [
        'changed',
        (path) =>
          writeFileSync(
            path,
            readFileSync(path).map((byte, at) => (at === 11 ? byte ^ 4 : byte)),
          ),
      ],
      ['cut', (path) => truncateSync(path, 31)],
      ['lost', (path) => rmSync(path)],
      ['longer', (path) => appendFileSync(path, 'x')],
    ]
    for (const [what, damage] of damages) {
      const name = random.pick(files)
      damage(shell.path(`damaged/${name}`))
      const found = await fsck('damaged')
      expect([what, name, found.code]).toEqual([what, name, 1])
      expect((JSON.parse(found.stdout) as { problems: readonly unknown[] }).problems.length).toBeGreaterThan(0)
      expect((await backup('damaged', '--recheck')).code).toBe(0)
      expect((await fsck('damaged')).code).toBe(0)
    }
  })

  it('with a checkpoint that was changed is neither trusted nor replaced', async () => {
    await backup('forged')
    const path = shell.path('forged/checkpoint')
    const forged = readFileSync(path, 'utf8').replace(/\n(\d+)\n/, (_, size: string) => `\n${Number(size) - 1}\n`)
    writeFileSync(path, forged)
    expect(await fsck('forged')).toMatchObject({ code: 1, stdout: expect.stringContaining('bad_signature') })
    expect(await backup('forged')).toMatchObject({ code: 1, stderr: expect.stringContaining('bad_signature') })
    expect(readFileSync(path, 'utf8')).toBe(forged)
  })

  it('is not taken back by a log that went back', async () => {
    await backup('newer')
    await add(300)
    await backup('newest')
    const served = `file://${shell.path('newer')}`
    const { code, stderr } = await shell.run(
      `treehead backup --url ${served} --vkey treehead-data/log.vkey --out newest`,
    )
    expect([code, stderr]).toEqual([1, expect.stringMatching(/old copy|went back/)])
    expect(sizeOf('newest')).toBe(added)
  })

  it('cannot be written where there is no room for it: code 4 or 2, and one line', async () => {
    shell.write('a-file', '')
    const { code, stderr } = await backup('a-file/backup')
    expect(stderr).toMatch(/^treehead: [^\n]+\n$/)
    expect([2, 4]).toContain(code)
  })
})
