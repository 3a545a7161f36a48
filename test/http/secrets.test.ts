/** Keys and tokens: in their files, readable by nobody else, and in nothing that the program says to anyone. */
import { createPrivateKey } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { add } from '../support/append.ts'
import { runCli } from '../support/cli.ts'
import { portOf, rawExchange } from '../support/raw-http.ts'
import { startServer } from '../support/server.ts'

/** Every way in which a secret could be written down. */
const spellings = (secret: Buffer): readonly string[] => [
  secret.toString('latin1'),
  secret.toString('utf8'),
  secret.toString('hex'),
  secret.toString('hex').toUpperCase(),
  secret.toString('base64').replaceAll('=', ''),
  secret.toString('base64url'),
  encodeURIComponent(secret.toString('base64').replaceAll('=', '')),
  JSON.stringify([...secret]).slice(1, -1),
  [...secret].join(', '),
]

describe('[HTTP-8] secrets', () => {
  let folder: string
  let dataDir: string
  /** Everything that anyone was told, by where. */
  const said = new Map<string, string>()

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-secrets-'))
    dataDir = join(folder, 'data')
    const first = await startServer({ dataDir, args: ['--log-level', 'debug'] })
    said.set('first stdout', first.stdout())
    await first.stop()
    said.set('first stderr', first.stderr())

    const server = await startServer({ dataDir, args: ['--log-level', 'debug'] })
    const { url, token, pid } = server
    said.set('command line', readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
    said.set('environment', readFileSync(`/proc/${pid}/environ`, 'latin1'))
    await add(server, Buffer.from('an entry'))
    const answers: string[] = []
    const paths = [
      '/',
      '/docs',
      '/openapi.json',
      '/metrics',
      '/readyz',
      '/checkpoint',
      '/ct/v1/get-sth',
      '/proof/0',
      '/entry/0',
    ]
    const bad = [
      `/add?token=${token}`,
      `/${token}`,
      `/proof/leaf/${token}`,
      `/entry/${token}`,
      `/tile/${token}`,
      `/ct/v1/get-entries?start=${token}`,
    ]
    for (const path of [...paths, ...bad]) {
      for (const method of ['GET', 'POST', 'PUT', 'OPTIONS']) {
        // What the caller itself puts into the path may come back to it; the answers of `paths` must not have it.
        const headers = {
          authorization: `Bearer ${token}`,
          referer: `http://x/?${token}`,
          'user-agent': token,
          origin: token,
        }
        const body = method === 'POST' || method === 'PUT' ? `secret body ${token}` : null
        const response = await fetch(url + path, { method, headers, body })
        const text = `${response.status} ${JSON.stringify([...response.headers])} ${await response.text()}`
        if (paths.includes(path)) answers.push(text)
      }
    }
    answers.push(
      (await rawExchange(portOf(url), `GET / HTTP/1.1\r\nAuthorization: Bearer ${token}\r\n: ${token}\r\n\r\n`)).text,
    )
    answers.push(
      (
        await rawExchange(
          portOf(url),
          `POST /add HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token} x\r\nContent-Length: 1\r\n\r\na`,
          { answers: 1 },
        )
      ).text,
    )
    said.set('answers', answers.join('\n'))
    await server.stop()
    said.set('stdout', server.stdout())
    said.set('stderr', server.stderr())
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const file = (name: string): string => readFileSync(join(dataDir, name), 'utf8').trim()

  it('the test hears what was said', () => {
    expect(said.get('answers')).toContain(file('log.vkey'))
    expect(said.get('stderr')?.match(/"msg":"request"/g)?.length).toBeGreaterThan(40)
    expect(said.get('stdout')).toContain('Treehead is listening')
  })

  it('the keys are in no output, answer, argument or variable, in any spelling', () => {
    const signer = Buffer.from(file('log.key').split('+').slice(4).join('+'), 'base64')
    expect(signer).toHaveLength(33)
    const pem = file('sth.key')
    const scalar = Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url')
    expect(scalar.length).toBeGreaterThan(30)
    const secrets = [signer, signer.subarray(1), scalar].flatMap(spellings)
    const texts = ['PRIVATE+KEY', 'PRIVATE KEY', ...pem.split('\n').slice(1, -1), file('log.key')]
    for (const [where, text] of said) {
      for (const secret of [...secrets, ...texts]) expect(text.includes(secret), `${where} has ${secret}`).toBe(false)
    }
  })

  it('the token is in the first greeting, and in nothing after it', () => {
    const token = file('append.token')
    expect(said.get('first stdout')).toContain(token)
    for (const [where, text] of said) {
      if (where === 'first stdout') continue
      for (const spelling of [token, ...spellings(Buffer.from(token)), ...spellings(Buffer.from(token, 'base64url'))])
        expect(text.includes(spelling), `${where} has ${spelling}`).toBe(false)
    }
    expect(file('tokens')).not.toContain(token)
    expect(said.get('stderr')).not.toContain('secret body')
  })

  it('their files are for their owner alone', () => {
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(dataDir)) {
      const { mode } = statSync(join(dataDir, name))
      const open = ['log.vkey', 'sth.pub.pem', 'treehead.json', 'db'].includes(name)
      if (!open) expect([name, mode & 0o077]).toEqual([name, 0])
    }
  })

  it('a key file that others can read, or that is none, stops the start, and is not quoted', async () => {
    const secret = file('log.key')
    for (const name of ['log.key', 'sth.key', 'tokens']) {
      for (const mode of [0o644, 0o640, 0o604, 0o660, 0o602]) {
        chmodSync(join(dataDir, name), mode)
        const { code, stdout, stderr } = await runCli([
          'serve',
          '--listen',
          '127.0.0.1:0',
          '--data',
          `level:${dataDir}`,
        ])
        expect([name, mode, code]).toEqual([name, mode, 3])
        expect(stderr).toContain('key_permissions')
        expect(stdout + stderr).not.toContain(secret)
        if (mode === 0o640) continue
        break
      }
      chmodSync(join(dataDir, name), 0o600)
    }
    const middle = secret.slice(0, 60)
    for (const text of [middle, `${secret}x`, secret.replace('PRIVATE', 'PUBLIC'), `${secret}\n${secret}`]) {
      writeFileSync(join(dataDir, 'log.key'), `${text}\n`)
      const { code, stdout, stderr } = await runCli(['serve', '--listen', '127.0.0.1:0', '--data', `level:${dataDir}`])
      expect(code).toBe(3)
      expect(stderr).toContain('wrong_key')
      expect(stdout + stderr).not.toContain(secret.slice(-30))
      expect(stdout + stderr).not.toContain('PRIVATE+KEY+')
    }
    writeFileSync(join(dataDir, 'log.key'), `${secret}\n`)
  })
})
