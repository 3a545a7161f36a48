/** `treehead serve`: runs a log. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import { createApp } from '../../http/app.ts'
import { ctApp } from '../../http/ct-app.ts'
import { serve } from '../../http/serve.node.ts'
import { formatTokens, hashToken, parseTokens } from '../../http/tokens.ts'
import { createDataDir, dataDirState, dataFiles } from '../../log/data-dir.node.ts'
import { openLogDir } from '../../log/open-dir.node.ts'
import { TlogError } from '../../primitives/error.ts'
import { exitCodes } from '../report.ts'

interface ServeFlags {
  readonly listen: string
  readonly data: string
  readonly ledger?: string
  readonly origin?: string
  readonly allowDuplicates?: boolean
}

export const serveCommand = (): Command =>
  new Command('serve')
    .description('run a log; the first start makes its key and an append token')
    .option('--listen <host:port>', 'where to listen', '127.0.0.1:6962')
    .option('--data <url>', 'where the log is kept', 'level:./treehead-data')
    .option(
      '--ledger <path>',
      'where the signed-head ledger is kept, ideally on another volume (default: in the data folder)',
    )
    .option('--origin <name>', 'the name of a new log (default: treehead.local/ and eight random hex digits)')
    .option('--allow-duplicates', 'give equal entries an index each, instead of answering the first')
    .action(run)

const run = async (flags: ServeFlags): Promise<void> => {
  const path = flags.data.replace(/^level:/, '')
  const clock = Date.now
  const first = (await dataDirState(path)) !== 'log'
  if (first) {
    const tokenLine = (token: string): string =>
      formatTokens([{ role: 'append', hash: hashToken(token), label: 'first' }])
    await createDataDir({ path, origin: flags.origin, ledgerPath: flags.ledger, clock, tokenLine })
  }
  const opened = await openLogDir({
    path,
    ledgerPath: flags.ledger,
    clock,
    allowDuplicates: flags.allowDuplicates ?? false,
    observe: (event) => {
      if (event.kind === 'poisoned') {
        process.stderr.write(`treehead: a write failed, stopping: ${String(event.error)}\n`)
        setTimeout(() => process.exit(exitCodes.failStop), 200)
      }
    },
  })
  const { host, port } = parseListen(flags.listen)
  const app = createApp({
    log: opened.log,
    writers: parseTokens(opened.dir.tokens),
    maxBatchEntries: 16_384,
    maxBatchBytes: 16 * 2 ** 20,
    parts: [ctApp({ reader: opened.log.reader, treeHeadKey: opened.dir.treeHeadKey })],
    report: (error) => process.stderr.write(`${String(error)}\n`),
  })
  const server = await serve(app, { host, port })
  const token = first ? (await readFile(join(path, dataFiles.appendToken), 'utf8')).trim() : undefined
  process.stdout.write(
    `origin ${opened.log.origin}\nvkey ${opened.dir.vkey}\nlistening ${server.url}\ntoken ${token ?? '(made at first start)'}\n`,
  )
  const stop = async (): Promise<void> => {
    await server.stop(5_000)
    await opened[Symbol.asyncDispose]()
    process.exit(0)
  }
  process.once('SIGINT', () => void stop())
  process.once('SIGTERM', () => void stop())
}

const parseListen = (text: string): { host: string; port: number } => {
  const match = /^(\[[0-9a-f:]+\]|[^:]+):([0-9]{1,5})$/i.exec(text)
  if (match?.[1] === undefined || Number(match[2]) > 65_535)
    throw new TlogError('usage', `want --listen host:port, got ${text}`)
  return { host: match[1].replace(/^\[|\]$/g, ''), port: Number(match[2]) }
}
