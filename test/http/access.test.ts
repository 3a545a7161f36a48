/** Access: the table of spec/access.md cell by cell, who a token is, and what is said to those that are not known. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type Access,
  type AccessAction,
  accessActions,
  allows,
  type CredentialForm,
  firstOf,
  may,
  mayRead,
  requireAction,
  requireSource,
  tokenAuthenticator,
} from '../../src/http/access.ts'
import { hashToken, type Role, roles, type StoredToken, TokenTable } from '../../src/http/tokens.ts'
import { isTlogError, TlogError } from '../../src/primitives/error.ts'
import { repositoryRoot } from '../support/root.ts'

const page = readFileSync(join(repositoryRoot, 'spec/access.md'), 'utf8')

/** The rows of the table under this header, each as its cells, without backticks. */
const tableOf = (header: string): readonly (readonly string[])[] => {
  const lines = page.split('\n')
  const start = lines.indexOf(header)
  if (start === -1) throw new Error(`spec/access.md has no table ${header}`)
  const rows = lines.slice(start + 2)
  const end = rows.findIndex((line) => !line.startsWith('|'))
  return rows.slice(0, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

/** Whose token asks, and of which tenant the event is: the columns of the table, and the two kinds of unbound. */
const situations = [
  { column: 'unbound', name: 'unbound, an event with a tenant', bound: undefined, tenant: 'acme' },
  { column: 'unbound', name: 'unbound, an event of none', bound: undefined, tenant: undefined },
  { column: 'own', name: 'own', bound: 'acme', tenant: 'acme' },
  { column: 'foreign', name: 'foreign', bound: 'acme', tenant: 'acme2' },
  { column: 'none', name: 'none', bound: 'acme', tenant: undefined },
] as const

const columns = ['role', 'action', 'unbound', 'own', 'foreign', 'none']
const rules = tableOf(`| ${columns.join(' | ')} |`)
const ruleOf = new Map(rules.map((row) => [`${row[0]} ${row[1]}`, row]))

const accessOf = (role: Role, tenant?: string): Access => ({
  role,
  label: 'x',
  ...(role === 'append' && { source: 'x' }),
  ...(tenant !== undefined && { tenant }),
})

/** The code that `check` throws; undefined when it throws nothing. */
const codeOf = (check: () => unknown): string | undefined => {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof TlogError) return error.code
    throw error
  }
}

describe('[ACCESS-1] the table of the specification', () => {
  it('names every role, every action, each pair once, and says yes or no', () => {
    expect(tableOf('| role | for |').map(([role]) => role)).toEqual([...roles])
    expect(tableOf('| action | is |').map(([action]) => action)).toEqual([...accessActions])
    expect(ruleOf.size).toBe(rules.length)
    for (const row of rules) {
      expect(roles).toContain(row[0])
      expect(accessActions).toContain(row[1])
      expect(row).toHaveLength(columns.length)
      for (const cell of row.slice(2)) expect(['yes', 'no']).toContain(cell)
    }
  })

  const cells = roles.flatMap((role) =>
    accessActions.flatMap((action) =>
      situations.map(({ column, name, bound, tenant }) => {
        const said = ruleOf.get(`${role} ${action}`)?.[columns.indexOf(column)] ?? 'no'
        return { role, action, name, bound, tenant, said }
      }),
    ),
  )

  it('has 140 cells, of which some say yes and some no', () => {
    expect(cells).toHaveLength(4 * 7 * 5)
    expect(cells.filter(({ said }) => said === 'yes')).toHaveLength(28)
  })

  it.each(cells)('$role $action, $name: $said', ({ role, action, bound, tenant, said }) => {
    const access = accessOf(role, bound)
    expect(may(access, action, tenant) ? 'yes' : 'no').toBe(said)
    // What a role does not have, no tenant gives it.
    if (!allows(role, action)) expect(said).toBe('no')
    if (action === 'event.read') expect(mayRead(access, tenant) ? 'yes' : 'no').toBe(said)
  })

  it.each(roles)('a role %s has an action just when its unbound token may', (role) => {
    for (const action of accessActions)
      expect([action, allows(role, action)]).toEqual([action, ruleOf.get(`${role} ${action}`)?.[2] === 'yes'])
  })

  it('knows tenants by their whole name', () => {
    for (const other of ['acm', 'acme ', 'ACME', '', 'acme.', '__proto__', 'undefined'])
      expect([other, mayRead(accessOf('read', 'acme'), other)]).toEqual([other, false])
    // A tenant by that name is not the absence of one.
    expect(mayRead(accessOf('read', 'undefined'), undefined)).toBe(false)
  })
})

