/** Real CloudTrail files become events through the real program: each verifies offline, and a second run adds nothing. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { verifyEventFile } from '../../src/client/event-receipt.ts'
import { type CliOutcome, runCli } from '../support/cli.ts'
import { type Server, startServer } from '../support/server.ts'
import { shared } from '../support/shared.ts'

const trails = shared('data', 'cloudtrail')

let home: string
let server: Server
let reader: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'treehead-ingest-'))
  server = await startServer({ dataDir: join(home, 'data') })
  for (const [role, label] of [
    ['append', 'aws'],
    ['read', 'soc'],
  ] as const) {
    const { code, stdout } = await runCli([
      'token',
      'add',
      '--data',
      `level:${server.dataDir}`,
      '--role',
      role,
      '--label',
      label,
    ])
    expect(code).toBe(0)
    writeFileSync(join(home, `${label}.token`), stdout)
  }
  reader = readFileSync(join(home, 'soc.token'), 'utf8').trim()
  // The server reads its tokens again within a second.
  await vi.waitFor(async () => expect((await eventAt(0)).status).toBe(404), { timeout: 20_000, interval: 200 })
}, 60_000)
afterAll(async () => {
  await server.stop()
  rmSync(home, { recursive: true, force: true })
})

const eventAt = (index: number, path = ''): Promise<Response> =>
  fetch(`${server.url}/v1/events/${index}${path}`, { headers: { authorization: `Bearer ${reader}` } })

const ingest = (format: string, ...paths: readonly string[]): Promise<CliOutcome> =>
  runCli(['ingest', format, ...paths, '--url', server.url, '--token-file', join(home, 'aws.token'), '--json'])

const sizeOf = async (): Promise<number> =>
  Number((await (await fetch(`${server.url}/checkpoint`)).text()).split('\n')[1])

describe('treehead ingest', () => {
  it.skipIf(trails === undefined)(
    '[SRC-2] [SRC-10] makes one event of every CloudTrail record, each valid offline, once',
    { timeout: 240_000 },
    async () => {
      const folder = trails ?? ''
      const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
      const records = files.flatMap(
        (name) => (JSON.parse(readFileSync(join(folder, name), 'utf8')) as { Records: { eventID: string }[] }).Records,
      )
      expect(records).toHaveLength(1_233)
      const { code, stdout } = await ingest('cloudtrail', folder)
      expect([code, JSON.parse(stdout)]).toEqual([
        0,
        { files: files.length, events: 1_233, duplicates: 0, quarantined: 0, ignored: 0 },
      ])
      const size = await sizeOf()
      expect(size).toBe(1_233)
      const seen = new Set<unknown>()
      for (let index = 0; index < size; index++) {
        const file = new Uint8Array(await (await eventAt(index, '/file')).arrayBuffer())
        const { verdict, event, raw } = verifyEventFile(file, { vkey: server.vkey })
        expect(verdict).toBe('valid')
        seen.add(event['id'])
        // The bytes of the record, as they stand in the file.
        const { eventID } = JSON.parse(new TextDecoder().decode(raw)) as { eventID: string }
        expect(eventID).toBe(event['src_id'])
      }
      expect(seen).toEqual(new Set(records.map(({ eventID }) => eventID)))
      const before = await sizeOf()
      const again = await ingest('cloudtrail', folder)
      expect(JSON.parse(again.stdout)).toMatchObject({ events: 1_233, duplicates: 1_233 })
      expect(await sizeOf()).toBe(before)
    },
  )

  it('reads a packed file, and says what is wrong with one that is not in the format', async () => {
    const record = {
      eventID: 'e-1',
      eventTime: '2026-01-02T03:04:05Z',
      eventSource: 'iam.amazonaws.com',
      eventName: 'CreateUser',
    }
    writeFileSync(join(home, 'one.json.gz'), gzipSync(JSON.stringify({ Records: [record] })))
    const packed = await ingest('cloudtrail', join(home, 'one.json.gz'))
    expect([packed.code, JSON.parse(packed.stdout)]).toMatchObject([0, { files: 1, ignored: 0 }])
    writeFileSync(join(home, 'bad.json'), '{"Records":')
    const bad = await ingest('cloudtrail', join(home, 'bad.json'))
    expect(bad.code).toBe(2)
    expect(bad.stderr).toContain('bad.json')
    const unknown = await ingest('cloudtrial', join(home, 'bad.json'))
    expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('did you mean cloudtrail?')])
    const absent = await ingest('cloudtrail', join(home, 'absent.json'))
    expect(absent.code).toBe(2)
  })

  it('checks an event file with verify, which fails after any change', async () => {
    const size = await sizeOf()
    const record = {
      eventID: 'e-2',
      eventTime: '2026-01-02T03:04:05Z',
      eventSource: 'iam.amazonaws.com',
      eventName: 'CreateUser',
      userIdentity: { type: 'Root', accountId: '123456789012', arn: 'arn:aws:iam::123456789012:root' },
      requestParameters: { userName: 'jdoe' },
    }
    writeFileSync(join(home, 'two.json'), JSON.stringify({ Records: [record] }))
    expect((await ingest('cloudtrail', join(home, 'two.json'))).code).toBe(0)
    const text = await (await eventAt(size, '/file')).text()
    const path = join(home, 'event.json')
    const verify = async (changed: string): Promise<CliOutcome> => {
      writeFileSync(path, changed)
      return runCli(['verify', path, '--vkey', server.vkey])
    }
    expect(await verify(text)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^valid: user\.create \(success\)/),
    })
    for (const changed of [
      text.replace('jdoe', 'jdof'),
      text.replace(/"salt": "./, (salt) => `${salt.slice(0, -1)}${salt.endsWith('A') ? 'B' : 'A'}`),
      text.replace(/index [0-9]+/, 'index 0'),
      text.replace('"actor"', '"target"'),
      text.replace(/ {4}"actor": \{[\s\S]*?\n {4}\},\n/, ''),
    ]) {
      expect(changed).not.toBe(text)
      expect(await verify(changed)).toMatchObject({ code: 1, stdout: expect.stringMatching(/^invalid: /) })
    }
  })
})
