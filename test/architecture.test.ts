/** The map of the source tree: who may import whom, what stays pure, and how a file looks. A new arrow is a decision. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type Architecture, findings, readTree } from './support/architecture.ts'
import { repositoryRoot } from './support/root.ts'

const pure = ['primitives', 'merkle', 'note', 'tlog', 'event']

const rules: Architecture = {
  layers: {
    primitives: [],
    merkle: ['primitives'],
    note: ['primitives'],
    tlog: ['primitives', 'merkle', 'note'],
    event: ['primitives'],
    storage: ['primitives'],
    client: pure,
    log: [...pure, 'storage', 'client'],
    gossip: [...pure, 'storage', 'client'],
    monitor: [...pure, 'storage', 'client', 'gossip'],
    witness: [...pure, 'storage'],
    mirror: [...pure, 'storage', 'client', 'log', 'witness'],
    audit: ['primitives', 'merkle', 'tlog', 'event', 'storage', 'log'],
    http: [...pure, 'log', 'witness', 'gossip', 'mirror', 'monitor', 'audit'],
    dashboard: [...pure, 'client'],
    cli: [...pure, 'storage', 'client', 'log', 'monitor', 'witness', 'gossip', 'mirror', 'audit', 'http'],
    index: [...pure, 'storage', 'client', 'log', 'monitor', 'witness', 'audit', 'http'],
  },
  packages: {
    'node:': ['storage', 'log', 'witness', 'mirror', 'audit', 'http', 'cli'],
    '@noble/ed25519': ['primitives'],
    '@noble/hashes': ['primitives'],
    '@noble/post-quantum': ['primitives'],
    cborg: ['event'],
    level: ['storage'],
    hono: ['http'],
    '@hono/node-server': ['http'],
    pino: ['http'],
    'prom-client': ['http'],
    commander: ['cli'],
    'smol-toml': ['cli'],
  },
  pure,
  browser: ['client', 'dashboard'],
  shell: ['cli'],
  lists: ['index.ts', 'client/index.ts', 'primitives/sha256.ts', 'primitives/ed25519.ts', 'primitives/mldsa44.ts'],
  aliases: {
    '#sha256': ['primitives/sha256.node.ts', 'primitives/sha256.portable.ts'],
    '#ed25519': ['primitives/ed25519.node.ts', 'primitives/ed25519.portable.ts'],
    '#mldsa44': ['primitives/mldsa44.node.ts', 'primitives/mldsa44.portable.ts'],
  },
  maxLines: 400,
}

describe('the source tree', () => {
  it('keeps every rule', () => {
    expect(readTree(join(repositoryRoot, 'src')).size).toBeGreaterThan(50)
    expect(findings(join(repositoryRoot, 'src'), rules)).toEqual([])
  })

  it('has the package imports that package.json declares', () => {
    const { imports } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      readonly imports: Readonly<Record<string, { readonly source: Readonly<Record<string, string>> }>>
    }
    const declared = Object.entries(imports).map(([name, { source }]) => [
      name,
      Object.values(source).map((path) => path.replace('./src/', '')),
    ])
    expect(Object.fromEntries(declared)).toEqual(rules.aliases)
  })
})

const head = '/** One idea. */\n'
const doc = '/** What it promises. */\n'

