/** The package as users get it: what is in it, what it declares, what it runs at installation, and what it depends on. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { publint } from 'publint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTree } from './support/architecture.ts'
import { repositoryRoot } from './support/root.ts'

interface Manifest {
  readonly version: string
  readonly engines: Readonly<Record<string, string>>
  readonly bin: Readonly<Record<string, string>>
  readonly exports: unknown
  readonly imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
}

interface Packed {
  readonly filename: string
  readonly size: number
  readonly files: readonly { readonly path: string; readonly size: number; readonly mode: number }[]
}

interface Lockfile {
  readonly packages: Readonly<
    Record<string, { readonly dev?: boolean; readonly optional?: boolean; readonly resolved?: string }>
  >
}

const readJson = (...path: readonly string[]): unknown =>
  JSON.parse(readFileSync(join(repositoryRoot, ...path), 'utf8'))
const manifest = readJson('package.json') as Manifest
const sources = readTree(join(repositoryRoot, 'src'))
const lockfile = readJson('package-lock.json') as Lockfile

// Below the repository, so that the unpacked program finds the dependencies that are installed there.
let folder = ''
let packed: Packed
beforeAll(() => {
  mkdirSync(join(repositoryRoot, '.cache'), { recursive: true })
  folder = mkdtempSync(join(repositoryRoot, '.cache/package-'))
  const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder]
  const [result] = JSON.parse(execFileSync('npm', pack, { cwd: repositoryRoot, encoding: 'utf8' })) as Packed[]
  if (result === undefined) throw new Error('npm pack made nothing')
  packed = result
  execFileSync('tar', ['-xzf', join(folder, packed.filename), '-C', folder])
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the packed files', () => {
  const paths = (): readonly string[] => packed.files.map(({ path }) => path)

  it('are the program, its types, the specification and four pages', () => {
    const others = paths().filter((path) => !/^(dist\/.*\.(js|d\.ts)|spec\/.*\.(md|json))$/.test(path))
    expect(others.toSorted()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'])
  })

  it('are two for each source, and none of a source that is gone (then `npm run clean`)', () => {
    const names = [...sources.keys()].map((path) => path.replace(/\.ts$/, ''))
    const built = paths().filter((path) => path.startsWith('dist/'))
    expect(built.toSorted()).toEqual(names.flatMap((path) => [`dist/${path}.d.ts`, `dist/${path}.js`]).toSorted())
  })

  it('are small: none over 100 kB, less than 800 kB in all when packed', () => {
    expect(packed.files.filter(({ size }) => size > 100_000)).toEqual([])
    expect(packed.size).toBeLessThan(800_000)
  })

  it('hold every path that package.json declares, but for the condition that our own tools set', () => {
    const declared = [...pathsIn(manifest.bin), ...pathsIn(manifest.exports), ...pathsIn(manifest.imports)]
    expect(declared.length).toBeGreaterThan(8)
    expect(declared.filter((path) => !paths().includes(path.slice(2)))).toEqual([])
  })

  it('satisfy publint', async () => {
    const { messages } = await publint({ pkgDir: join(folder, 'package'), pack: false, strict: true })
    expect(messages).toEqual([])
  })
})

/** The paths in a tree of conditions. */
const pathsIn = (conditions: unknown): readonly string[] => {
  if (typeof conditions === 'string') return [conditions]
  return Object.entries(conditions ?? {}).flatMap(([name, value]) => (name === 'source' ? [] : pathsIn(value)))
}

describe('the packed program', () => {
  it('is executable and tells its version', () => {
    const program = join(folder, 'package', manifest.bin['treehead'] ?? '')
    expect(readFileSync(program, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/)
    expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toContain(manifest.version)
  })

  it('declares the oldest Node that it is tested on', () => {
    expect(manifest.engines).toEqual({ node: '>=20.19' })
  })

  it('has a client that bundles for browsers: nothing of Node, at most 40 kB gzipped', async () => {
    const { outputFiles } = await build({
      entryPoints: [join(folder, 'package/dist/client/index.js')],
      bundle: true,
      minify: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      logLevel: 'silent', // an import of node: rejects
    })
    const size = gzipSync(outputFiles[0]?.contents ?? '').length
    console.log(`treehead/client for browsers: ${size} bytes gzipped`)
    expect(size).toBeGreaterThan(5_000)
    expect(size).toBeLessThan(40_000)
  })
})

describe('dependencies', () => {
  const production = Object.entries(lockfile.packages).filter(([path, { dev }]) => path !== '' && dev !== true)

  it('are each used by src and have a line of reason, and no line has no dependency', () => {
    const page = readFileSync(join(repositoryRoot, 'spec/decisions/0001-dependencies.md'), 'utf8')
    const reasons = [...page.matchAll(/^\| `([^`]+)` \| \S.{20,} \|$/gm)].map(([, name]) => name)
    const used = [...sources.values()].flatMap(({ imports }) => imports)
    const unused = Object.keys(manifest.dependencies).filter(
      (name) => !used.some(({ specifier }) => specifier === name || specifier.startsWith(`${name}/`)),
    )
    expect(reasons.toSorted()).toEqual(Object.keys(manifest.dependencies).toSorted())
    expect(unused).toEqual([])
  })

  it('run nothing at installation, but for LevelDB', () => {
    const withScript = production.flatMap(([path, { optional }]) => {
      const installed = existsSync(join(repositoryRoot, path))
      if (!installed && optional === true) return [] // for another platform
      const { scripts = {} } = readJson(path, 'package.json') as Manifest
      // npm compiles whatever has this file, without being told to.
      const compiled = readdirSync(join(repositoryRoot, path)).includes('binding.gyp')
      const runs = compiled || ['preinstall', 'install', 'postinstall'].some((name) => scripts[name] !== undefined)
      return runs ? [path.replace('node_modules/', '')] : []
    })
    expect(withScript).toEqual(['classic-level'])
    expect(existsSync(join(repositoryRoot, 'node_modules/classic-level/prebuilds/linux-x64'))).toBe(true)
  })

  it('are at most 50 packages in all', () => {
    console.log(`${production.length} packages in production: ${Object.keys(manifest.dependencies).length} named by us`)
    expect(production.length).toBeGreaterThan(10)
    expect(production.length).toBeLessThanOrEqual(50)
  })

  it('are locked by digest, without the host of a registry', () => {
    const hosts = Object.entries(lockfile.packages).filter(([, { resolved }]) => resolved !== undefined)
    expect(hosts).toEqual([])
    expect(JSON.stringify(lockfile)).not.toMatch(/registry\./)
  })
})
