/** The rules of the source tree as functions of a folder; test/architecture.test.ts holds the tables. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { readFacts, type SourceFacts } from './source-facts.ts'

/** What the rules are about. Folders are those right below the root; `index` stands for the files beside them. */
export interface Architecture {
  /** Folder → the folders it may import from, besides itself. A folder that is not listed is a finding. */
  readonly layers: Readonly<Record<string, readonly string[]>>
  /** Package (and everything below it) → the folders that may import it. `node:` is the platform. */
  readonly packages: Readonly<Record<string, readonly string[]>>
  /** Folders without I/O, clock, randomness and asynchronous code. Files `*.node.ts` are excepted. */
  readonly pure: readonly string[]
  /** Folders that also run in browsers. Files `*.node.ts` are excepted. */
  readonly browser: readonly string[]
  /** Folders that read the clock, the environment and the disk as they like. So do files `*.node.ts`. */
  readonly shell: readonly string[]
  /** Files that may hand on what others declare. */
  readonly lists: readonly string[]
  /** Package imports (`#name`) → the files they stand for. */
  readonly aliases: Readonly<Record<string, readonly string[]>>
  readonly maxLines: number
}

type Tree = ReadonlyMap<string, SourceFacts>

/** Reads every .ts file below `root`; keys are paths relative to it, with slashes. */
export const readTree = (root: string): Tree => {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).map((path) => path.replaceAll('\\', '/'))
  const sources = paths.filter((path) => path.endsWith('.ts')).toSorted()
  return new Map(sources.map((path) => [path, readFacts(path, readFileSync(join(root, path), 'utf8'))]))
}

/** All that is wrong with the files below `root`, as lines `file:line: what`. */
export const findings = (root: string, rules: Architecture): readonly string[] => {
  const tree = readTree(root)
  const perFile = [...tree].flatMap(([path, facts]) =>
    [layerFaults, packageFaults, wordFaults, formFaults].flatMap((rule) => rule(path, facts, rules)),
  )
  return [...perFile, ...absentFiles(tree, rules), ...cycles(tree, rules)]
}

const folderOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] ?? '') : 'index')

const isNodeFile = (path: string): boolean => path.endsWith('.node.ts')

/** The files that a specifier means, relative to the root; none for packages. */
const targets = (from: string, specifier: string, { aliases }: Architecture): readonly string[] =>
  specifier.startsWith('.') ? [posix.join(posix.dirname(from), specifier)] : (aliases[specifier] ?? [])

const layerFaults = (path: string, { imports }: SourceFacts, rules: Architecture): string[] => {
  const from = folderOf(path)
  const allowed = rules.layers[from]
  if (allowed === undefined) return [`${path}:1: folder ${from} is not in the table of layers`]
  return imports.flatMap(({ specifier, line }) => {
    const faults: string[] = []
    if (specifier.startsWith('.') && !specifier.endsWith('.ts')) faults.push(`${specifier} has no .ts at its end`)
    for (const target of targets(path, specifier, rules)) {
      const to = folderOf(target)
      if (target.startsWith('..')) faults.push(`${specifier} lies outside the sources`)
      else if (to !== from && !allowed.includes(to)) faults.push(`${from} must not import ${to}`)
      const portable = !isNodeFile(path) && [...rules.pure, ...rules.browser].includes(from)
      if (portable && specifier.startsWith('.') && isNodeFile(target)) faults.push(`${specifier} needs Node`)
    }
    return faults.map((fault) => `${path}:${line}: ${fault}`)
  })
}

const packageFaults = (path: string, { imports }: SourceFacts, rules: Architecture): string[] =>
  imports.flatMap(({ specifier, line }) => {
    if (specifier.startsWith('.') || specifier in rules.aliases) return []
    const platform = specifier.startsWith('node:')
    const name = platform ? 'node:' : packageName(specifier)
    const folders = rules.packages[name]
    if (folders === undefined) return [`${path}:${line}: ${specifier} is not in the table of packages`]
    if (platform && isNodeFile(path)) return []
    if (!folders.includes(folderOf(path))) return [`${path}:${line}: ${folderOf(path)} must not import ${specifier}`]
    const disk = /^node:(fs|child_process)\b/.test(specifier) && !rules.shell.includes(folderOf(path))
    return disk ? [`${path}:${line}: only the shell and *.node.ts know the disk, got ${specifier}`] : []
  })

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

const impure =
  /^(async|await|Promise|Buffer|Date|process|fetch|XMLHttpRequest|WebSocket|setTimeout|setInterval|setImmediate|queueMicrotask|performance|crypto|console|require|Math\.random|crypto\.\w+|console\.\w+)$/
const nodeOnly = /^(Buffer|process|require|setImmediate|__dirname|__filename|import\.meta\.dirname)$/
const shellOnly = /^(Date\.now|new Date\(\)|process|console)$/

const wordFaults = (path: string, { words }: SourceFacts, rules: Architecture): string[] => {
  if (isNodeFile(path)) return []
  const folder = folderOf(path)
  const banned: (readonly [RegExp, string])[] = []
  if (rules.pure.includes(folder)) banned.push([impure, 'is not pure'])
  else if (!rules.shell.includes(folder)) banned.push([shellOnly, 'is for the shell and *.node.ts'])
  if (rules.browser.includes(folder)) banned.push([nodeOnly, 'is not in browsers'])
  return words.flatMap(({ word, line }) =>
    banned.filter(([pattern]) => pattern.test(word)).map(([, why]) => `${path}:${line}: ${word} ${why}`),
  )
}

const formFaults = (path: string, facts: SourceFacts, { maxLines, lists }: Architecture): string[] => {
  const faults: string[] = []
  const at = (lines: readonly number[], what: string): void => {
    for (const line of lines) faults.push(`${path}:${line}: ${what}`)
  }
  if (!facts.startsWithDoc) at([1], 'line 1 does not say the idea of the file')
  if (facts.lines > maxLines) at([maxLines + 1], `${facts.lines} lines, want at most ${maxLines}`)
  at(facts.undocumentedExports, 'an export without a doc comment right above it')
  at(facts.defaultExports, 'a default export')
  if (!lists.includes(path)) at(facts.reExports, 'a re-export; only lists re-export')
  return faults
}

const absentFiles = (tree: Tree, rules: Architecture): string[] =>
  [...tree].flatMap(([path, { imports }]) =>
    imports.flatMap(({ specifier, line }) =>
      targets(path, specifier, rules)
        .filter((target) => target.endsWith('.ts') && !target.startsWith('..') && !tree.has(target))
        .map((target) => `${path}:${line}: there is no ${target}`),
    ),
  )

/** One line for each set of files that import each other in a circle, types included. */
const cycles = (tree: Tree, rules: Architecture): string[] => {
  const found: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      const circle = [...trail.slice(trail.indexOf(path)), path]
      found.push(`${path}:1: a circle of imports: ${circle.join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const { specifier } of tree.get(path)?.imports ?? []) {
      for (const target of new Set(targets(path, specifier, rules))) visit(target, [...trail, path])
    }
    done.add(path)
  }
  for (const path of tree.keys()) visit(path, [])
  return found
}
