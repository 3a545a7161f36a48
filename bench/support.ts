/** What all benches share: medians over rounds in alternating order, a table for people, and JSON with what it was measured on. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, totalmem } from 'node:os'
import { join } from 'node:path'

/** One of the things compared: `run` does `units` pieces of the same work as the others. */
export interface Contender {
  readonly name: string
  readonly units: number
  readonly run: () => void | Promise<void>
}

/** Nanoseconds per unit: the median of the rounds, the fastest of them, and all of them in the order they ran. */
export interface Timing {
  readonly median: number
  readonly fastest: number
  readonly rounds: readonly number[]
}

/**
 * Runs every contender once to warm up, then once a round, each second round in the opposite order, so that a slow spell
 * of a shared machine or a heap left behind by one of them does not always hit the same one.
 */
export const measure = async (contenders: readonly Contender[], rounds: number): Promise<readonly Timing[]> => {
  for (const { run } of contenders) await run()
  const all = contenders.map((contender) => ({ contender, times: [] as number[] }))
  for (let round = 0; round < rounds; round++) {
    for (const { contender, times } of round % 2 === 0 ? all : all.toReversed()) {
      const start = process.hrtime.bigint()
      await contender.run()
      times.push(Number(process.hrtime.bigint() - start) / contender.units)
    }
  }
  return all.map(({ times }) => ({ median: median(times), fastest: Math.min(...times), rounds: times }))
}

/** The middle of some numbers. */
export const median = (numbers: readonly number[]): number => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** A number for a table: whole, with thousands set apart; one decimal below a hundred. */
export const format = (value: number): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 })

/** Prints rows under a title: the first column to the left, the others to the right. The first row is the head. */
export const printTable = (title: string, rows: readonly (readonly string[])[]): void => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')
  console.log(`\n${title}\n\n${line(rows[0]!)}\n${widths.map((width) => '-'.repeat(width)).join('  ')}`)
  for (const row of rows.slice(1)) console.log(line(row))
}

/** Where and on what it was measured. */
export const circumstances = (): Record<string, unknown> => ({
  commit: commit(),
  date: new Date().toISOString(),
  node: process.versions.node,
  v8: process.versions.v8,
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: availableParallelism(),
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  os: `${process.platform} ${process.arch}`,
})

/** Writes `results` with their circumstances to bench/results/<name>.json. To be run in the repository's root. */
export const writeResults = (name: string, results: Record<string, unknown>): void => {
  const folder = join('bench', 'results')
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.json`)
  writeFileSync(path, `${JSON.stringify({ bench: name, ...circumstances(), ...results }, null, 2)}\n`)
  console.log(`\nwrote ${path}`)
}

/** The commit that is checked out, with a plus sign when src/ or bench/ differ from it. */
const commit = (): string => {
  const git = (...args: readonly string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'src', 'bench', ':!bench/results')
    return git('rev-parse', 'HEAD') + (changed === '' ? '' : '+')
  } catch {
    return 'unknown'
  }
}
