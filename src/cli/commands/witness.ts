/** `treehead witness`: runs a witness until it is told to stop. */
import { Command, Option } from 'commander'
import { gossipApp } from '../../http/gossip-app.ts'
import {
  errorFields,
  type Logger,
  type LogLevel,
  logFailures,
  logLevels,
  logRequests,
  openLogger,
} from '../../http/request-log.ts'
import { serve } from '../../http/serve.node.ts'
import { createService } from '../../http/service.ts'
import { statusApp } from '../../http/status-app.ts'
import { witnessApp } from '../../http/witness-app.ts'
import { createWitnessMetrics, type WitnessMetrics } from '../../http/witness-metrics.ts'
import { formatVerifierKey } from '../../note/key.ts'
import { TlogError } from '../../primitives/error.ts'
import { witnessKeys } from '../../witness/witness-dir.node.ts'
import { dataFolder } from '../flags.ts'
import { teach } from '../lesson.ts'
import { failStop, stopOnSignals } from '../lifetime.ts'
import { parseListen } from '../listen.ts'
import { type OpenWitness, openWitness, type WitnessConfig, type WitnessObservers } from '../open-witness.ts'
import { exitCodes } from '../report.ts'
import { version } from '../version.ts'

interface WitnessFlags extends Omit<WitnessConfig, 'folder' | 'gossipMs'> {
  readonly data: string
  readonly listen: string
  readonly gossipMs: string
  readonly logLevel: LogLevel
}

/** The command. */
export const witnessCommand = (): Command =>
  teach(new Command('witness'), {
    summary: 'run a witness, which cosigns what logs sign and keeps evidence when they fork',
    about:
      'Runs a witness (c2sp.org/tlog-witness). The first start makes its two keys, Ed25519 and ML-DSA-44, and prints the vkeys that others pin. It cosigns a checkpoint only when it extends the last one that it cosigned of that log, and has it on disk before it answers. It exchanges heads with peers; two heads of one log that cannot both be true become evidence, which is kept for ever, served at /evidence, handed to peers, and stops the cosigning of that log until an operator acknowledges it (treehead evidence acknowledge). Lists of logs are read again when they change. Do not run it on the machine of a log that it witnesses.',
    examples: [
      ['for one log', 'treehead witness --log "$(cat treehead-data/log.vkey)"'],
      [
        'for the logs of a policy, gossiping with its other witnesses',
        'treehead witness --policy policy.txt --listen 127.0.0.1:6964',
      ],
    ],
    codes: [exitCodes.refused, exitCodes.unavailable, exitCodes.failStop],
  })
    .addOption(new Option('--data <url>', 'where the witness is kept').default('level:./treehead-witness'))
    .addOption(new Option('--listen <host:port>', 'where to listen').default('127.0.0.1:6963'))
    .option('--name <name>', 'the name of a new witness (default: treehead.local/ and eight random hex digits)')
    .addOption(
      new Option(
        '--keys <which>',
        'the keys of a new witness (default: both); ML-DSA-44 costs many times as much as Ed25519',
      ).choices(witnessKeys),
    )
    .option('--mark <file>', 'where the high-water mark is, ideally on another volume (default: in the data folder)')
    .option('--log <vkey...>', 'the public key of a log', collect, [])
    .option('--log-list <file...>', 'a list of logs: logs/v0 of the witness network, or a policy', collect, [])
    .option(
      '--policy <file>',
      'logs, with the URLs of their tiles, and witnesses to gossip with (c2sp.org/tlog-policy)',
    )
    .option('--peer <url...>', 'a further node to gossip with', collect, [])
    .addOption(new Option('--gossip-ms <ms>', 'how long from one round of gossip to the next').default('10000'))
    .addOption(new Option('--log-level <level>', 'the least level of log lines').choices(logLevels).default('info'))
    .action(run)

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

const run = async (flags: WitnessFlags): Promise<void> => {
  const address = parseListen(flags.listen)
  const logger = openLogger(flags.logLevel)
  const late: { metrics?: WitnessMetrics } = {}
  const config = { ...flags, folder: dataFolder(flags.data), gossipMs: intervalOf(flags.gossipMs) }
  const open = await openWitness(config, observersOf(logger, late))
  try {
    const { witness, evidence, gossip } = open
    const reasons = (): readonly string[] => reasonsOf(open)
    const metrics = createWitnessMetrics({
      logs: () => witness.logs.size,
      evidence,
      ready: () => reasons().length === 0,
      version: version(),
    })
    late.metrics = metrics
    const app = createService({
      parts: [witnessApp(witness), gossipApp({ gossip, evidence }), statusApp({ reasons, metrics })],
      served: [metrics.observeServed, logRequests(logger)],
      report: failStop(logFailures(logger)),
    })
    const server = await serve(app, address)
    process.on('SIGHUP', () => void open.look())
    stopOnSignals({
      server,
      beforeStop: () => {},
      dispose: () => open[Symbol.asyncDispose](),
      logger,
      graceMs: 2_000,
    })
    logger.info({ url: server.url, logs: witness.logs.size }, 'listening')
    const vkeys = open.dir.keys.map((key) => `  ${formatVerifierKey(key)}`).join('\n')
    process.stdout.write(
      `witness ${open.dir.keys[0]?.name} at ${server.url}, with ${witness.logs.size} logs\nvkeys:\n${vkeys}\n`,
    )
  } catch (error) {
    await open[Symbol.asyncDispose]()
    throw error
  }
}

const intervalOf = (text: string): number => {
  if (!/^[1-9][0-9]{1,8}$/.test(text))
    throw new TlogError('usage', `--gossip-ms wants 10 or more milliseconds, got ${text}`)
  return Number(text)
}

const reasonsOf = ({ evidence, dir }: OpenWitness): readonly string[] => [
  ...evidence.pending().map((id) => `evidence ${id} is held: treehead evidence acknowledge ${id}`),
  ...(dir.queue.failure === undefined ? [] : ['a write failed: restart the witness']),
]

const observersOf = (logger: Logger, late: { readonly metrics?: WitnessMetrics }): WitnessObservers => ({
  witness: (event) => {
    late.metrics?.observe(event)
    if (event.kind === 'asked') logger.debug(event, 'asked')
  },
  gossip: (event) => {
    if (event.kind === 'unproven') logger.warn(event, 'a log does not show that its heads agree')
    else logger.debug(event, 'heard')
  },
  exchange: (event) => {
    late.metrics?.observeExchange(event)
    if (event.error !== undefined)
      logger.debug({ ...errorFields(event.error), peer: event.peer, call: event.call }, 'no answer')
  },
  evidence: (id, origin) => logger.error({ id, origin }, 'evidence: a key signed what cannot both be true'),
  list: (path, error) => {
    if (error === undefined) logger.info({ path }, 'a list changed')
    else logger.error({ path, ...errorFields(error) }, 'a list could not be read again; the old one stays')
  },
})