/** A tree that keeps every rule and comes close to breaking each. */
const clean: Readonly<Record<string, string>> = {
  'index.ts': `${head}export { root } from './merkle/root.ts'\n`,
  'primitives/bytes.ts': `${head}\n${doc}export const size = 32 // async Buffer Date.now() process.env\n`,
  'primitives/sha256.ts': `${head}export { hash } from '#sha256'\n`,
  'primitives/sha256.node.ts': `${head}import { createHash } from 'node:crypto'\n${doc}export const hash = async () => createHash(Buffer.from('sha256').toString())\n`,
  'primitives/sha256.portable.ts': `${head}import { sha256 } from '@noble/hashes/sha2.js'\n${doc}export const hash = sha256\n`,
  'primitives/ed25519.node.ts': head,
  'primitives/ed25519.portable.ts': head,
  'merkle/root.ts': `${head}import { size } from '../primitives/bytes.ts'\n${doc}export const root = { process: size, text: \`await fetch('x') \${size}\` }\n${doc}export const other = root.process\n`,
  'client/read.ts': `${head}import type { root } from '../merkle/root.ts'\n${doc}export const read = async (r: typeof root) => await fetch(String(r))\n`,
  'log/open.ts': `${head}import { read } from '../client/read.ts'\n${doc}export function open(a: 1): void\nexport function open(a: 2): void\nexport function open(a: 1 | 2): void { setTimeout(read, new Date(a)) }\n`,
  'log/disk.node.ts': `${head}import 'node:fs'\n${doc}export const now = Date.now\n`,
  'cli/main.ts': `#!/usr/bin/env node\n${head}import { open } from '../log/open.ts'\nconsole.log(open, Date.now(), process.argv)\n`,
}

const lines = (count: number): string => `${head}${'// line\n'.repeat(count - 1)}`

