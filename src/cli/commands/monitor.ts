/** `treehead monitor`: follows a log, verifies all of it, and raises alarms. */
import { setMaxListeners } from 'node:events'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { pause } from '../../client/http.ts'
import { httpResources } from '../../client/resources.ts'
import { checkpointReader } from '../../client/trust.ts'
import { gossipApp } from '../../http/gossip-app.ts'
import { createMonitorMetrics, type MonitorMetrics, monitorReasons } from '../../http/monitor-metrics.ts'
import { type Listening, serve } from '../../http/serve.node.ts'
import { createService } from '../../http/service.ts'
import { statusApp } from '../../http/status-app.ts'
import { type AlarmChange, alarmMeanings } from '../../monitor/alarms.ts'
import { type LookReport, Monitor } from '../../monitor/monitor.ts'
import { openStateFile } from '../../monitor/state-file.node.ts'
import { Webhook } from '../../monitor/webhook.ts'
import { isTlogError, TlogError } from '../../primitives/error.ts'
import { reach } from '../connect.ts'
import { fileOf, writeEvidence } from '../evidence.ts'
import { DEFAULT_URL, type PinnedTrust, readTrust, type TrustFlags, trustFlags } from '../flags.ts'
import { asUsage } from '../input.ts'
import { teach } from '../lesson.ts'
import { parseListen } from '../listen.ts'
import { type MonitorGossip, openMonitorGossip } from '../open-gossip.ts'
import { print, say } from '../output.ts'
import { exitCodes, printable } from '../report.ts'
import { asArgument, parseDuration } from '../times.ts'
import { version } from '../version.ts'

interface MonitorFlags extends Omit<TrustFlags, 'maxAge'> {
  readonly state: string
  /** Seconds. */
  readonly maxAge: number
  /** Seconds. */
  readonly interval: number
  readonly webhook?: string
  readonly listen?: string
  readonly once?: boolean
  readonly exitOnAlarm?: boolean
  readonly acknowledge?: boolean
  readonly peer: readonly string[]
}

/** The file of evidence in the state folder; further ones get a number. */
const EVIDENCE = 'fork.evidence'

/** How long an end waits for alarms on their way to the webhook, in milliseconds. */
const WEBHOOK_GRACE_MS = 5_000

/** The command. */
export const monitorCommand = (): Command => {
  const command = teach(new Command('monitor'), {
    summary: 'follow a log, verify all of it, and raise alarms',
    about:
      'Follows a log: verifies every entry, every tile and every checkpoint that it shows, holds each against all that was seen before, and counts the cosignatures that the policy asks for. What was verified is remembered in --state, so that a restart goes on where it was. Each alarm that begins or ends is a line of JSON on standard output, and a POST to --webhook: fork, rollback, bad_head, no_quorum, clock, bad_data, stale. The two heads of a fork are kept in the state folder; that alarm stays until --acknowledge. --listen serves /metrics, /healthz and /readyz, and takes and serves heads and evidence for other nodes. Heads are traded with the witnesses of the policy that have a URL. With --once it looks at the log once, and ends with 1 when an alarm is on.',
    examples: [
      [
        'once, for a job that runs now and then',
        'treehead monitor --state monitor --once --vkey treehead-data/log.vkey',
      ],
      [
        'for ever, with witnesses, metrics and a webhook',
        'treehead monitor https://log.example --policy policy.txt --state monitor --max-age 1h --listen 127.0.0.1:9696 --webhook https://alerts.example/treehead',
      ],
    ],
    codes: [exitCodes.unverified, exitCodes.unavailable, exitCodes.failStop],
  })
    .argument('[url]', `the log (default: TREEHEAD_URL, or ${DEFAULT_URL})`)
    .requiredOption('--state <folder>', 'where it is remembered what was verified; made if it is absent')
  for (const flag of [...trustFlags(), ...monitorFlags()]) command.addOption(flag)
  return command.action(run)
}

