#!/usr/bin/env node
/** Where the `treehead` program starts. */
import { run } from './program.ts'

// `treehead tail | head` is no failure of ours: end as a program does that nobody reads any more.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 141 : 4)
})

const code = await run(process.argv.slice(2))
if (code !== undefined) process.exitCode = code
