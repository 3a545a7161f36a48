#!/usr/bin/env node
/** The `treehead` program: one command for each thing a person does with a log. */
import { Command } from 'commander'
import { report } from './report.ts'
import { serveCommand } from './commands/serve.ts'
import { version } from './version.ts'

const program = new Command('treehead')
  .description('An immutable audit log that nobody has to trust: append, prove, verify.')
  .version(version(), '-V, --version', 'print the version, and what this machine hashes and signs with')
  .showHelpAfterError('(treehead --help, or treehead <command> --help)')
  .addHelpText('after', '\nExit codes: 0 done and verified · 1 verification failed · 2 wrong use · 3 refused to start · 4 not reachable, try again · 70 a write failed')
program.addCommand(serveCommand())

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}