const planted: readonly (readonly [name: string, fault: Readonly<Record<string, string>>, finding: RegExp])[] = [
  [
    'an upward import',
    { 'merkle/a.ts': `${head}import '../log/open.ts'\n` },
    /merkle\/a\.ts:2: merkle must not import log/,
  ],
  [
    'an upward import of a type',
    { 'storage/a.ts': `${head}import type { root } from '../merkle/root.ts'\n` },
    /storage must not import merkle/,
  ],
  [
    'an upward import inside a type',
    { 'note/a.ts': `${head}type R = import('../merkle/root.ts').root\n` },
    /note must not import merkle/,
  ],
  [
    'an upward dynamic import',
    { 'note/a.ts': `${head}const r = () => import('../merkle/root.ts')\n` },
    /note must not import merkle/,
  ],
  [
    'an upward re-export',
    { 'client/index.ts': `${head}export * from '../log/open.ts'\n` },
    /client must not import log/,
  ],
  [
    'the log knowing audit',
    { 'log/a.ts': `${head}import '../audit/x.ts'\n`, 'audit/x.ts': head },
    /log must not import audit/,
  ],
  ['a folder nobody knows', { 'utils/a.ts': head }, /utils is not in the table of layers/],
  ['an import that leaves the sources', { 'log/a.ts': `${head}import '../../test/x.ts'\n` }, /outside the sources/],
  ['a file that is not there', { 'log/a.ts': `${head}import './gone.ts'\n` }, /there is no log\/gone\.ts/],
  ['a path without .ts', { 'log/a.ts': `${head}import './open'\n` }, /\.\/open has no \.ts/],
  ['a path with .js', { 'log/a.ts': `${head}import './open.js'\n` }, /\.\/open\.js has no \.ts/],
  ['an unknown package', { 'log/a.ts': `${head}import 'left-pad'\n` }, /left-pad is not in the table of packages/],
  ['a package of another layer', { 'log/a.ts': `${head}import 'hono/cors'\n` }, /log must not import hono\/cors/],
  [
    'a circle of two',
    { 'tlog/a.ts': `${head}import './b.ts'\n`, 'tlog/b.ts': `${head}import './a.ts'\n` },
    /circle of imports: tlog\/a\.ts → tlog\/b\.ts → tlog\/a\.ts/,
  ],
  [
    'a circle of types',
    { 'log/a.ts': `${head}import type { B } from './b.ts'\n`, 'log/b.ts': `${head}import type { A } from './a.ts'\n` },
    /circle/,
  ],
  ['a circle through a package import', { 'primitives/sha256.portable.ts': `${head}import './sha256.ts'\n` }, /circle/],
  [
    'node: in a pure folder',
    { 'tlog/a.ts': `${head}import { readFile } from 'node:fs'\n` },
    /tlog must not import node:fs/,
  ],
  [
    'a *.node.ts file in a pure one',
    { 'primitives/a.ts': `${head}import './sha256.node.ts'\n` },
    /sha256\.node\.ts needs Node/,
  ],
  ...[
    'const a = async () => 1',
    'const a = await b',
    'for await (const a of b) c(a)',
    'const a = Buffer.alloc(1)',
    'const a = (b: Buffer) => b',
    'const a = Date.now()',
    'const a = new Date()',
    'const a = globalThis.Date.now()',
    'const a = { Date }',
    'const a = process.env.HOME',
    "const a = fetch('x')",
    'setTimeout(a, 1)',
    'setInterval(a, 1)',
    'const a = Math.random()',
    'const a = performance.now()',
    'const a = crypto.getRandomValues(b)',
    "console.log('x')",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code under test
    'const a = `${Date.now()}`',
    'type A = Promise<number>',
  ].map((code) => [code, { 'merkle/a.ts': `${head}${code}\n` }, /merkle\/a\.ts:2: \S+ is not pure/] as const),
  ['node: in the client', { 'client/a.ts': `${head}import 'node:crypto'\n` }, /client must not import node:crypto/],
  ['Buffer in the client', { 'client/a.ts': `${head}const a = Buffer.alloc(1)\n` }, /Buffer is not in browsers/],
  ['the clock in a service', { 'log/a.ts': `${head}const a = Date.now()\n` }, /Date\.now is for the shell/],
  [
    'the clock in a service, newly made',
    { 'log/a.ts': `${head}const a = new Date()\n` },
    /new Date\(\) is for the shell/,
  ],
  ['the environment in a service', { 'http/a.ts': `${head}const a = process.env\n` }, /process is for the shell/],
  [
    'the disk in a service',
    { 'log/a.ts': `${head}import 'node:fs/promises'\n` },
    /only the shell and \*\.node\.ts know the disk/,
  ],
  ['no idea on line 1', { 'log/a.ts': `import './open.ts'\n${head}` }, /log\/a\.ts:1: line 1 does not say/],
  ['a plain comment on line 1', { 'log/a.ts': '// One idea.\n' }, /line 1 does not say/],
  ['401 lines', { 'log/a.ts': lines(401) }, /401 lines, want at most 400/],
  ['an undocumented export', { 'log/a.ts': `${head}\nexport const a = 1\n` }, /log\/a\.ts:3: an export without/],
  ['an undocumented type', { 'log/a.ts': `${head}\nexport type A = 1\n` }, /an export without/],
  [
    'a comment with a line in between',
    { 'log/a.ts': `${head}import './open.ts'\n${doc}\nexport const a = 1\n` },
    /an export without/,
  ],
  ['a default export', { 'log/a.ts': `${head}export default 1\n` }, /a default export/],
  ['a default function', { 'log/a.ts': `${head}${doc}export default function a() {}\n` }, /a default export/],
  ['a name exported as default', { 'log/a.ts': `${head}const a = 1\nexport { a as default }\n` }, /a default export/],
  ['a re-export beside the lists', { 'log/a.ts': `${head}export { open } from './open.ts'\n` }, /only lists re-export/],
  [
    'a re-export in two steps',
    { 'log/a.ts': `${head}import { open } from './open.ts'\nexport { open }\n` },
    /only lists re-export/,
  ],
]

const scratch = mkdtempSync(join(tmpdir(), 'treehead-architecture-'))
afterAll(() => rmSync(scratch, { recursive: true }))

const plant = (files: Readonly<Record<string, string>>): string => {
  const root = mkdtempSync(join(scratch, 'src-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

describe('the rules', () => {
  it('find nothing in a tree that keeps them', () => {
    expect(findings(plant({ ...clean, 'log/a.ts': lines(400) }), rules)).toEqual([])
  })

  it.each(planted)('find %s', (_name, fault, finding) => {
    const found = findings(plant({ ...clean, ...fault }), rules)
    expect(found.length).toBeGreaterThan(0)
    for (const line of found) expect(line).toMatch(finding)
  })
})