const monitorFlags = (): readonly Option[] => [
  new Option(
    '--max-age <duration>',
    'raise stale when nothing could be verified, or no quorum has cosigned, for this long',
  )
    .argParser(asArgument(parseDuration))
    .default(86_400, '24h'),
  new Option('--interval <duration>', 'between two looks').argParser(asArgument(parseInterval)).default(10, '10s'),
  new Option('--webhook <url>', 'where each alarm is posted, as JSON'),
  new Option('--listen <host:port>', 'where to serve /metrics, /healthz and /readyz (default: nowhere)'),
  new Option('--peer <url...>', 'a further node to trade heads and evidence with').argParser(collect).default([]),
  new Option('--once', 'look once: at all that is new, and at what was bad').conflicts('listen'),
  new Option('--exit-on-alarm', 'end with 1 as soon as an alarm is on'),
  new Option('--acknowledge', 'clear the alarms that do not clear by themselves, before the first look'),
]

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]

const parseInterval = (text: string): number => {
  const seconds = parseDuration(text)
  if (seconds === 0) throw new RangeError('want an interval of a second or more')
  return seconds
}

const run = async (given: string | undefined, flags: MonitorFlags): Promise<void> => {
  const url = given ?? process.env['TREEHEAD_URL'] ?? DEFAULT_URL
  const where = reach(url)
  const { vkey, policy, origin } = flags
  const trust = await readTrust({
    ...(vkey !== undefined && { vkey }),
    ...(policy !== undefined && { policy }),
    ...(origin !== undefined && { origin }),
  })
  const address = flags.listen === undefined ? undefined : parseListen(flags.listen)
  const metrics: { now?: MonitorMetrics } = {}
  const webhook = openWebhook(flags.webhook, metrics)
  const late: { gossip?: MonitorGossip } = {}
  const monitor = await openMonitor(trust, flags, {
    resources: httpResources(where),
    // What gossip cannot take the monitor still judges by itself.
    hear: async (checkpoint) => late.gossip?.gossip.hear(checkpoint, url).catch(() => undefined),
    announce: async (change) => {
      const message = messageOf(change, { url, origin: monitor.origin })
      await print(`${JSON.stringify(message)}\n`)
      webhook?.post(message)
      metrics.now?.observe(change)
    },
  })
  metrics.now = createMonitorMetrics({ status: () => monitor.status, version: version() })
  await using gossip = await openGossip(monitor, trust, flags)
  late.gossip = gossip
  const server = address && (await listen(monitor, metrics.now, gossip, address))
  try {
    if (flags.acknowledge === true) await monitor.acknowledge()
    if (flags.once !== true) gossip.exchange.start()
    process.exitCode = await follow(monitor, flags, metrics.now, gossip)
  } finally {
    await webhook?.drain(WEBHOOK_GRACE_MS)
    await server?.stop(1_000)
  }
}

/** What gossip brings to light becomes a file and an alarm, as what the monitor sees by itself. */
const openGossip = (monitor: Monitor, trust: PinnedTrust, flags: MonitorFlags): Promise<MonitorGossip> =>
  openMonitorGossip({
    folder: flags.state,
    origin: monitor.origin,
    trust,
    peers: flags.peer,
    intervalMs: flags.interval * 1_000,
    served: () => monitor.served,
    found: async ({ id, bytes, evidence, proven }) => {
      const sizes = `${proven.smaller.checkpoint.size} and ${proven.larger.checkpoint.size}`
      const detail = `${evidence.accused.name} signed heads of sizes ${sizes} that cannot both be true: evidence ${id}`
      await writeEvidence(join(flags.state, EVIDENCE), bytes)
      await monitor.report({ kind: evidence.kind === 'fork' ? 'fork' : 'clock', subject: id, detail })
    },
    observe: () => {},
  })

const openWebhook = (url: string | undefined, metrics: { readonly now?: MonitorMetrics }): Webhook | undefined => {
  if (url === undefined) return undefined
  const { protocol, href } = asUsage('--webhook', () => new URL(url))
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new TlogError('usage', '--webhook wants an http or https URL')
  return new Webhook({
    url: href,
    onFailure: (reason) => {
      metrics.now?.observeWebhookFailure()
      say(`treehead: the webhook did not take an alarm: ${printable(reason)}`)
    },
  })
}

