/**
 * Judges a damaged log: its damage must be named when it is opened, when it is read or by fsck, or do no harm; and in no
 * case may a wrong byte be served as right or a checkpoint be signed over changed data.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Golden } from './golden.ts'
import { send } from './http.ts'
import type { Finding } from './oracle.ts'
import { builtMain, type LogProcess, startLog } from './server.ts'
import { framed, tilePath, widths } from './tiles.ts'
import { GrowingTree, leafHashOf, openCheckpoint, tileLevels } from './tree.ts'

/** Where damage was noticed, if it was; without a name it is an error that does not say what to do about it. */
export type Verdict =
  | 'named at open'
  | 'named at read'
  | 'named at append'
  | 'named by fsck'
  | 'noticed without a name'
  | 'harmless'

/** What the judge saw: where the damage was noticed, in which words, and every broken promise. */
export interface Judgement {
  readonly verdict: Verdict
  readonly words: string
  readonly findings: readonly Finding[]
}

/** What to judge. */
export interface Damaged {
  readonly dataDir: string
  readonly golden: Golden
  readonly main?: string | undefined
  readonly args?: readonly string[]
}

interface Reading {
  readonly words: readonly string[]
  readonly findings: readonly Finding[]
}

/** Looks at everything the server serves: 200 must be right, and anything else is counted as the damage being named. */
const readAll = async (url: string, golden: Golden): Promise<Reading> => {
  const words: string[] = []
  const findings: Finding[] = []
  const expect = async (path: string, want: Buffer): Promise<void> => {
    const { status, body, error } = await send(`${url}${path}`)
    if (status === 200 && !body.equals(want)) findings.push({ invariant: 'I5', what: `wrong bytes served at ${path}` })
    else if (status !== undefined && status < 500 && status !== 200) {
      findings.push({ invariant: 'I5', what: `${path} is answered ${status}, as if it had never been` })
    } else if (status !== 200) words.push(`${status ?? error} ${body.toString().trim()}`)
  }
  const { entries } = golden
  for (const [index, width] of widths(entries.length).entries()) {
    const bundle = framed(entries.slice(256 * index, 256 * index + width))
    await expect(`/tile/entries/${tilePath(index, width)}`, bundle)
  }
  for (const [level, hashes] of tileLevels(entries.map(leafHashOf)).entries()) {
    for (const [index, width] of widths(hashes.length).entries()) {
      const tile = Buffer.concat(hashes.slice(256 * index, 256 * index + width))
      await expect(`/tile/${level}/${tilePath(index, width)}`, tile)
    }
  }
  return { words, findings }
}

const rootOver = (entries: readonly Buffer[]): Buffer => {
  const tree = new GrowingTree()
  for (const entry of entries) tree.push(leafHashOf(entry))
  return tree.root()
}

/** Appends one new entry; the checkpoint afterwards must be over the golden entries and that one. */
const appendOne = async (server: LogProcess, token: string, golden: Golden): Promise<Reading> => {
  const entry = Buffer.from('appended after the damage')
  const headers = { Authorization: `Bearer ${token}` }
  const before = golden.entries.length
  const added = await send(`${server.url}/add`, { method: 'POST', body: entry, headers })
  const { status, body } = await send(`${server.url}/checkpoint`)
  const words = added.status === 200 ? [] : [`${added.status ?? added.error} ${added.body.toString().trim()}`]
  if (status !== 200) return { words: [...words, `checkpoint ${status ?? 'unreachable'}`], findings: [] }
  const head = openCheckpoint(body.toString(), golden.oracle.vkey)
  const extended = [...golden.entries, entry]
  const isOver = (count: number): boolean => head.size === count && head.root.equals(rootOver(extended.slice(0, count)))
  const findings: Finding[] = []
  if (!isOver(before) && !isOver(before + 1)) {
    findings.push({ invariant: 'I2', what: `a checkpoint of size ${head.size} was signed over other entries` })
  }
  if (added.status === 200 && added.body.toString() !== String(before)) {
    findings.push({ invariant: 'I3', what: `a new entry got index ${added.body.toString()}, want ${before}` })
  }
  return { words, findings }
}

/** Sends every entry again: each must get its first index. */
const replayAll = async (server: LogProcess, token: string, { entries }: Golden): Promise<Reading> => {
  const body = framed(entries)
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/octet-stream' }
  const answer = await send(`${server.url}/add-batch`, { method: 'POST', body, headers })
  if (answer.status !== 200)
    return { words: [`${answer.status ?? answer.error} ${answer.body.toString()}`], findings: [] }
  const indices = answer.body.toString().trim().split('\n').map(Number)
  const wrong = entries.findIndex((_, i) => indices[i] !== i)
  const what = `a replay of entry ${wrong} got index ${indices[wrong]}`
  return { words: [], findings: wrong < 0 ? [] : [{ invariant: 'I3', what }] }
}

/** Runs `treehead fsck` on a stopped log. */
export const runFsck = async (dataDir: string, main = builtMain): Promise<{ code: number | null; output: string }> => {
  const child = spawn(process.execPath, [main, 'fsck', '--data', `level:${dataDir}`])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''

/** Starts the damaged log, reads all of it, appends, has it checked by fsck, and judges. */
export const judgeDamage = async (damaged: Damaged): Promise<Judgement> => {
  const { dataDir, golden, main, args = [] } = damaged
  const token = golden.token
  const program = main === undefined ? {} : { main }
  const found: Finding[] = []
  {
    await using server = await startLog({ dataDir, ...program, args })
    if (!(await server.ready())) return await judgeRefusal(server)
    const read = await readAll(server.url, golden)
    found.push(...read.findings)
    const added = await appendOne(server, token, golden)
    found.push(...added.findings)
    if (server.exit() === undefined) await server.end('SIGTERM')
    if (read.words.length > 0) return { ...noticed('named at read', read.words), findings: found }
    if (added.words.length > 0) return { ...noticed('named at append', added.words), findings: found }
  }
  const fsck = await runFsck(dataDir, main)
  if (fsck.code !== 0) {
    const verdict = fsck.code === 1 ? 'named by fsck' : 'noticed without a name'
    return { verdict, words: firstLine(fsck.output), findings: found }
  }
  await using server = await startLog({ dataDir, ...program, args })
  if (!(await server.ready())) return await judgeRefusal(server)
  const replayed = await replayAll(server, token, golden)
  found.push(...replayed.findings)
  return { verdict: 'harmless', words: '', findings: found }
}

/** An answer names the damage with a code; `internal` is what the server says when it does not know what happened to it. */
const noticed = (verdict: Verdict, words: readonly string[]): Pick<Judgement, 'verdict' | 'words'> => ({
  verdict: words.every((word) => /^\d+ (?!internal)[a-z_]+: /.test(word)) ? verdict : 'noticed without a name',
  words: firstLine(words[0] ?? ''),
})

/** A refusal has exit code 3, a name and a line that helps. */
const judgeRefusal = async (server: LogProcess): Promise<Judgement> => {
  const { code, signal } = await server.ended
  const named = /^treehead: [a-z_]+: .*$/m.exec(server.output())?.[0]
  const isNamed = code === 3 && named !== undefined && /what helps/.test(server.output())
  const words = named ?? firstLine(server.output())
  if (isNamed) return { verdict: 'named at open', words, findings: [] }
  return { verdict: 'noticed without a name', words: `exit ${code ?? signal}: ${words}`, findings: [] }
}
