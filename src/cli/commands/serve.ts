/** `treehead serve`: runs a log until it is told to stop. */
import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { createApp } from '../../http/app.ts'
import { type AppendShortcutOptions, appendShortcut } from '../../http/append-shortcut.ts'
import { ctApp } from '../../http/ct-app.ts'
import { createHealth } from '../../http/health.ts'
import { createMetrics } from '../../http/metrics.ts'
import { docsApp } from '../../http/openapi/docs-page.ts'
import { operationApp } from '../../http/operation-app.ts'
import { logEvents, logFailures, logGuard, logRequests, logWitnessing, openLogger } from '../../http/request-log.ts'
import { serve } from '../../http/serve.node.ts'
import type { LogEvent } from '../../log/events.ts'
import type { WitnessingEvent } from '../../log/witnesses/witnessing.ts'
import { useTreeHasher } from '../../merkle/hasher.ts'
import { TlogError } from '../../primitives/error.ts'
import {
  type Config,
  type Field,
  fieldKeys,
  fields,
  nameOf,
  type Resolved,
  resolveConfig,
  variableOf,
} from '../config.ts'
import { formatConfig } from '../config-text.ts'
import { teach } from '../lesson.ts'
import { stopOnSignals } from '../lifetime.ts'
import { isLoopback, parseListen } from '../listen.ts'
import { type OpenData, openData } from '../open-data.ts'
import { exitCodes } from '../report.ts'
import { version } from '../version.ts'
import { formatWelcome, type Welcome } from '../welcome.ts'

/** The command. Its flags are the fields of the configuration. */
export const serveCommand = (): Command => {
  const command = teach(new Command('serve'), {
    summary: 'run a log; the first start makes its key and an append token',
    about:
      'Runs a log. The first start in a folder makes the key that signs its heads and a token to append with, and prints how to append and verify a first entry; every later start checks the log against its signed head and its ledger before it serves, and says why when it does not. Ctrl-C stops it: what is under way is answered, what was acknowledged is on disk. After a failed write it stops by itself. Log lines, in JSON, go to standard error.',
    examples: [
      ['on 127.0.0.1:6962, with the data in ./treehead-data', 'treehead serve'],
      [
        'another address, and the ledger on another disk',
        'treehead serve --listen 127.0.0.1:7000 --ledger /mnt/other/ledger',
      ],
      ['try it out: no token, nothing kept', 'treehead serve --data memory: --open'],
      ['what is configured, and where from', 'treehead serve --print-config'],
    ],
    codes: [exitCodes.refused, exitCodes.unavailable, exitCodes.failStop],
  })
    .option('--config <file>', 'a TOML file of the fields below (env: TREEHEAD_CONFIG)')
    .option('--print-config', 'print the configuration in effect as such a file, and serve nothing')
  for (const key of fieldKeys) {
    const { placeholder, default: standard, doc }: Field<unknown> = fields[key]
    const shown = standard === undefined || standard === false ? '' : `default: ${String(standard)}, `
    command.addOption(new Option(`--${nameOf(key)} ${placeholder}`, `${doc} (${shown}env: ${variableOf(key)})`))
  }
  return command.action(run)
}

const run = async (flags: Readonly<Record<string, unknown>>): Promise<void> => {
  const resolved = await readConfig(flags)
  const config = resolved.values
  const address = parseListen(config.listen)
  if (config.open && !isLoopback(address.host))
    throw new TlogError('usage', `--open lets everyone append, so it wants a loopback address, not ${address.host}`)
  if (flags['printConfig'] === true) {
    process.stdout.write(formatConfig(resolved))
    return
  }
  if (config.hasher !== 'auto') useTreeHasher(config.hasher)
  await startServing(config, address)
}

const readConfig = async (flags: Readonly<Record<string, unknown>>): Promise<Resolved> => {
  const path = flags['config'] ?? process.env['TREEHEAD_CONFIG']
  if (typeof path !== 'string' || path === '') return resolveConfig({ flags, env: process.env })
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new TlogError('usage', `cannot read --config ${path}: ${cause.code}`, { cause })
  })
  return resolveConfig({ flags, env: process.env, file: { path, text } })
}

const startServing = async (config: Config, address: { host: string; port: number }): Promise<void> => {
  const logger = openLogger(config.logLevel)
  const observers = [logEvents(logger), failStop]
  const observe = (event: LogEvent): void => {
    for (const observer of observers) observer(event)
  }
  const witnessObservers: ((event: WitnessingEvent) => void)[] = [logWitnessing(logger)]
  const data = await openData(config, {
    clock: Date.now,
    observe,
    observeWitnesses: (event) => {
      for (const observer of witnessObservers) observer(event)
    },
    guarded: logGuard(logger),
  })
  try {
    const { log, disk, witnessing } = data
    const health = createHealth({
      sequencer: log.sequencer,
      diskRefusal: () => disk?.refusal(),
      witnessing,
      clock: Date.now,
      now: () => performance.now(),
      maxPoolEntries: config.maxPoolEntries,
      stallMs: config.stallMs,
    })
    const metrics = createMetrics({
      reader: log.reader,
      sequencer: log.sequencer,
      health,
      clock: Date.now,
      freeBytes: () => disk?.freeBytes,
      version: version(),
    })
    observers.push(health.observe, metrics.observe, (event) => {
      if (event.kind === 'committed') witnessing?.nudge()
    })
    if (witnessing !== undefined) witnessObservers.push(metrics.observeWitnesses(witnessing))
    witnessing?.start()
    const options: AppendShortcutOptions = {
      log,
      writers: config.open ? 'open' : data.tokens,
      maxBatchEntries: config.maxBatchEntries,
      maxBatchBytes: config.maxBatchBytes,
      served: [metrics.observeServed, logRequests(logger)],
      reach: witnessing && ((size) => witnessing.reach(size, config.witnessWaitMs)),
      report: logFailures(logger),
    }
    const app = createApp({
      ...options,
      parts: [
        ctApp({ reader: log.reader, treeHeadKey: data.treeHeadKey }),
        operationApp({ reader: log.reader, health, metrics }),
        docsApp({ reader: log.reader, origin: log.origin, vkey: data.vkey, version: version() }),
      ],
    })
    const { maxConnections, headersTimeoutMs, requestTimeoutMs } = config
    const shortcut = appendShortcut(options)
    const server = await serve(app, { ...address, maxConnections, headersTimeoutMs, requestTimeoutMs, shortcut })
    stopOnSignals({
      server,
      beforeStop: health.stop,
      dispose: () => data[Symbol.asyncDispose](),
      logger,
      graceMs: config.stopGraceMs,
    })
    logger.info({ url: server.url, origin: log.origin, size: log.reader.published.size }, 'listening')
    process.stdout.write(formatWelcome(welcomeOf(server.url, config, data)))
  } catch (error) {
    await data[Symbol.asyncDispose]()
    throw error
  }
}

/** After a failed write the process ends by itself, once those who wait have been answered. */
const failStop = (event: LogEvent): void => {
  if (event.kind === 'poisoned') setTimeout(() => process.exit(exitCodes.failStop), 300)
}

const welcomeOf = (url: string, { data, open }: Config, { log, vkey, newToken, tokenFile }: OpenData): Welcome => {
  const base = { url, origin: log.origin, vkey, data }
  if (open) return { ...base, access: { kind: 'open' } }
  if (newToken !== undefined) return { ...base, access: { kind: 'new token', token: newToken, file: tokenFile } }
  return { ...base, access: { kind: 'token file', file: tokenFile ?? '' } }
}
