/** Tokens: who may append, who may not, and that neither time nor text of the answer tells how near a guess was. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  equalSecrets,
  formatTokens,
  hashToken,
  parseTokens,
  requireToken,
  type StoredToken,
} from '../../src/http/tokens.ts'
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
      line.replace('append', 'admin'),
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
      expect(() => requireToken(`Bearer ${token}`, tokens, 'append')).not.toThrow()
    for (const length of [0, 1, 31, 32, 33, 64, 10_000]) {
      try {
        requireToken(`Bearer ${'a'.repeat(length)}`, tokens, 'append')
        expect.unreachable()
      } catch (error) {
        expect(isTlogError(error, 'unauthorized')).toBe(true)
      }
    }
    expect(() => requireToken('Bearer first', [], 'append')).toThrow(expect.objectContaining({ code: 'unauthorized' }))
  })

  it('are compared as texts without a short cut', () => {
    expect(equalSecrets('', '')).toBe(true)
    expect(equalSecrets('abc', 'abc')).toBe(true)
    for (const other of ['', 'ab', 'abcd', 'abd', 'xbc', 'ABC', 'ab\u0163'])
      expect(equalSecrets('abc', other)).toBe(false)
  })

  it('take as long for a guess that is wrong at its start as for one that is wrong at its end (a statistic, printed)', () => {
    const token = 'k3JH0dPq2v9sXw7bYzL4mN8cR1tF6uGaE5iOoQpVxZs'
    const stored: readonly StoredToken[] = [{ role: 'append', hash: hashToken(token), label: 'x' }]
    const guesses = [`Bearer X${token.slice(1)}`, `Bearer ${token.slice(0, -1)}X`] as const
    const time = (header: string): number => {
      const start = process.hrtime.bigint()
      try {
        requireToken(header, stored, 'append')
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
