/** Names like __proto__ in every place where a request has names: they change nothing in the process. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { resolveConfig } from '../../src/cli/config.ts'
import { askAnyone } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import { isTlogError } from '../../src/primitives/error.ts'
import { seededRandom } from '../faults/random.ts'
import { add } from '../support/append.ts'
import { newLog } from '../support/log.ts'
import { portOf, rawExchange } from '../support/raw-http.ts'
import { startServer } from '../support/server.ts'

const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'constructor.prototype',
  '__proto__[polluted]',
  'constructor[prototype][polluted]',
  'toString',
  'hasOwnProperty',
  '__defineGetter__',
]

const untouched = (): void => {
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  expect(Object.getOwnPropertyNames(Object.prototype)).toHaveLength(12)
  expect(String({})).toBe('[object Object]')
}

describe('prototype pollution', () => {
  it('10,000 requests with such names in query, path, headers and body leave every object as it was', async () => {
    const { log } = await newLog()
    const app = createApp({
      log,
      ask: askAnyone,
      maxBatchEntries: 8,
      maxBatchBytes: 1_000,
      parts: [],
      report: () => {},
    })
    const seed = 15
    const random = seededRandom(seed)
    const paths = [
      '/',
      '/checkpoint',
      '/add',
      '/add-batch',
      '/entry/',
      '/tile/',
      '/proof/',
      '/inclusion/',
      '/ct/v1/get-entries',
    ]
    for (let run = 0; run < 10_000; run++) {
      const name = random.pick(NAMES)
      const query = random.integer(0, 2) === 0 ? `?${encodeURIComponent(name)}=polluted&${name}=1` : ''
      const path = `${random.pick(paths)}${random.integer(0, 2) === 0 ? encodeURIComponent(name) : ''}`
      const post = random.integer(0, 2) === 0
      const response = await app.request(`http://log.test${path}${query}`, {
        method: post ? 'POST' : 'GET',
        headers: {
          'content-type': random.pick([
            'application/json',
            'application/cbor-seq',
            'application/octet-stream',
            name.replaceAll(/[^\w-]/g, ''),
          ]),
          [name.replaceAll(/[^\w-]/g, '')]: 'polluted',
        },
        ...(post && { body: random.pick([`{"${name}":{"polluted":true}}`, `\u00a1\u0069${name}\u0001`, name]) }),
      })
      expect(response.status, `seed ${seed}, run ${run}: ${path}${query}`).not.toBe(500)
    }
    untouched()
  })

  it('such names in a configuration file are unknown keys', () => {
    for (const name of NAMES) {
      for (const text of [`"${name}" = 1`, `["${name}"]\npolluted = true`, `[x."${name}"]\npolluted = true`]) {
        try {
          resolveConfig({ flags: {}, env: {}, file: { path: 'f', text } })
          expect.unreachable()
        } catch (error) {
          expect(isTlogError(error, 'usage'), text).toBe(true)
        }
      }
    }
    untouched()
  })

  it.each(['throw', 'delete'])(
    'a real server without any __proto__ (--disable-proto=%s) serves all the same',
    async (how) => {
      const probe = spawnSync(process.execPath, [
        `--disable-proto=${how}`,
        '-e',
        'try { process.exit(({}).__proto__ === undefined ? 4 : 5) } catch { process.exit(3) }',
      ])
      expect(probe.status).toBe(how === 'throw' ? 3 : 4)
      const folder = mkdtempSync(join(tmpdir(), 'treehead-proto-'))
      try {
        await using server = await startServer({ dataDir: join(folder, 'data'), nodeArgs: [`--disable-proto=${how}`] })
        expect(await add(server, Buffer.from('one'))).toBe(0)
        for (const path of [
          '/checkpoint',
          '/tile/0/000.p/1',
          '/proof/0',
          '/docs',
          '/metrics',
          '/readyz',
          '/ct/v1/get-sth',
        ])
          expect((await fetch(`${server.url}${path}`)).status, path).toBe(200)
        // Node's own parser looks such a header up in an object, and throws.
        if (how === 'throw') return
        const headers = '__proto__: polluted\r\nconstructor: polluted\r\n__PROTO__: x\r\n'
        const raw = `GET /checkpoint?__proto__=1 HTTP/1.1\r\nHost: x\r\n${headers}Connection: close\r\n\r\n`
        expect((await rawExchange(portOf(server.url), raw, { idleMs: 2_000 })).statuses).toEqual([200])
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  )
})
