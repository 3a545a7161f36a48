/** Paths that try to leave their place, and numbers that are none, on the raw socket of a real server. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseDecimal } from '../../src/primitives/decimal.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { formatTilePath, parseTilePath } from '../../src/tlog/tile.ts'
import { seededRandom } from '../faults/random.ts'
import { addAll } from '../support/append.ts'
import { entries } from '../support/log.ts'
import { openSocket, portOf, rawExchange } from '../support/raw-http.ts'
import { type Server, startServer } from '../support/server.ts'

const SIZE = 300

/** What hides a path from a naive check. */
const disguises = [
  '..',
  '%2e%2e',
  '%2E%2e',
  '..%2f',
  '%2f',
  '%5c',
  '\\',
  '//',
  '/./',
  '/../',
  '%00',
  '%c0%ae%c0%ae',
  '%c0%af',
  '%e0%80%af',
  '%252e%252e',
  '%25%32%65',
  ';',
  ';a=b',
  '%3b',
  '%20',
  '%09',
  '%0a',
  '%0d%0a',
  '.',
  '~',
  '%ff',
  '＋',
  '%ef%bc%8f',
  '*',
  '"',
]

const targets = ['log.key', 'append.token', 'tokens', 'sth.key', 'db/CURRENT', 'etc/passwd', 'treehead.json', '000']

const probes = (): readonly string[] => {
  const found = new Set<string>()
  for (const disguise of disguises) {
    for (const target of targets) {
      found.add(`/tile/0/${disguise}/${disguise}/${target}`)
      found.add(`/tile/${disguise}/${target}`)
    }
    for (const path of ['tile/0/000.p/44', 'tile/entries/000', 'tile/0/000']) {
      const at = path.indexOf('/', 5)
      found.add(`/${path}${disguise}`)
      found.add(`/${path.slice(0, at)}${disguise}${path.slice(at)}`)
      found.add(`/${disguise}/${path}`)
    }
  }
  const more = [
    '/TILE/0/000',
    '/Tile/0/000',
    '/tile/0/000/',
    '/tile/0/000//',
    '//tile/0/000',
    '/tile//0/000',
    '/tile/0//000',
    '/tile/00/000',
    '/tile/0/0',
    '/tile/0/0000',
    '/tile/64/000',
    '/tile/0/000.p/0',
    '/tile/0/000.p/256',
    '/tile/0/000.p/01',
    '/tile/0/000.p/',
    '/tile/0/000.p',
    '/tile/0/000.P/1',
    '/tile/0/x000/001',
    '/tile/0/000/001',
    '/tile/0/X001/000',
    '/tile/0/x1/000',
    '/tile/entries/x000/000',
    '/tile/Entries/000',
    '/tile/data/000',
    '/tile/-1/000',
    '/tile/+0/000',
    '/tile/0/%30%30%30',
    '/%74ile/0/000',
    '/tile/%30/000',
    '/tile/0/000%2ep/44',
    '/tile/0/٠٠٠',
    '/tile/0x0/000',
    `/tile/0/${'x999/'.repeat(6)}999`,
    `/tile/0/${'x001/'.repeat(400)}000`,
    '/tile/',
    '/tile',
    '/tile/0',
    '/tile/0/',
    '/tile/1/000',
    '/tile/0/001',
    '/tile/0/001.p/45',
    '/tile/entries/001.p/45',
    '/tile/entries/002',
    '/tile/2/000.p/1',
  ]
  for (const path of more) found.add(path)
  return [...found]
}

