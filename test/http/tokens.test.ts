/** Tokens: who may append, who may not, and that neither time nor text of the answer tells how near a guess was. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askOf, tokenAuthenticator } from '../../src/http/access.ts'
import { formatTokens, hashToken, parseTokens, type StoredToken, TokenTable } from '../../src/http/tokens.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { peekCheckpoint } from '../support/append.ts'
import { portOf, rawExchange } from '../support/raw-http.ts'
import { type Server, startServer } from '../support/server.ts'

describe('appending', () => {
  let folder: string
  let server: Server

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-tokens-'))
    server = await startServer({ dataDir: join(folder, 'data') })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const post = (headers: string, path = '/add'): ReturnType<typeof rawExchange> =>
    rawExchange(
      portOf(server.url),
      `POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}Content-Type: application/octet-stream\r\nContent-Length: 3\r\n\r\n\0\x01a`,
      { answers: 1, idleMs: 2_000 },
    )

  it('wants the token in the Authorization header, and takes it nowhere else', async () => {
    const { token } = server
    const wrong: readonly (readonly [string, string?])[] = [
      [''],
      ['Authorization:\r\n'],
      ['Authorization: Bearer\r\n'],
      ['Authorization: Bearer \r\n'],
      [`Authorization: ${token}\r\n`],
      [`Authorization: Basic ${token}\r\n`],
      [`Authorization: Bearer ${token} x\r\n`],
      [`Authorization: Bearer x ${token}\r\n`],
      [`Authorization: Bearer ${token}, Bearer ${token}\r\n`],
      [`Authorization: Bearer "${token}"\r\n`],
      [`Authorization: Bearer  ${token}\r\n`],
      [`Authorization: Bearer ${token}=\r\n`],
      [`Authorization: Bearer ${token.toUpperCase()}\r\n`],
      [`Authorization: Bearer ${token.slice(0, -1)}\r\n`],
      [`Authorization: Bearer ${token}${token}\r\n`],
      [`Authorization: Bearer ${'a'.repeat(8_000)}\r\n`],
      [`Authorization: Bearer x\r\nAuthorization: Bearer ${token}\r\n`],
      [
        `Authorization: Bearer ${hashToken(token).reduce((hex, byte) => hex + byte.toString(16).padStart(2, '0'), '')}\r\n`,
      ],
      [`X-Authorization: Bearer ${token}\r\n`],
      [`Cookie: token=${token}\r\n`],
      ['', `/add?token=${token}`],
      ['', `/add?access_token=${token}`],
      ['', `/add?Authorization=Bearer%20${token}`],
      ['Authorization: Bearer __proto__\r\n'],
      ['Authorization: Bearer \xff\r\n'],
    ]
    for (const [headers, path] of wrong) {
      for (const target of path === undefined ? ['/add', '/add-batch', '/add?proof'] : [path]) {
        const { statuses, text } = await post(headers, target)
        expect([headers.slice(0, 60), target.slice(0, 20), statuses]).toEqual([
          headers.slice(0, 60),
          target.slice(0, 20),
          [401],
        ])
        expect(text).toMatch(/www-authenticate: Bearer/i)
        expect(text).not.toContain(token)
      }
    }
    expect((await peekCheckpoint(server.url)).size).toBe(0)
    for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
      expect((await post(`Authorization: ${scheme} ${token}\r\n`)).statuses).toEqual([200])
    }
    expect((await post(`Authorization: Bearer ${token}\r\n`, '/add-batch')).statuses).toEqual([200])
  })

  it('says the same to every wrong token', async () => {
    const answers = new Set<string>()
    const { token } = server
    const flip = (at: number): string => `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`
    for (const guess of ['x', flip(0), flip(20), flip(token.length - 1), `${token}A`]) {
      const { text } = await post(`Authorization: Bearer ${guess}\r\n`)
      answers.add(text.replace(/Date: [^\r]+/, ''))
    }
    expect(answers.size).toBe(1)
  })
})

describe('[HTTP-8] stored tokens', () => {
  const tokens: readonly StoredToken[] = [
    { role: 'append', hash: hashToken('first'), label: 'first' },
    { role: 'append', hash: hashToken('second'), label: 'second' },
  ]

  it('are hashes, a line each, and nothing else is taken for one', () => {
    const text = formatTokens(tokens)
    expect(text).not.toMatch(/ second? *first/)
    expect(parseTokens(text)).toEqual(tokens)
    expect(parseTokens(`# comment\n\n${text}`)).toEqual(tokens)
    const [line = ''] = text.split('\n')
    const bad = [
      `${line} x`,
      line.replace('append', 'writer'),
      line.slice(0, -7),
      line.toUpperCase(),
      ` ${line}`,
      `${line}\r`,
      'append',
    ]
    for (const one of bad.filter((text) => text !== `${line}\r`)) {
      expect(() => parseTokens(`${one}\n`), one).toThrow(expect.objectContaining({ code: 'malformed' }))
    }
  })

  it('each opens, and no length of guess is a mistake of ours', () => {
    for (const token of ['first', 'second'])
      expect(() =>
        askOf(tokenAuthenticator(new TokenTable(tokens, Date.now)))(`Bearer ${token}`, 'raw.append'),
      ).not.toThrow()
    for (const length of [0, 1, 31, 32, 33, 64, 10_000]) {
      try {
        askOf(tokenAuthenticator(new TokenTable(tokens, Date.now)))(`Bearer ${'a'.repeat(length)}`, 'raw.append')
        expect.unreachable()
      } catch (error) {
        expect(isTlogError(error, 'unauthorized')).toBe(true)
      }
    }
    const nobody = askOf(tokenAuthenticator(new TokenTable([], Date.now)))
    expect(() => nobody('Bearer first', 'raw.append')).toThrow(expect.objectContaining({ code: 'unauthorized' }))
  })

  it('take as long for a guess that is wrong at its start as for one that is wrong at its end (a statistic, printed)', () => {
    const token = 'k3JH0dPq2v9sXw7bYzL4mN8cR1tF6uGaE5iOoQpVxZs'
    const stored: readonly StoredToken[] = [{ role: 'append', hash: hashToken(token), label: 'x' }]
    const ask = askOf(tokenAuthenticator(new TokenTable(stored, Date.now)))
    const guesses = [`Bearer X${token.slice(1)}`, `Bearer ${token.slice(0, -1)}X`] as const
    const time = (header: string): number => {
      const start = process.hrtime.bigint()
      try {
        ask(header, 'raw.append')
      } catch {}
      return Number(process.hrtime.bigint() - start)
    }
    const samples: [number[], number[]] = [[], []]
    for (let i = 0; i < 60_000; i++) {
      // In turns that are not in step with anything else.
      const side = Math.imul(i, 2_654_435_761) >>> 31 === 0 ? 0 : 1
      const ns = time(guesses[side])
      if (i > 5_000) samples[side].push(ns)
    }
    // Welch's t over the lower nine tenths: what the machine does besides shows in the rest.
    const trimmed = samples.map((list) => list.sort((a, b) => a - b).slice(0, Math.floor(list.length * 0.9)))
    const [first, last] = trimmed.map((list) => {
      const mean = list.reduce((sum, x) => sum + x, 0) / list.length
      const variance = list.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (list.length - 1)
      return { mean, error: variance / list.length }
    })
    const t = ((first?.mean ?? 0) - (last?.mean ?? 0)) / Math.sqrt((first?.error ?? 0) + (last?.error ?? 0))
    console.info(
      `token comparison: ${first?.mean.toFixed(0)} ns and ${last?.mean.toFixed(0)} ns, t = ${t.toFixed(2)} (want |t| < 4.5)`,
    )
    // No machine is quiet enough to fail a build on this; a comparison that stops at the first difference is told by
    // the next test.
    expect(Number.isFinite(t)).toBe(true)
  })

  it('are compared as hashes: two guesses with a long common start have nothing in common that is compared', () => {
    const [a, b] = [hashToken('token-1'), hashToken('token-2')]
    expect(a).toHaveLength(32)
    expect(a.findIndex((byte, i) => byte !== b[i])).toBe(0)
  })
})

const HASH = '3f0a9c'.padEnd(64, '0')
const OTHER = '8d1107'.padEnd(64, '0')

describe('[ACCESS-5] a token file', () => {
  const base = { hash: Buffer.from(HASH, 'hex'), label: 'billing' }
  const good: readonly (readonly [string, string, Partial<StoredToken>])[] = [
    ['as it was before there were roles', `append ${HASH} billing`, { role: 'append' }],
    ['with every other role', `audit ${HASH} billing`, { role: 'audit' }],
    ['of an administrator', `admin ${HASH} billing`, { role: 'admin' }],
    ['with a source', `append ${HASH} billing source=erp:eu/1`, { role: 'append', source: 'erp:eu/1' }],
    ['with a tenant', `read ${HASH} billing tenant=acme.eu`, { role: 'read', tenant: 'acme.eu' }],
    [
      'with everything',
      `append ${HASH} billing source=erp tenant=acme expires=2027-01-31T00:00:00Z`,
      { role: 'append', source: 'erp', tenant: 'acme', expires: '2027-01-31T00:00:00Z' },
    ],
    [
      'with parts of a second',
      `admin ${HASH} billing expires=2027-01-31T00:00:00.250Z`,
      { role: 'admin', expires: '2027-01-31T00:00:00.250Z' },
    ],
  ]

  it.each(good)('has lines %s, which are written again to the letter', (_name, line, token) => {
    const text = `${line}\n`
    expect(parseTokens(text)).toEqual([{ ...base, hash: new Uint8Array(base.hash), ...token }])
    expect(formatTokens(parseTokens(text))).toBe(text)
  })

  it('may have many lines, comments and empty ones between them', () => {
    const lines = good.map(([, line], i) => line.replace(HASH, i.toString(16).padStart(64, '0')))
    const text = `${lines.join('\n')}\n`
    expect(formatTokens(parseTokens(text))).toBe(text)
    expect(formatTokens(parseTokens(`# who may\n\n${lines.join('\n\n# next\n')}`))).toBe(text)
    expect(parseTokens('')).toEqual([])
  })

  const bad: readonly (readonly [string, string])[] = [
    ['a role that is none', `owner ${HASH} billing`],
    ['a role that every object has', `constructor ${HASH} billing`],
    ['a role in capitals', `Append ${HASH} billing`],
    ['no role', `${HASH} billing`],
    ['a hash in capitals', `append ${HASH.toUpperCase()} billing`],
    ['a hash that is too short', `append ${HASH.slice(1)} billing`],
    ['a hash that is too long', `append ${HASH}0 billing`],
    ['a hash that is none', `append ${'g'.repeat(64)} billing`],
    ['no label', `append ${HASH}`],
    ['an empty label', `append ${HASH} `],
    ['an empty label before an attribute', `append ${HASH}  source=erp`],
    ['a label in two words', `append ${HASH} billing two`],
    ['a space at its end', `append ${HASH} billing source=erp `],
    ['two spaces', `append ${HASH} billing  source=erp`],
    ['a carriage return after an attribute', `append ${HASH} billing source=erp\r`],
    ['an attribute that is none', `append ${HASH} billing scope=all`],
    ['an attribute in capitals', `append ${HASH} billing Source=erp`],
    ['an attribute without a value', `append ${HASH} billing source`],
    ['an attribute twice', `append ${HASH} billing source=erp source=erp`],
    ['an expiry twice', `append ${HASH} billing expires=2027-01-31T00:00:00Z expires=2028-01-31T00:00:00Z`],
    ['attributes in another order', `append ${HASH} billing tenant=acme source=erp`],
    ['an expiry before the tenant', `read ${HASH} billing expires=2027-01-31T00:00:00Z tenant=acme`],
    ['an empty source', `append ${HASH} billing source=`],
    ['a source in capitals', `append ${HASH} billing source=ERP`],
    ['a source that is too long', `append ${HASH} billing source=${'a'.repeat(65)}`],
    ['the source that is the log itself', `append ${HASH} billing source=treehead`],
    ['a source for a reader', `read ${HASH} billing source=erp`],
    ['a source for an auditor', `audit ${HASH} billing source=erp`],
    ['a source for an administrator', `admin ${HASH} billing source=erp`],
    ['a tenant that is too long', `read ${HASH} billing tenant=${'a'.repeat(65)}`],
    ['a tenant with a slash', `read ${HASH} billing tenant=a/b`],
    ['a tenant for an administrator', `admin ${HASH} billing tenant=acme`],
    ['an expiry that is a date', `read ${HASH} billing expires=2027-01-31`],
    ['an expiry without a zone', `read ${HASH} billing expires=2027-01-31T00:00:00`],
    ['an expiry with an offset', `read ${HASH} billing expires=2027-01-31T00:00:00+00:00`],
    ['an expiry in small letters', `read ${HASH} billing expires=2027-01-31t00:00:00z`],
    ['an expiry on a day that is none', `read ${HASH} billing expires=2027-02-29T00:00:00Z`],
    ['an expiry in seconds', `read ${HASH} billing expires=1800000000`],
  ]

  it.each(bad)('is refused for %s, and the line is named but not quoted', (_name, line) => {
    const text = `# a comment\n\nappend ${OTHER} first\n${line}\n`
    expect(() => parseTokens(text)).toThrow(
      expect.objectContaining({ code: 'malformed', message: expect.stringMatching(/^line 4 of the token file: /) }),
    )
    const words = line.split(' ').map((word) => word.slice(word.indexOf('=') + 1))
    let message = ''
    try {
      parseTokens(text)
    } catch (error) {
      message = String(error)
    }
    for (const word of words.filter((word) => word.length > 7)) expect(message).not.toContain(word)
  })

  it('is refused for one hash with other rights, wherever it stands; with the same rights it is one token with two names', () => {
    const same = `append ${HASH} a\nappend ${OTHER} b\nappend ${HASH} c\n`
    expect(formatTokens(parseTokens(same))).toBe(same)
    for (const line of [`read ${HASH} c`, `append ${HASH} c source=c`, `append ${HASH} c expires=2027-01-31T00:00:00Z`])
      expect(() => parseTokens(`append ${HASH} a\nappend ${OTHER} b\n${line}\n`)).toThrow(/^line 3 of the token file: /)
  })
})

describe('the table of a server', () => {
  const token = (name: string, more: Partial<StoredToken> = {}): StoredToken => ({
    role: 'append',
    hash: hashToken(name),
    label: name,
    ...more,
  })

  it('[ACCESS-6] knows a token until the moment that it expires, by the clock it was given', () => {
    const expires = '2026-11-20T21:47:00.250Z'
    const at = Date.parse(expires)
    let now = 0
    const table = new TokenTable([token('a', { expires }), token('b')], () => now)
    const rows = [
      [0, 'a'],
      [at - 1, 'a'],
      [at, undefined],
      [at + 1, undefined],
      [at + 10 ** 12, undefined],
    ] as const
    for (const [time, label] of rows) {
      now = time
      expect([time, table.find('a')?.label]).toEqual([time, label])
      expect(table.find('b')?.label).toBe('b')
    }
  })

  it('[ACCESS-6] never knows a token with an expiry that is no time', () => {
    const table = new TokenTable([token('a', { expires: 'never' })], () => 0)
    expect(table.find('a')).toBeUndefined()
  })

  it('[ACCESS-7] knows at once what it is given, and nothing that is not in it any more', () => {
    const table = new TokenTable([token('a'), token('b')], () => 0)
    const known = (): readonly (string | undefined)[] => ['a', 'b', 'c'].map((name) => table.find(name)?.label)
    expect(known()).toEqual(['a', 'b', undefined])
    table.replace([token('b'), token('c')])
    expect(known()).toEqual([undefined, 'b', 'c'])
    table.replace([token('b', { label: 'b2', role: 'read' })])
    expect([known(), table.find('b')?.role]).toEqual([[undefined, 'b2', undefined], 'read'])
    table.replace([])
    expect(known()).toEqual([undefined, undefined, undefined])
  })

  it('[ACCESS-7] takes the first of two lines for one token', () => {
    const table = new TokenTable([token('a'), token('b'), token('a', { label: 'again' })], () => 0)
    expect(table.find('a')?.label).toBe('a')
  })

  it('[ACCESS-8] knows tokens by their hashes alone', () => {
    const table = new TokenTable([token('a')], () => 0)
    const hex = Buffer.from(hashToken('a')).toString('hex')
    for (const guess of ['', hex, hex.slice(0, 8), 'A', 'a ', '__proto__', 'constructor'])
      expect([guess, table.find(guess)]).toEqual([guess, undefined])
  })

  it('[ACCESS-8] takes as long for a thousand tokens as for one', () => {
    const tables = [1, 1_000].map(
      (size) =>
        new TokenTable(
          Array.from({ length: size }, (_, i) => token(`token ${i}`)),
          () => 0,
        ),
    )
    const samples = tables.map((): number[] => [])
    for (let round = 0; round < 200; round++) {
      for (const [i, table] of tables.entries()) {
        const start = process.hrtime.bigint()
        for (let n = 0; n < 200; n++) table.find('token 0')
        samples[i]?.push(Number(process.hrtime.bigint() - start) / 200)
      }
    }
    const [one = 0, thousand = 0] = samples.map((list) => list.sort((a, b) => a - b)[20] ?? 0)
    console.info(`a lookup among 1 token: ${one.toFixed(0)} ns, among 1,000: ${thousand.toFixed(0)} ns`)
    // One after the other they would take fifty times as long.
    expect(thousand / one).toBeLessThan(5)
  })
})