describe('[ACCESS-2] [ACCESS-3] a route', () => {
  it.each(roles)('is forbidden to the role %s just where the table has no yes for it', (role) => {
    for (const action of accessActions) {
      for (const tenant of [undefined, 'acme']) {
        const row = ruleOf.get(`${role} ${action}`)
        const has = (tenant === undefined ? row?.[2] : row?.slice(3).find((cell) => cell === 'yes')) === 'yes'
        const code = codeOf(() => requireAction(accessOf(role, tenant), action))
        expect([action, tenant, code]).toEqual([action, tenant, has ? undefined : 'forbidden'])
      }
    }
  })

  it('is not forbidden for the tenant of an event: whether there is one, mayRead decides', () => {
    for (const role of ['read', 'audit'] as const) {
      const access = accessOf(role, 'acme')
      expect(codeOf(() => requireAction(access, 'event.read'))).toBeUndefined()
      expect([mayRead(access, 'acme'), mayRead(access, 'other'), mayRead(access, undefined)]).toEqual([
        true,
        false,
        false,
      ])
    }
  })
})

describe('[ACCESS-4] the source of a token', () => {
  const rows: readonly (readonly [string, Omit<StoredToken, 'hash'>, string | undefined])[] = [
    ['its label', { role: 'append', label: 'billing' }, 'billing'],
    ['its attribute', { role: 'append', label: 'billing', source: 'erp' }, 'erp'],
    ['its attribute, where the label cannot be one', { role: 'append', label: 'Billing@x', source: 'erp' }, 'erp'],
    ['with a tenant', { role: 'append', label: 'billing', tenant: 'acme' }, 'billing'],
    ['none, by a label in capitals', { role: 'append', label: 'Billing' }, undefined],
    ['none, by a label that is too long', { role: 'append', label: 'a'.repeat(65) }, undefined],
    ['none, by the name of the log itself', { role: 'append', label: 'treehead' }, undefined],
    ['none for read', { role: 'read', label: 'billing' }, undefined],
    ['none for audit', { role: 'audit', label: 'billing' }, undefined],
    ['none for admin', { role: 'admin', label: 'billing' }, undefined],
  ]

  it.each(rows)('is %s', (_name, token, source) => {
    const table = new TokenTable([{ ...token, hash: hashToken('t') }], () => 0)
    const access = tokenAuthenticator(table).authenticate('Bearer t')
    const { role, label, tenant } = token
    expect(access).toEqual({
      role,
      label,
      ...(source !== undefined && { source }),
      ...(tenant !== undefined && { tenant }),
    })
    if (source === undefined) expect(codeOf(() => requireSource(access))).toBe('forbidden')
    else expect(requireSource(access)).toBe(source)
  })

  it('is asked for after the role: whoever may not send at all is told that', () => {
    expect(() => requireSource({ role: 'read', label: 'x' })).toThrow(/role read .* event\.send/)
    expect(() => requireSource({ role: 'append', label: 'X' })).toThrow(/bound to no source/)
  })
})

