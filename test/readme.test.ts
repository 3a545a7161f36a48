/** The pages tell the truth: the blocks of README.md run in order, as printed, against a real server; links lead somewhere. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Block, fencedBlocks, matchesOutput, relativeLinks, shellSteps } from './support/markdown.ts'
import { requireOrSkip } from './support/requires.ts'
import { repositoryRoot } from './support/root.ts'
import { mainPath, type Server, startServer } from './support/server.ts'

const readme = readFileSync(join(repositoryRoot, 'README.md'), 'utf8')
const blocks = fencedBlocks(readme)
const runnable = blocks.filter(({ directive }) => directive?.kind === 'run')
const nameOf = ({ directive }: Block): string => (directive?.kind === 'run' ? directive.name : '')

interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly all: string
}

const run = async (program: string, args: readonly string[], cwd: string): Promise<Outcome> => {
  // A reader's environment: nothing of ours, of the test runner or of the npm that started it.
  const inherited = Object.entries(process.env).filter(([name]) => !/^(TREEHEAD_|VITEST|NODE_OPTIONS$|npm_)/.test(name))
  const env = { ...Object.fromEntries(inherited), npm_config_offline: 'true', npm_config_update_notifier: 'false' }
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let all = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    all += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    all += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, all }
}

const usesCurl = ({ text }: Block): boolean => /\bcurl /.test(text)
const curlIsHere = (): boolean =>
  (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, 'curl')))
const noCurl = runnable.some(usesCurl) && !requireOrSkip('curl (apt-get install curl)', curlIsHere())

describe('README.md', () => {
  let folder = ''
  let server: Server
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'treehead-readme-'))
    // As `npm install treehead` would have left it.
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true })
    symlinkSync(repositoryRoot, join(folder, 'node_modules/treehead'))
    symlinkSync(mainPath, join(folder, 'node_modules/.bin/treehead'))
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    server = await startServer({ dataDir: join(folder, 'treehead-data') })
  })
  afterAll(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** The reader's server listens on the default port; the one of this test on whatever was free. */
  const here = (text: string): string => text.replaceAll('127.0.0.1:6962', new URL(server.url).host)

  const runShell = async (text: string): Promise<void> => {
    for (const { command, output } of shellSteps(here(text))) {
      // The default of --url is the default port as well.
      const script = `export TREEHEAD_URL='${server.url}'\n${command}`
      const { code, stdout, all } = await run('bash', ['-euo', 'pipefail', '-c', script], folder)
      expect(code, `${command}\n${all}`).toBe(0)
      if (output !== undefined) {
        expect(matchesOutput(output, stdout), `shown:\n${output.join('\n')}\nprinted:\n${stdout}`).toBe(true)
      }
    }
  }

  const runTypeScript = async (text: string): Promise<void> => {
    const source = here(text)
    const file = join(folder, 'example.mts')
    writeFileSync(file, source)
    expect(typeErrors(file)).toEqual([])
    const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext }
    writeFileSync(join(folder, 'example.mjs'), ts.transpileModule(source, { compilerOptions: options }).outputText)
    const { code, all } = await run(process.execPath, ['example.mjs'], folder)
    expect(code, all).toBe(0)
    expect(all).not.toBe('')
  }

  for (const block of runnable) {
    it.skipIf(noCurl && usesCurl(block))(
      `runs as printed: ${nameOf(block)}`,
      async () => {
        if (block.language === 'sh') await runShell(block.text)
        else if (block.language === 'ts') await runTypeScript(block.text)
        else expect.fail(`line ${block.line}: nobody knows how to run ${block.language}`)
      },
      240_000,
    )
  }

  it('leaves entries in the log', async () => {
    const [, size] = (await (await fetch(`${server.url}/checkpoint`)).text()).split('\n')
    expect(Number(size)).toBeGreaterThan(1)
  })

  it('has no block that nobody checks', () => {
    expect(runnable.length).toBeGreaterThan(3)
    expect(new Set(runnable.map(nameOf)).size).toBe(runnable.length)
    for (const { language, text, line, directive } of blocks) {
      if (language === 'json') expect(() => JSON.parse(text), `line ${line}`).not.toThrow()
      else expect(directive, `line ${line}: want <!-- run: name --> or <!-- not run: reason --> above`).toBeDefined()
      if (directive?.kind === 'not run') console.log(`README.md line ${line} is not run: ${directive.reason}`)
    }
  })

  it('names only scripts and commands that exist', async () => {
    const { scripts } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>
    }
    const named = [...readme.matchAll(/\bnpm (?:run )?(?:--silent )?([a-z][a-z:-]*)/g)].map(([, name = '']) => name)
    const ofNpm = ['ci', 'install']
    expect(named).toContain('test')
    expect(named.filter((name) => !ofNpm.includes(name) && scripts[name] === undefined)).toEqual([])
    const { stdout } = await run(process.execPath, [mainPath, '--help'], repositoryRoot)
    const commands = [...readme.matchAll(/\btreehead ([a-z]+)\b/g)].map(([, name = '']) => name)
    expect(commands).toContain('verify')
    expect(commands.filter((name) => !new RegExp(`^  ${name}\\b`, 'm').test(stdout))).toEqual([])
  })
})

describe('the links of all pages', () => {
  const pages = [
    ...readdirSync(repositoryRoot).filter((path) => path.endsWith('.md')),
    ...['spec', 'bench'].flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.md'))
        .map((path) => join(folder, path)),
    ),
  ]

  it.each(pages)('lead somewhere: %s', (page) => {
    const links = relativeLinks(readFileSync(join(repositoryRoot, page), 'utf8'))
    expect(links.filter((link) => !existsSync(join(repositoryRoot, dirname(page), link)))).toEqual([])
  })
})

describe('what is read of a page', () => {
  const page = '<!-- run: one -->\n```sh\necho a\n```\n\n```json\n[]\n```\n<!-- not run: too slow -->\n```sh\nb\n```\n'

  it('is each block with what stands above it', () => {
    expect(fencedBlocks(page)).toEqual([
      { language: 'sh', text: 'echo a', line: 2, directive: { kind: 'run', name: 'one' } },
      { language: 'json', text: '[]', line: 6, directive: undefined },
      { language: 'sh', text: 'b', line: 10, directive: { kind: 'not run', reason: 'too slow' } },
    ])
    expect(() => fencedBlocks('```sh\necho')).toThrow('line 1')
  })

  it('is each command with the output it shows', () => {
    expect(shellSteps('a\nb')).toEqual([{ command: 'a\nb', output: undefined }])
    expect(shellSteps('$ a\nx\n$ b')).toEqual([
      { command: 'a', output: ['x'] },
      { command: 'b', output: [] },
    ])
    expect(matchesOutput(['size … (0.1 s)'], 'size 12 (0.1 s)\n')).toBe(true)
    expect(matchesOutput(['a', '…', 'z'], 'a\nb\nc\nz')).toBe(true)
    expect(matchesOutput(['a.c'], 'abc')).toBe(false)
    expect(matchesOutput(['a'], 'a\nb')).toBe(false)
  })

  it('is each link into the repository', () => {
    expect(relativeLinks('[a](b.md#c) [d](#e) [f](https://g.example)\n```\n[x](y)\n```\n')).toEqual(['b.md'])
  })
})

/** What the compiler says about a file that imports the package by its name, types of the package included. */
const typeErrors = (file: string): readonly string[] => {
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipDefaultLibCheck: true,
    target: ts.ScriptTarget.ES2023,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.asynciterable.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [join(repositoryRoot, 'node_modules/@types')],
  })
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}
