/** `treehead mirror`: runs a mirror until it is told to stop. */
import { Command, Option } from 'commander'
import { gossipApp } from '../../http/gossip-app.ts'
import { mirrorApp } from '../../http/mirror-app.ts'
import { createMirrorMetrics, type MirrorMetrics } from '../../http/mirror-metrics.ts'
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
import { formatVerifierKey } from '../../note/key.ts'
import { dataFolder } from '../flags.ts'
import { teach } from '../lesson.ts'
import { failStop, stopOnSignals } from '../lifetime.ts'
import { parseListen } from '../listen.ts'
import { type MirrorConfig, type MirrorObservers, type OpenMirror, openMirror } from '../open-mirror.ts'
import { exitCodes } from '../report.ts'
import { version } from '../version.ts'

interface MirrorFlags extends Omit<MirrorConfig, 'folder'> {
  readonly data: string
  readonly listen: string
  readonly logLevel: LogLevel
}

/** Longer than an upload may take before the mirror answers by itself that it goes on with another. */
const REQUEST_MS = 600_000

/** The command. */
export const mirrorCommand = (): Command =>
  teach(new Command('mirror'), {
    summary: 'run a mirror, which keeps a second copy of logs and signs that it has',
    about:
      'Runs a mirror (c2sp.org/tlog-mirror). The first start makes its two keys, Ed25519 and ML-DSA-44, and prints the vkeys that others pin. Logs push their checkpoints and entries to it; every entry is proven to be of the signed tree before it is kept, and a checkpoint is cosigned only when all of its entries are on disk. The copies are served under /<origin hash>/ as tiled logs, and a log that lost its data is rebuilt from one with treehead recover. Lists of logs are read again when they change. Do not run it on the machine of a log that it mirrors.',
    examples: [
      ['for one log', 'treehead mirror --log "$(cat treehead-data/log.vkey)"'],
      ['for the logs of a policy', 'treehead mirror --policy policy.txt --data level:./mirror --listen 127.0.0.1:6966'],
    ],
    codes: [exitCodes.refused, exitCodes.unavailable, exitCodes.failStop],
  })
    .addOption(new Option('--data <url>', 'where the mirror is kept').default('level:./treehead-mirror'))
    .addOption(new Option('--listen <host:port>', 'where to listen').default('127.0.0.1:6965'))
    .option('--name <name>', 'the name of a new mirror (default: treehead.local/ and eight random hex digits)')
    .option('--mark <file>', 'where the high-water mark is, ideally on another volume (default: in the data folder)')
    .option('--log <vkey...>', 'the public key of a log', collect, [])
    .option('--log-list <file...>', 'a list of logs: logs/v0 of the witness network, or a policy', collect, [])
    .option('--policy <file>', 'logs, and witnesses whose misdeeds are of interest (c2sp.org/tlog-policy)')
    .addOption(new Option('--log-level <level>', 'the least level of log lines').choices(logLevels).default('info'))
    .action(run)

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

const run = async (flags: MirrorFlags): Promise<void> => {
  const address = parseListen(flags.listen)
  const logger = openLogger(flags.logLevel)
  const late: { metrics?: MirrorMetrics } = {}
  const open = await openMirror({ ...flags, folder: dataFolder(flags.data) }, observersOf(logger, late))
  try {
    const { mirror, evidence, gossip } = open
    const reasons = (): readonly string[] => reasonsOf(open)
    const metrics = createMirrorMetrics({ mirror, ready: () => reasons().length === 0, version: version() })
    late.metrics = metrics
    const app = createService({
      parts: [mirrorApp(mirror), gossipApp({ gossip, evidence }), statusApp({ reasons, metrics })],
      served: [metrics.observeServed, logRequests(logger)],
      report: failStop(logFailures(logger)),
    })
    const server = await serve(app, { ...address, requestTimeoutMs: REQUEST_MS })
    process.on('SIGHUP', () => void open.look())
    stopOnSignals({
      server,
      beforeStop: () => {},
      dispose: () => open[Symbol.asyncDispose](),
      logger,
      graceMs: 2_000,
    })
    logger.info({ url: server.url, logs: mirror.logs.size }, 'listening')
    const vkeys = open.dir.keys.map((key) => `  ${formatVerifierKey(key)}`).join('\n')
    process.stdout.write(
      `mirror ${open.dir.keys[0]?.name} at ${server.url}, with ${mirror.logs.size} logs\nvkeys:\n${vkeys}\n`,
    )
  } catch (error) {
    await open[Symbol.asyncDispose]()
    throw error
  }
}

const reasonsOf = ({ evidence, mirror, dir }: OpenMirror): readonly string[] => [
  ...evidence.pending().map((id) => `evidence ${id} is held: treehead evidence acknowledge ${id}`),
  ...[...mirror.damage].map(([origin, reason]) => `the copy of ${origin}: ${reason}`),
  ...(dir.queue.failure === undefined ? [] : ['a write failed: restart the mirror']),
]

const observersOf = (logger: Logger, late: { readonly metrics?: MirrorMetrics }): MirrorObservers => ({
  mirror: (event) => {
    late.metrics?.observe(event)
    if (event.kind === 'asked' || event.kind === 'uploaded') logger.debug(event, event.kind)
    if (event.kind === 'mirrored') logger.info({ origin: event.origin, size: event.size }, 'mirrored')
    if (event.kind === 'damaged') logger.error(event, 'a copy is damaged')
  },
  gossip: (event) => logger.debug(event, 'heard'),
  evidence: (id, origin) => logger.error({ id, origin }, 'evidence: a key signed what cannot both be true'),
  list: (path, error) => {
    if (error === undefined) logger.info({ path }, 'a list changed')
    else logger.error({ path, ...errorFields(error) }, 'a list could not be read again; the old one stays')
  },
})