describe('[ACCESS-2] who asks', () => {
  const table = new TokenTable(
    [
      { role: 'read', hash: hashToken('good'), label: 'good' },
      { role: 'read', hash: hashToken('old'), label: 'old', expires: '2026-01-01T00:00:00Z' },
    ],
    () => Date.parse('2026-06-01T00:00:00Z'),
  )
  const authenticator = tokenAuthenticator(table)

  /** The sentence that `header` is refused with. */
  const refusalOf = (header: string | undefined): string => {
    try {
      authenticator.authenticate(header)
    } catch (error) {
      if (isTlogError(error, 'unauthorized')) return error.message
      throw error
    }
    throw new Error(`${header} was taken`)
  }

  it('is known by a token in the Authorization header, the scheme in any case', () => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER'])
      expect(authenticator.authenticate(`${scheme} good`)).toEqual({ role: 'read', label: 'good' })
  })

  it('is not known without one, and is told what is wanted', () => {
    const headers = [
      undefined,
      '',
      'good',
      'Bearer',
      'Bearer ',
      'Basic good',
      'Bearer good good',
      'Bearer "good"',
      'Bearer good\n',
    ]
    for (const header of headers)
      expect([header, refusalOf(header)]).toEqual([header, expect.stringContaining('want "Auth')])
  })

  it('is told the same whether the token is unknown, has expired or is none that could be', () => {
    const guesses = [
      'unknown',
      'old',
      'goo',
      'good=',
      'GOOD',
      'x'.repeat(10_000),
      '__proto__',
      hashToken('good').toString(),
    ]
    const bearers = guesses.filter((guess) => !guess.includes(','))
    expect(new Set(bearers.map((guess) => refusalOf(`Bearer ${guess}`)))).toEqual(new Set(['the token is not known']))
  })
})

describe('[ACCESS-10] several forms of credentials', () => {
  const asked: string[] = []
  const form = (name: string, pattern: RegExp): CredentialForm => ({
    recognises: (header) => pattern.test(header),
    authenticate: (header) => {
      asked.push(name)
      if (header?.endsWith('bad')) throw new TlogError('unauthorized', `${name} does not know it`)
      return { role: 'read', label: name }
    },
  })
  const tokens = tokenAuthenticator(
    new TokenTable([{ role: 'audit', hash: hashToken('a.b.bad'), label: 'file' }], () => 0),
  )
  const both = firstOf([form('dotted', /^Bearer [^.]+\.[^.]+\.[^.]+$/), form('basic', /^Basic /), tokens])
  const ask = (header: string | undefined): readonly [Access | string | undefined, readonly string[]] => {
    asked.length = 0
    try {
      return [both.authenticate(header), [...asked]]
    } catch (error) {
      return [isTlogError(error, 'unauthorized') ? error.message : String(error), [...asked]]
    }
  }

  it('are decided by the first that recognises the form, and no other is asked', () => {
    expect(ask('Bearer a.b.c')).toEqual([{ role: 'read', label: 'dotted' }, ['dotted']])
    expect(ask('Basic x')).toEqual([{ role: 'read', label: 'basic' }, ['basic']])
    // The token file knows this one, but is not asked.
    expect(ask('Bearer a.b.bad')).toEqual(['dotted does not know it', ['dotted']])
    expect(ask('Bearer unknown')).toEqual(['the token is not known', []])
  })

  it('leave nothing to whoever has another form or none', () => {
    for (const header of [undefined, '', 'Digest x'])
      expect(ask(header)).toEqual([expect.stringContaining('want "Authorization'), []])
    expect(codeOf(() => firstOf([]).authenticate('Bearer a'))).toBe('unauthorized')
  })

  it('are told apart without knowing any', () => {
    for (const known of [[], [{ role: 'read', hash: hashToken('a'), label: 'a' }] as const]) {
      const { recognises } = tokenAuthenticator(new TokenTable(known, () => 0))
      expect(['Bearer a', 'Bearer b', 'Basic a', ''].map(recognises)).toEqual([true, true, false, false])
    }
  })
})

describe('every role', () => {
  it('has some action, and every action some role', () => {
    for (const role of roles) expect(accessActions.some((action) => allows(role, action))).toBe(true)
    for (const action of accessActions) expect(roles.some((role) => allows(role, action))).toBe(true)
  })

  it.each<readonly [Role, readonly AccessAction[]]>([
    ['append', ['event.read', 'event.search', 'personal.read', 'admin']],
    ['read', ['raw.append', 'event.send', 'admin']],
    ['audit', ['raw.append', 'event.send', 'personal.read', 'admin']],
    ['admin', ['raw.append', 'event.send', 'event.read', 'personal.read']],
  ])('%s is kept from what its name does not say', (role, actions) => {
    for (const action of actions) expect([action, allows(role, action)]).toEqual([action, false])
  })
})
