/** The server's own log: what is in its lines, and what never is. */

import { describe, expect, it } from 'vitest'
import { askOf, tokenAuthenticator } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import {
  errorFields,
  type Logger,
  type LogLevel,
  logEvents,
  logFailures,
  logRequests,
  openLogger,
  printable,
} from '../../src/http/request-log.ts'
import { hashToken, TokenTable } from '../../src/http/tokens.ts'
import { TlogError } from '../../src/primitives/error.ts'
import { newLog } from '../support/log.ts'

const open = (level: LogLevel): { logger: Logger; lines: () => Record<string, unknown>[]; text: () => string } => {
  let text = ''
  const logger = openLogger(level, { write: (line) => (text += line) })
  return {
    logger,
    text: () => text,
    lines: () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  }
}

const TOKEN = 'k3JH0dPq2v9sXw7bYzL4mN8cR1tF6uGaE5iOoQpVxZs'

const appWith = async (logger: Logger): Promise<ReturnType<typeof createApp>> =>
  createApp({
    log: (await newLog()).log,
    ask: askOf(
      tokenAuthenticator(new TokenTable([{ role: 'append', hash: hashToken(TOKEN), label: 'first' }], Date.now)),
    ),
    maxBatchEntries: 10,
    maxBatchBytes: 1_000,
    parts: [],
    served: [logRequests(logger)],
    report: logFailures(logger),
  })

describe('the request log', () => {
  it('has one line for each request at debug, and none at info', async () => {
    for (const [level, want] of [
      ['debug', 4],
      ['info', 0],
    ] as const) {
      const { logger, lines } = open(level)
      const app = await appWith(logger)
      await app.request('http://log.test/checkpoint')
      await app.request('http://log.test/entry/7')
      await app.request('http://log.test/nowhere')
      await app.request('http://log.test/add', {
        method: 'POST',
        body: 'x',
        headers: { authorization: `Bearer ${TOKEN}` },
      })
      expect(lines()).toHaveLength(want)
      if (level === 'info') continue
      expect(lines().map(({ method, route, path, status, code }) => [method, route, path, status, code])).toEqual([
        ['GET', '/checkpoint', '/checkpoint', 200, undefined],
        ['GET', '/entry/:index', '/entry/7', 404, 'out_of_range'],
        ['GET', 'unmatched', '/nowhere', 404, undefined],
        ['POST', '/add', '/add', 200, undefined],
      ])
    }
  })

  it('[HTTP-8] never has a token, a body or a query', async () => {
    const { logger, text } = open('debug')
    const app = await appWith(logger)
    const secret = 'a body that nobody else should read'
    const headers = { authorization: `Bearer ${TOKEN}`, referer: `http://x/?t=${TOKEN}`, 'user-agent': TOKEN }
    for (const path of [`/add?token=${TOKEN}`, `/${TOKEN}`, `/add/${TOKEN}`, `/checkpoint?access_token=${TOKEN}`]) {
      await app.request(`http://log.test${path}`, { method: 'POST', body: secret, headers })
      await app.request(`http://log.test${path}`, { headers })
    }
    await app.request('http://log.test/add', {
      method: 'POST',
      body: secret,
      headers: { authorization: `Basic ${TOKEN}` },
    })
    await app.request('http://log.test/add', {
      method: 'POST',
      body: secret,
      headers: { authorization: `Bearer ${TOKEN}x` },
    })
    expect(text()).not.toContain(TOKEN)
    expect(text()).not.toContain(secret)
    expect(text().split('\n')).toHaveLength(11)
  })

  it('is one line of printable ASCII for each request, whatever the path holds', async () => {
    const { logger, text, lines } = open('debug')
    const app = await appWith(logger)
    for (const bad of ['%0a{"level":"fatal"}', '%1b[2J', '%00', '\u009b31m', '\u2028', '\u202egnp', '"', '\\'])
      await app.request(`http://log.test/entry/${bad}`)
    expect(text()).toMatch(/^[\x20-\x7e\n]*$/)
    expect(lines()).toHaveLength(8)
    for (const line of lines()) expect(line['level']).toBe('debug')
  })

  it('prints text from elsewhere without anything that steers a terminal', () => {
    expect(printable('a\u001b[31m\r\n\u009b\u202e€\ud800')).toBe('a%1B[31m%0D%0A%C2%9B%E2%80%AE%E2%82%AC%EF%BF%BD')
  })
})

describe('failures', () => {
  it('are written down once a second for each code, with how many were left out', () => {
    let now = 0
    const { logger, lines } = open('info')
    const fail = logFailures(logger, () => now)
    for (let i = 0; i < 100; i++) fail(new TlogError('refused', 'disk_full: no room'))
    fail(new TlogError('corrupt', 'entry 7 is not what was written'))
    now = 1_000
    fail(new TlogError('refused', 'disk_full: no room'))
    expect(lines().map(({ level, code, repeated }) => [level, code, repeated])).toEqual([
      ['warn', 'refused', undefined],
      ['error', 'corrupt', undefined],
      ['warn', 'refused', 99],
    ])
  })

  it('name their causes, and have a stack only when they are bugs', () => {
    const io = new Error('EIO: i/o error, fdatasync')
    expect(
      errorFields(new TlogError('poisoned', 'a write failed', { cause: new TlogError('io', 'x', { cause: io }) })),
    ).toEqual({
      code: 'poisoned',
      message: 'a write failed',
      causes: ['TlogError: x', 'Error: EIO: i/o error, fdatasync'],
    })
    expect(errorFields(new TypeError('x is undefined'))).toMatchObject({
      code: 'internal',
      stack: expect.stringContaining('TypeError'),
    })
    expect(errorFields('text')).toEqual({ code: 'internal', message: 'text' })
  })

  it('of the log itself are fatal; commits are for debugging', () => {
    const { logger, lines } = open('info')
    const observe = logEvents(logger)
    observe({ kind: 'committed', size: 1, entries: 1, duplicates: 0, prepareMs: 1, commitMs: 1, ledgerMs: 1 })
    observe({ kind: 'poisoned', error: new Error('EIO') })
    expect(lines().map(({ level, message }) => [level, message])).toEqual([['fatal', 'EIO']])
  })
})
