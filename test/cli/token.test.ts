/** `treehead token`: what it writes into the token file, what it shows of it, and what it refuses. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { hashToken, parseTokens } from '../../src/http/tokens.ts'
import { encodeHex } from '../../src/primitives/hex.ts'

let folder: string
const file = (name: string): string => join(folder, name)
const tokenFile = (): string => readFileSync(file('tokens'), 'utf8')

const FIRST = `append ${'0'.repeat(64)} first\n`

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'treehead-token-'))
  writeFileSync(file('tokens'), FIRST, { mode: 0o600 })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Runs `treehead token` in this process on the data folder. */
const token = async (...args: string[]): Promise<{ code: number; out: string; err: string }> => {
  let [out, err] = ['', '']
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text, ...rest) => {
      out += String(text)
      const written = rest.find((one) => typeof one === 'function')
      written?.()
      return true
    }),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      err += String(text)
      return true
    }),
  ]
  try {
    return { code: (await run(['token', ...args, '--data', folder])) ?? 0, out, err }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

describe('adding a token', () => {
  it('writes a line with its hash, and hands the token over once', async () => {
    const { code, out, err } = await token('add', '--label', 'billing')
    expect([code, out]).toEqual([0, expect.stringMatching(/^[A-Za-z0-9_-]{43}\n$/)])
    expect(tokenFile()).toBe(`${FIRST}append ${encodeHex(hashToken(out.trim()))} billing\n`)
    expect(statSync(file('tokens')).mode & 0o777).toBe(0o600)
    expect(err).not.toContain(out.trim())
  })

  const good: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['a role', ['--role', 'audit'], /^audit \S+ x$/],
    ['a source', ['--source', 'erp:eu'], /^append \S+ x source=erp:eu$/],
    ['a tenant', ['--role', 'read', '--tenant', 'acme'], /^read \S+ x tenant=acme$/],
    ['a tenant to send for', ['--tenant', 'acme'], /^append \S+ x tenant=acme$/],
    [
      'an expiry',
      ['--role', 'admin', '--expires', '2999-01-31T00:00:00Z'],
      /^admin \S+ x expires=2999-01-31T00:00:00Z$/,
    ],
    [
      'everything',
      ['--expires', '2999-01-31T00:00:00.5Z', '--tenant', 'acme', '--source', 'erp'],
      /^append \S+ x source=erp tenant=acme expires=2999-01-31T00:00:00\.5Z$/,
    ],
  ]

  it.each(good)('writes %s as the file has it', async (_name, flags, line) => {
    expect((await token('add', '--label', 'x', ...flags)).code).toBe(0)
    expect(tokenFile().split('\n').at(-2)).toMatch(line)
    expect(parseTokens(tokenFile())).toHaveLength(2)
  })

  it('takes an expiry as a duration from now, to the second', async () => {
    const before = Date.now()
    expect((await token('add', '--label', 'x', '--expires', '90d')).code).toBe(0)
    const after = Date.now()
    const text = parseTokens(tokenFile())[1]?.expires ?? ''
    expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    const start = Date.parse(text) - 90 * 86_400_000
    expect(start).toBeGreaterThan(before - 1_000)
    expect(start).toBeLessThanOrEqual(after)
  })

  it('says when a token can send no events, since no source has the name of its label', async () => {
    expect((await token('add', '--label', 'Billing@eu')).err).toMatch(/raw entries only: give --source/)
    expect((await token('add', '--label', 'billing')).err).not.toContain('--source')
    expect((await token('add', '--label', 'Billing', '--source', 'billing')).err).not.toContain('raw entries only')
    expect((await token('add', '--label', 'Reader', '--role', 'read')).err).not.toContain('--source')
  })

  const bad: readonly (readonly [string, readonly string[]])[] = [
    ['no label', []],
    ['a label that is there', ['--label', 'first']],
    ['a label with a line of its own', ['--label', 'a\nadmin']],
    ['a role that is none', ['--label', 'x', '--role', 'owner']],
    ['a source in capitals', ['--label', 'x', '--source', 'ERP']],
    ['the source that is the log itself', ['--label', 'x', '--source', 'treehead']],
    ['a source with an attribute behind it', ['--label', 'x', '--source', 'erp tenant=a']],
    ['a source for a reader', ['--label', 'x', '--role', 'read', '--source', 'erp']],
    ['a tenant with a space', ['--label', 'x', '--tenant', 'a b']],
    ['a tenant for an administrator', ['--label', 'x', '--role', 'admin', '--tenant', 'acme']],
    ['a tenant, and no source to send for', ['--label', 'Billing', '--tenant', 'acme']],
    ['an expiry that has passed', ['--label', 'x', '--expires', '2020-01-01T00:00:00Z']],
    ['an expiry of now', ['--label', 'x', '--expires', '0s']],
    ['an expiry with an offset', ['--label', 'x', '--expires', '2999-01-01T00:00:00+02:00']],
    ['an expiry in a unit that is none', ['--label', 'x', '--expires', '3w']],
    ['an expiry after the last year', ['--label', 'x', '--expires', '99999999d']],
    ['an expiry after the last day there is', ['--label', 'x', '--expires', '999999999d']],
    ['an expiry that is none', ['--label', 'x', '--expires', 'never']],
  ]

  it.each(bad)('refuses %s, in one line, and changes nothing', async (_name, flags) => {
    const { code, out, err } = await token('add', ...flags)
    expect([code, out, err]).toEqual([2, '', expect.stringMatching(/^treehead: usage: [^\n]*\n$/)])
    expect(tokenFile()).toBe(FIRST)
  })

  it('[ACCESS-5] refuses a file that it cannot read to the end, naming the line, and leaves it as it is', async () => {
    const text = `${FIRST}append ${'1'.repeat(64)} x scope=everything\n`
    writeFileSync(file('tokens'), text)
    for (const args of [['add', '--label', 'y'], ['list'], ['revoke', '--label', 'first']]) {
      const { code, err } = await token(...args)
      expect([code, err]).toEqual([2, expect.stringContaining('line 2 of the token file')])
      expect(err).not.toContain('everything')
    }
    expect(tokenFile()).toBe(text)
  })
})

