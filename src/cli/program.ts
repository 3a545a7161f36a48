/** The `treehead` program: its commands, its help, and how wrong use is answered. */
import { Command, CommanderError } from 'commander'
import { addCommand } from './commands/add.ts'
import { backupCommand } from './commands/backup.ts'
import { checkpointCommand } from './commands/checkpoint.ts'
import { consistencyCommand } from './commands/consistency.ts'
import { fsckCommand } from './commands/fsck.ts'
import { getCommand } from './commands/get.ts'
import { keygenCommand } from './commands/keygen.ts'
import { ledgerCommand } from './commands/ledger.ts'
import { proveCommand } from './commands/prove.ts'
import { serveCommand } from './commands/serve.ts'
import { tailCommand } from './commands/tail.ts'
import { tokenCommand } from './commands/token.ts'
import { verifyCommand } from './commands/verify.ts'
import { formatExitCodes } from './lesson.ts'
import { exitCodeHelp, exitCodes, printable, report } from './report.ts'
import { version } from './version.ts'

/** Every command, in the order in which a person meets them. */
const commands: readonly (() => Command)[] = [
  serveCommand,
  addCommand,
  proveCommand,
  verifyCommand,
  getCommand,
  checkpointCommand,
  consistencyCommand,
  tailCommand,
  backupCommand,
  fsckCommand,
  keygenCommand,
  tokenCommand,
  ledgerCommand,
]

/** Makes the program. It never exits by itself: parsing throws CommanderError, also after printing help. */
export const createProgram = (): Command => {
  const program = new Command('treehead')
    .description('An immutable audit log that nobody has to trust: append, prove, verify.')
    .option('-V, --version', 'print the version, and what this machine hashes and signs with')
    .addHelpText('after', `\n${formatExitCodes(Object.keys(exitCodeHelp).map(Number))}`)
    .on('option:version', () => {
      process.stdout.write(`${version()}\n`)
      throw new CommanderError(exitCodes.done, 'commander.version', 'printed')
    })
  for (const make of commands) program.addCommand(make())
  answerWrongUse(program)
  return program
}

/** Runs the program on arguments as they follow its name; resolves with the exit code, or undefined while it goes on. */
export const run = async (args: readonly string[]): Promise<number | undefined> => {
  // A token given as a flag would stand in every list of processes for as long as this one runs.
  if (args.some((arg) => arg.startsWith('--token'))) process.title = `treehead ${args[0] ?? ''}`
  try {
    await createProgram().parseAsync(args, { from: 'user' })
    return undefined
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(error)
    return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  }
}

/** One line and exit code 2 for wrong use, in this command and all below it. */
const answerWrongUse = (command: Command): void => {
  command.exitOverride().configureOutput({
    outputError: (text, write) => write(`treehead: usage: ${oneLine(text)} (try: ${pathOf(command)} --help)\n`),
  })
  for (const below of command.commands) answerWrongUse(below)
}

/** The complaint without what a mistyped flag such as `--tokn=…` was given. */
const oneLine = (text: string): string => {
  const line = text
    .replace(/^error: /, '')
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
  return printable(line.replaceAll(/('--?[^'=\s]+)=[^']*'/g, "$1'"))
}

const pathOf = (command: Command): string =>
  command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`
