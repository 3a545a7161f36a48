/** Compiles what the fault suites run beside the program: the preloaded C libraries, and TypeScript bundled for Node. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { requireOrSkip } from '../support/requires.ts'
import { repositoryRoot } from '../support/root.ts'

const cache = join(repositoryRoot, '.cache/faults')

const runs = (tool: string): boolean => {
  try {
    execFileSync(tool, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** True when faults can be injected here: on Linux, with these tools. In CI their absence fails instead. */
export const canInject = (...tools: readonly ('gcc' | 'strace')[]): boolean =>
  requireOrSkip('Linux', process.platform === 'linux') &&
  tools.every((tool) => requireOrSkip(`${tool} (apt-get install ${tool})`, runs(tool)))

const isFresh = (output: string, source: string): boolean =>
  existsSync(output) && statSync(output).mtimeMs > statSync(source).mtimeMs

/** The path of `native/<name>.c` compiled for LD_PRELOAD. Throws when gcc is absent or complains. */
export const nativeLibrary = (name: 'power' | 'clock'): string => {
  const source = join(repositoryRoot, `test/faults/native/${name}.c`)
  const output = join(cache, `${name}.so`)
  if (isFresh(output, source)) return output
  mkdirSync(cache, { recursive: true })
  // Built aside and renamed, because test files run side by side and may build the same library.
  const aside = `${output}.${process.pid}`
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-o', aside, source, '-ldl'])
  renameSync(aside, output)
  return output
}

/** The path of `test/faults/<entry>.ts` bundled as one module that plain Node runs; packages stay outside. */
export const bundledProgram = (entry: string): string => {
  const output = join(cache, `${entry.replaceAll('/', '-')}.mjs`)
  const aside = `${output}.${process.pid}.mjs`
  buildSync({
    entryPoints: [join(repositoryRoot, `test/faults/${entry}.ts`)],
    outfile: aside,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['source'],
    logLevel: 'error',
  })
  renameSync(aside, output)
  return output
}
