/** `treehead serve`: runs a log until it is told to stop. */
import { readFile } from 'node:fs/promises'
import { Command, Option } from 'commander'
import { askAnyone, askOf, tokenAuthenticator } from '../../http/access.ts'
import { createApp } from '../../http/app.ts'
import { type AppendShortcutOptions, appendShortcut } from '../../http/append-shortcut.ts'
import { ctApp } from '../../http/ct-app.ts'
import { type EventsAppOptions, eventsApp } from '../../http/events-app.ts'
import { createHealth } from '../../http/health.ts'
import { ingestApp } from '../../http/ingest-app.ts'
import { createMetrics } from '../../http/metrics.ts'
import { docsApp } from '../../http/openapi/docs-page.ts'
import { operationApp } from '../../http/operation-app.ts'
import {
  type Logger,
  logEvents,
  logFailures,
  logGuard,
  logMirrors,
  logRequests,
  logWitnessing,
  openLogger,
} from '../../http/request-log.ts'
import { type SearchAppOptions, searchApp } from '../../http/search-app.ts'
import { serve } from '../../http/serve.node.ts'
import type { LogEvent } from '../../log/events.ts'
import type { WitnessingEvent } from '../../log/witnesses/witnessing.ts'
import { useTreeHasher } from '../../merkle/hasher.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
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

/** Who is told of what the log does; more join once there is a log to look at. */
interface Observers {
  readonly log: ((event: LogEvent) => void)[]
  readonly witnesses: ((event: WitnessingEvent) => void)[]
}

const startServing = async (config: Config, address: { host: string; port: number }): Promise<void> => {
  const logger = openLogger(config.logLevel)
  const observers: Observers = { log: [logEvents(logger), failStop], witnesses: [logWitnessing(logger)] }
  const data = await openData(config, {
    clock: Date.now,
    observe: (event) => {
      for (const observer of observers.log) observer(event)
    },
    observeWitnesses: (event) => {
      for (const observer of observers.witnesses) observer(event)
    },
    observeMirror: logMirrors(logger),
    complain: logFailures(logger),
    guarded: logGuard(logger),
  })
  try {
    const { app, shortcut, health } = serviceOf(data, config, logger, observers)
    const { maxConnections, headersTimeoutMs, requestTimeoutMs } = config
    const server = await serve(app, { ...address, maxConnections, headersTimeoutMs, requestTimeoutMs, shortcut })
    data.witnessing?.start()
    data.mirrors?.start()
    stopOnSignals({
      server,
      beforeStop: health.stop,
      dispose: () => data[Symbol.asyncDispose](),
      logger,
      graceMs: config.stopGraceMs,
    })
    logger.info({ url: server.url, origin: data.log.origin, size: data.log.reader.published.size }, 'listening')
    process.stdout.write(formatWelcome(welcomeOf(server.url, config, data)))
  } catch (error) {
    await data[Symbol.asyncDispose]()
    throw error
  }
}

/** The service over an open log, its metrics and its health, which observe it from now on. */
const serviceOf = (data: OpenData, config: Config, logger: Logger, observers: Observers) => {
  const { log, disk, witnessing, mirrors } = data
  const health = createHealth({
    sequencer: log.sequencer,
    diskRefusal: () => disk?.refusal(),
    witnessing,
    mirrors: mirrors?.pushers,
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
  observers.log.push(health.observe, metrics.observe, (event) => {
    if (event.kind !== 'committed') return
    witnessing?.nudge()
    mirrors?.wake()
  })
  metrics.addMirrors(mirrors?.pushers ?? [])
  if (witnessing !== undefined) observers.witnesses.push(metrics.observeWitnesses(witnessing))
  const options: AppendShortcutOptions = {
    log,
    ask: config.open ? askAnyone : askOf(tokenAuthenticator(data.tokens)),
    maxBatchEntries: config.maxBatchEntries,
    maxBatchBytes: config.maxBatchBytes,
    served: [metrics.observeServed, logRequests(logger)],
    reach: witnessing && ((size) => witnessing.reach(size, config.witnessWaitMs)),
    report: logFailures(logger),
  }
  const parts = [
    ctApp({ reader: log.reader, treeHeadKey: data.treeHeadKey }),
    operationApp({ reader: log.reader, health, metrics }),
    searchApp(searchOptions(data, options)),
    eventsApp(eventsOptions(data, options)),
    ingestApp({ recorder: recorderOf(data), ask: options.ask, clock: Date.now }),
    docsApp({ reader: log.reader, origin: log.origin, vkey: data.vkey, version: version() }),
  ]
  return { app: createApp({ ...options, parts }), shortcut: appendShortcut(options), health }
}

/** The recorder, which the first event opens. */
const recorderOf = ({ audit }: Pick<OpenData, 'audit'>): EventsAppOptions['recorder'] => ({
  record: async (items) => {
    try {
      return await (await audit.open()).recorder.record(items)
    } catch (error) {
      // Also when it is the keys that cannot be written, which the log knows nothing of.
      if (isTlogError(error, 'poisoned')) failStop({ kind: 'poisoned', error })
      throw error
    }
  },
})

/** Who reads personal fields leaves an entry. */
const viewedOf =
  ({ log, audit }: Pick<OpenData, 'log' | 'audit'>): EventsAppOptions['viewed'] =>
  async ({ label }, events) => {
    const after = { token: label }
    const target = { type: 'log', id: log.origin }
    await (await audit.open()).recordOwn({ action: 'log.view', target, after, particulars: { events } })
  }

const searchOptions = (data: OpenData, { ask }: AppendShortcutOptions): SearchAppOptions => ({
  search: () => data.audit.current?.search,
  readMany: async (indices) => (await data.audit.current?.events.readMany(indices)) ?? [],
  ask,
  viewed: viewedOf(data),
})

const eventsOptions = ({ log, audit }: OpenData, { ask, reach }: AppendShortcutOptions): EventsAppOptions => ({
  recorder: recorderOf({ audit }),
  events: {
    read: async (index) => {
      if (audit.current === undefined) throw new TlogError('not_found', `entry ${index} is no event`)
      return audit.current.events.read(index)
    },
  },
  reader: log.reader,
  ask,
  viewed: viewedOf({ log, audit }),
  reach,
})

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
