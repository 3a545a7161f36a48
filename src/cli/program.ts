/** The `treehead` program: its commands, its help, and how wrong use is answered. */
import { Command, CommanderError } from 'commander'
import { formatExitCodes } from './lesson.ts'
import { exitCodeHelp, exitCodes, printable, report } from './report.ts'
import { version } from './version.ts'

/** Every command, in the order in which a person meets them; each is loaded only when it is needed. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import('./commands/serve.ts')).serveCommand(),
  add: async () => (await import('./commands/add.ts')).addCommand(),
  ingest: async () => (await import('./commands/ingest.ts')).ingestCommand(),
  prove: async () => (await import('./commands/prove.ts')).proveCommand(),
  verify: async () => (await import('./commands/verify.ts')).verifyCommand(),
  get: async () => (await import('./commands/get.ts')).getCommand(),
  checkpoint: async () => (await import('./commands/checkpoint.ts')).checkpointCommand(),
  consistency: async () => (await import('./commands/consistency.ts')).consistencyCommand(),
  tail: async () => (await import('./commands/tail.ts')).tailCommand(),
  monitor: async () => (await import('./commands/monitor.ts')).monitorCommand(),
  backup: async () => (await import('./commands/backup.ts')).backupCommand(),
  fsck: async () => (await import('./commands/fsck.ts')).fsckCommand(),
  keygen: async () => (await import('./commands/keygen.ts')).keygenCommand(),
  token: async () => (await import('./commands/token.ts')).tokenCommand(),
  witness: async () => (await import('./commands/witness.ts')).witnessCommand(),
  mirror: async () => (await import('./commands/mirror.ts')).mirrorCommand(),
  recover: async () => (await import('./commands/recover.ts')).recoverCommand(),
  evidence: async () => (await import('./commands/evidence.ts')).evidenceCommand(),
  demo: async () => (await import('./commands/demo.ts')).demoCommand(),
  ledger: async () => (await import('./commands/ledger.ts')).ledgerCommand(),
}

/**
 * Makes the program, with the named command only or with all of them. It never exits by itself: parsing throws
 * CommanderError, also after printing help.
 */
export const createProgram = async (only?: string): Promise<Command> => {
  const program = new Command('treehead')
    .description('An immutable audit log that nobody has to trust: append, prove, verify.')
    .option('-V, --version', 'print the version, and what this machine hashes and signs with')
    .addHelpText('after', `\n${formatExitCodes(Object.keys(exitCodeHelp).map(Number))}`)
    .on('option:version', () => {
      process.stdout.write(`${version()}\n`)
      throw new CommanderError(exitCodes.done, 'commander.version', 'printed')
    })
  // The server alone brings a hundred modules, which would double the time that `verify` takes.
  const wanted = Object.entries(commands).filter(([name]) => only === undefined || name === only)
  for (const command of await Promise.all(wanted.map(([, load]) => load()))) program.addCommand(command)
  answerWrongUse(program)
  return program
}

/** Runs the program on arguments as they follow its name; resolves with the exit code, or undefined while it goes on. */
export const run = async (args: readonly string[]): Promise<number | undefined> => {
  // A token given as a flag would stand in every list of processes for as long as this one runs.
  if (args.some((arg) => arg.startsWith('--token'))) process.title = `treehead ${args[0] ?? ''}`
  try {
    const [first = ''] = args
    const program = await createProgram(Object.hasOwn(commands, first) ? first : undefined)
    await program.parseAsync(args, { from: 'user' })
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