type Ports = Pick<Parameters<typeof Monitor.open>[0], 'resources' | 'announce' | 'hear'>

/** Opens the monitor; a state that cannot be used is wrong use, since an alarm would be about the log. */
const openMonitor = async (trust: PinnedTrust, { state, maxAge }: MonitorFlags, ports: Ports): Promise<Monitor> => {
  const [origin, ...others] = checkpointReader(trust).origins
  if (origin === undefined || others.length > 0) {
    throw new TlogError('usage', 'the policy has several logs: say which with --origin')
  }
  const store = await openStateFile(state, origin)
  const evidence = join(state, EVIDENCE)
  const parts = { ...ports, trust, store, maxAge, clock: Date.now }
  try {
    return await Monitor.open({ ...parts, keepEvidence: (fork) => writeEvidence(evidence, fileOf(fork, trust)) })
  } catch (cause) {
    if (!isTlogError(cause) || cause.code === 'io') throw cause
    throw new TlogError('usage', `--state: ${cause.message}`, { cause })
  }
}

const listen = (
  monitor: Monitor,
  metrics: MonitorMetrics,
  gossip: MonitorGossip,
  address: { readonly host: string; readonly port: number },
): Promise<Listening> => {
  const app = createService({
    parts: [statusApp({ reasons: () => monitorReasons(monitor.status), metrics }), gossipApp(gossip)],
    served: [metrics.observeServed],
    report: (error) => say(`treehead: ${printable(String(error))}`),
  })
  return serve(app, address).then((server) => {
    say(`metrics at ${server.url}/metrics`)
    return server
  })
}

/** Looks until it is told to stop; resolves with the exit code. */
const follow = async (
  monitor: Monitor,
  flags: MonitorFlags,
  metrics: MonitorMetrics,
  gossip: MonitorGossip,
): Promise<number> => {
  const { once, exitOnAlarm, interval } = flags
  const stop = new AbortController()
  // Every request under way listens to it; Node would take more than ten for a leak.
  setMaxListeners(0, stop.signal)
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort())
  const { signal } = stop
  const tell = teller(monitor)
  try {
    for (;;) {
      const looked = await monitor.look({ signal })
      // A single look has a round of gossip of its own; else the rounds have a clock of theirs.
      if (once === true) await gossip.exchange.round()
      await gossip.reported()
      const report = { ...looked, alarms: monitor.status.alarms.active }
      metrics.observeLook(report)
      tell(report)
      const { isComplete, alarms, unreachable } = report
      const isOver = isComplete || unreachable !== undefined
      if (alarms.length > 0 && (exitOnAlarm === true || (once === true && isOver))) return exitCodes.unverified
      if (once === true && isOver) return unreachable === undefined ? exitCodes.done : exitCodes.unavailable
      if (isOver) await pause(interval * 1_000, signal)
    }
  } catch (error) {
    if (signal.aborted && error === signal.reason) return exitCodes.done
    throw error
  }
}

/** Says on standard error how it goes, when that has changed. */
const teller = (monitor: Monitor): ((report: LookReport) => void) => {
  let last = ''
  return ({ isComplete, unreachable, alarms }) => {
    const { origin, size, verified } = monitor.status
    const state = unreachable?.code ?? (isComplete ? `complete ${alarms.length}` : `at ${verified}`)
    if (state === last) return
    last = state
    if (unreachable !== undefined) return say(`treehead: ${unreachable.code}: ${printable(unreachable.message)}`)
    const on = alarms.length === 0 ? 'no alarm is on' : `on: ${alarms.map(({ kind }) => kind).join(', ')}`
    say(printable(`${origin}: verified ${verified} of ${size ?? 'unknown'} entries; ${on}`))
  }
}

/** An alarm as it is printed and posted. */
const messageOf = (
  { change, alarm }: AlarmChange,
  log: { readonly url: string; readonly origin: string },
): Readonly<Record<string, string | undefined>> => ({
  time: new Date().toISOString(),
  change,
  alarm: alarm.kind,
  subject: alarm.subject,
  detail: alarm.detail,
  meaning: alarmMeanings[alarm.kind],
  since: new Date(alarm.since).toISOString(),
  ...log,
})
