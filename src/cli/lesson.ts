/** What `--help` teaches: a paragraph, examples that work, and the exit codes. */
import type { Command } from 'commander'
import { exitCodeHelp } from './report.ts'

/** The text of a command's help beyond its flags. */
export interface Lesson {
  /** One line, for the list of commands. */
  readonly summary: string
  /** One paragraph: what it does, and what it takes nobody's word for. */
  readonly about: string
  /** What each does, and the command line; they work as printed where `treehead serve` has run in the same folder. */
  readonly examples: readonly (readonly [what: string, line: string])[]
  /** The exit codes it can end with, besides 0 and 2. */
  readonly codes: readonly number[]
}

/** Gives a command its help. */
export const teach = (command: Command, { summary, about, examples, codes }: Lesson): Command =>
  command
    .summary(summary)
    .description(about)
    .addHelpText('after', `\nExamples:\n${formatExamples(examples)}\n\n${formatExitCodes([0, ...codes, 2])}`)

const formatExamples = (examples: Lesson['examples']): string =>
  examples.map(([what, line]) => `  # ${what}\n  ${line}`).join('\n')

/** Exit codes and what they say, as an indented list. */
export const formatExitCodes = (codes: readonly number[]): string =>
  `Exit codes:\n${[...codes]
    .sort((a, b) => a - b)
    .map((code) => `  ${String(code).padStart(2)}  ${exitCodeHelp[code]}`)
    .join('\n')}`