describe('paths', () => {
  let folder: string
  let server: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-paths-'))
    server = await startServer({ dataDir: join(folder, 'data') })
    await addAll(server, entries(SIZE))
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The statuses of many requests on a few connections, each written as it is. */
  const askAll = async (paths: readonly string[]): Promise<readonly (readonly [string, number, string])[]> => {
    const answers: (readonly [string, number, string])[] = []
    for (const path of paths) {
      const request = `GET ${Buffer.from(path, 'utf8').toString('latin1')} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
      const { statuses, text } = await rawExchange(portOf(server.url), request, { idleMs: 2_000 })
      answers.push([path, statuses[0] ?? 0, text.slice(text.indexOf('\r\n\r\n') + 4)])
    }
    return answers
  }

  it('[HTTP-5] that are not the one path of a tile that is there are 404, in all of 500 disguises', async () => {
    const paths = probes()
    expect(paths.length).toBeGreaterThan(500)
    const answers = await askAll(paths)
    const wrong = answers.filter(([path, status]) => {
      // What can stand in no URL is refused before there is a path.
      const inNoUrl = /[^!-~]|["\\<>^`{|}]/.test(path)
      return status !== 404 && !(inNoUrl && status === 400)
    })
    expect(wrong).toEqual([])
    expect(answers.filter(([, , body]) => !/^(not_found|malformed|out_of_range): [ -~]*\n$/.test(body))).toEqual([])
  })

  it('[HTTP-5] that are the one path of a tile or a partial tile of some size are 200', async () => {
    const paths = ['/tile/0/000', '/tile/entries/000', '/tile/1/000.p/1', '/tile/0/001.p/44', '/tile/entries/001.p/44']
    for (let width = 1; width < 256; width += 51) paths.push(`/tile/0/000.p/${width}`, `/tile/entries/000.p/${width}`)
    for (const [path, status] of await askAll(paths)) expect([path, status]).toEqual([path, 200])
  })

  it('round-trip: 100,000 texts like paths are refused, or are the one path of a tile', () => {
    const seed = 5
    const random = seededRandom(seed)
    const pieces = [
      'tile',
      '/',
      '0',
      '1',
      '63',
      '64',
      'entries',
      'x',
      '000',
      '001',
      '999',
      '.p',
      '.p/',
      '255',
      '256',
      '..',
      '%2f',
      '',
    ]
    let accepted = 0
    for (let run = 0; run < 100_000; run++) {
      let path = random.integer(0, 2) === 0 ? 'tile/0/' : ''
      for (let n = random.integer(0, 6); n > 0; n--) path += random.pick(pieces)
      try {
        expect(formatTilePath(parseTilePath(path)), `seed ${seed}, run ${run}`).toBe(path)
        accepted++
      } catch (error) {
        if (!isTlogError(error, 'malformed')) throw error
      }
    }
    expect(accepted).toBeGreaterThan(1_000)
  })

  const numbers = [
    '0',
    '1',
    '7',
    '299',
    '300',
    '301',
    '65535',
    '4294967295',
    '4294967296',
    '9007199254740990',
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '9223372036854775807',
    '9223372036854775808',
    '18446744073709551615',
    '18446744073709551616',
    '1'.repeat(400),
    '-1',
    '-0',
    '+1',
    '01',
    '00',
    '1e3',
    '1E3',
    '0x10',
    '0b1',
    '0o7',
    '1.0',
    '1.',
    '.1',
    '%201',
    '1%20',
    '1%0a',
    '1_000',
    '1,000',
    '1n',
    'NaN',
    'Infinity',
    'null',
    'undefined',
    'true',
    '[1]',
    '%EF%BC%91',
    '%D9%A1',
    '1%00',
    '__proto__',
    'constructor',
    '1;2',
    '0 1',
  ]

  /** The verdict of arithmetic without rounding: is this the decimal of an integer below the limit? */
  const isBelow = (text: string, limit: bigint): boolean => /^(0|[1-9][0-9]*)$/.test(text) && BigInt(text) < limit

  it('[HTTP-7] numbers mean what they say to the last digit, in every route that has one', async () => {
    const max = BigInt(SIZE)
    const routes: readonly (readonly [string, (text: string) => boolean])[] = [
      ['/entry/#', (n) => isBelow(n, max)],
      ['/proof/#', (n) => isBelow(n, max)],
      ['/inclusion/300/#', (n) => isBelow(n, max)],
      ['/inclusion/#/0', (n) => isBelow(n, max + 1n) && BigInt(n) > 0n],
      ['/inclusion/#/299', (n) => isBelow(n, max + 1n) && BigInt(n) > 299n],
      ['/consistency/#/300', (n) => isBelow(n, max + 1n) && BigInt(n) > 0n],
      ['/consistency/1/#', (n) => isBelow(n, max + 1n) && BigInt(n) > 0n],
      ['/ct/v1/get-sth-consistency?first=1&second=#', (n) => isBelow(n, max + 1n) && BigInt(n) > 0n],
      ['/ct/v1/get-sth-consistency?first=#&second=300', (n) => isBelow(n, max + 1n)],
      ['/ct/v1/get-entries?start=#&end=9007199254740991', (n) => isBelow(n, max)],
      ['/ct/v1/get-entries?start=0&end=#', (n) => isBelow(n, 2n ** 53n)],
      ['/ct/v1/get-entry-and-proof?leaf_index=#&tree_size=300', (n) => isBelow(n, max)],
      ['/ct/v1/get-entry-and-proof?leaf_index=0&tree_size=#', (n) => isBelow(n, max + 1n) && BigInt(n) > 0n],
    ]
    for (const [route, good] of routes) {
      const answers = await askAll(numbers.map((text) => route.replace('#', text)))
      for (const [i, text] of numbers.entries()) {
        const [path, status] = answers[i] ?? ['', 0]
        if (good(text)) expect([path, status]).toEqual([path, 200])
        else expect([path, [400, 404].includes(status)]).toEqual([path, true])
      }
    }
  })

  it('[HTTP-7] the parser of decimals and exact arithmetic agree on 20,000 texts', () => {
    const seed = 6
    const random = seededRandom(seed)
    for (let run = 0; run < 20_000; run++) {
      const near = 2n ** 53n + BigInt(random.integer(-5, 5))
      const text = random.pick([
        String(near),
        Array.from({ length: random.integer(0, 20) }, () => random.pick([...'0123456789'])).join(''),
        Array.from({ length: random.integer(0, 4) }, () => random.pick([...'0123456789+-.eExX _nN١'])).join(''),
      ])
      let value: number | undefined
      try {
        value = parseDecimal(text)
      } catch (error) {
        if (!isTlogError(error, 'malformed')) throw error
      }
      expect([text, value !== undefined], `seed ${seed}, run ${run}`).toEqual([text, isBelow(text, 2n ** 53n)])
      if (value !== undefined) expect(String(value)).toBe(text)
    }
  })

  it('a connection survives a hundred bad paths, and the server says nothing of its folders', async () => {
    const socket = await openSocket(portOf(server.url))
    let text = ''
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part
    })
    for (let i = 0; i < 100; i++) socket.write(`GET /tile/0/..%2f..%2f${i} HTTP/1.1\r\nHost: x\r\n\r\n`)
    for (let i = 0; i < 100 && (text.match(/^HTTP/gm) ?? []).length < 100; i++)
      await new Promise((done) => setTimeout(done, 20))
    socket.destroy()
    expect(text.match(/^HTTP\/1\.1 404 /gm)).toHaveLength(100)
    expect(text).not.toContain(folder)
  })
})