describe('[ACCESS-9] listing tokens', () => {
  const hashes = ['a', 'b', 'c', 'd', 'e'].map((digit) => digit.repeat(64))
  const lines = [
    `append ${hashes[0]} billing`,
    `append ${hashes[1]} Erp source=erp tenant=acme expires=2999-01-31T00:00:00Z`,
    `audit ${hashes[2]} old expires=2020-01-31T00:00:00Z`,
    `admin ${hashes[3]} op`,
    `read ${hashes[4]} \u001b[2J`,
  ]
  beforeEach(() => writeFileSync(file('tokens'), `${lines.join('\n')}\n`))

  it('shows people the role, the label, the start of the hash and what each is bound to', async () => {
    const { code, out } = await token('list')
    expect(code).toBe(0)
    expect(out.split('\n')).toEqual([
      'append billing aaaaaaaa… source=billing',
      'append Erp bbbbbbbb… source=erp tenant=acme expires=2999-01-31T00:00:00Z',
      'audit old cccccccc… expires=2020-01-31T00:00:00Z (expired)',
      'admin op dddddddd…',
      'read \\u{1b}[2J eeeeeeee…',
      '',
    ])
  })

  it('shows scripts the same', async () => {
    const { out } = await token('list', '--json')
    expect(JSON.parse(out)).toEqual([
      { role: 'append', label: 'billing', hashStart: 'aaaaaaaa', source: 'billing' },
      {
        role: 'append',
        label: 'Erp',
        hashStart: 'bbbbbbbb',
        source: 'erp',
        tenant: 'acme',
        expires: '2999-01-31T00:00:00Z',
        expired: false,
      },
      { role: 'audit', label: 'old', hashStart: 'cccccccc', expires: '2020-01-31T00:00:00Z', expired: true },
      { role: 'admin', label: 'op', hashStart: 'dddddddd' },
      { role: 'read', label: '\u001b[2J', hashStart: 'eeeeeeee' },
    ])
  })

  it('shows neither a token nor more than eight digits of a hash', async () => {
    const made = (await token('add', '--label', 'new')).out.trim()
    for (const flags of [[], ['--json']]) {
      const { out } = await token('list', ...flags)
      expect(out).not.toContain(made)
      for (const hash of [...hashes, encodeHex(hashToken(made))]) {
        expect(out).toContain(hash.slice(0, 8))
        expect(out).not.toContain(hash.slice(0, 9))
      }
    }
  })
})

describe('revoking a token', () => {
  it.each(['revoke', 'remove'])(
    'by the name %s takes its line away and leaves the others to the letter',
    async (name) => {
      const others = `${FIRST}audit ${'1'.repeat(64)} b tenant=acme expires=2020-01-31T00:00:00Z\n`
      writeFileSync(file('tokens'), `${others}append ${'2'.repeat(64)} gone source=erp\n`)
      expect((await token(name, '--label', 'gone')).code).toBe(0)
      expect(tokenFile()).toBe(others)
      const { code, err } = await token(name, '--label', 'gone')
      expect([code, err]).toEqual([2, expect.stringContaining('there is no token gone')])
      expect(tokenFile()).toBe(others)
    },
  )
})
