/** The server's own log: JSON lines of pino on standard error. Never a token, a query, a header or a body. */
import { type DestinationStream, destination, type Level, type Logger as PinoLogger, pino } from 'pino'
import type { LogEvent } from '../log/events.ts'
import type { GuardReport } from '../log/witnesses/guard.ts'
import type { WitnessingEvent } from '../log/witnesses/witnessing.ts'
import { TlogError } from '../primitives/error.ts'
import type { ObserveServed } from './observe.ts'

/** Writes lines at a level. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'isLevelEnabled'>

/** The levels that can be asked for; each includes those after it. */
export const logLevels = ['debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** The name of a level. */
export type LogLevel = Extract<Level | 'silent', (typeof logLevels)[number]>

/** Opens the log. It is written at once, not later: the last line before an end is the one that matters. */
export const openLogger = (level: LogLevel, into: DestinationStream = destination({ dest: 2, sync: true })): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    into,
  )

/** One line for each request, at debug. */
export const logRequests =
  (logger: Logger): ObserveServed =>
  ({ method, route, path, status, ms, code }) => {
    if (!logger.isLevelEnabled('debug')) return
    // A path may be anything, a token that was pasted into the wrong place too; only leaf hashes are long by right.
    const shown = path().replaceAll(/[A-Za-z0-9_~.+=-]{24,}/g, (run) => (/^[0-9a-f]{64}$/.test(run) ? run : '…'))
    logger.debug(
      { method, path: printable(shown.slice(0, 512)), route, status, ms: Math.round(ms * 1e3) / 1e3, code },
      'request',
    )
  }

/** What the log reports of itself: commits at debug, what an operator should know above it. */
export const logEvents =
  (logger: Logger): ((event: LogEvent) => void) =>
  (event) => {
    const { kind } = event
    if (kind === 'poisoned') logger.fatal(errorFields(event.error), 'a write failed: the server stops')
    else if (kind === 'unfiltered')
      logger.warn(
        errorFields(event.error),
        'the log could not be read whole: new entries take longer; run treehead fsck',
      )
    else if (kind === 'repaired')
      logger.warn(errorFields(event.error), 'the database was repaired, and every entry of it is what was signed')
    else if (kind === 'reindexed') logger.info(event, 'the index of leaf hashes was completed')
    else if (kind === 'committed') logger.debug(event, 'commit')
  }

/** What the rollback guard heard: a decision to go on without a witness is written down. */
export const logGuard =
  (logger: Logger): ((report: GuardReport) => void) =>
  ({ answered, missing }) => {
    if (missing.length === 0) logger.info({ answered }, 'no witness knows of a newer head')
    else logger.warn({ answered, missing }, 'some witnesses could not be asked for a newer head')
  }

/** What witnessing reports: a quorum that is missing once until it is back, the rest at debug. */
export const logWitnessing = (logger: Logger): ((event: WitnessingEvent) => void) => {
  let isMissing = false
  return (event) => {
    if (event.kind === 'failed') logger.error(errorFields(event.error), 'a witnessed checkpoint could not be published')
    else if (event.kind === 'witnessed') {
      if (isMissing) logger.info(event, 'the quorum of witnesses is back')
      else logger.debug(event, 'witnessed')
      isMissing = false
    } else {
      if (isMissing) logger.debug(event, 'no quorum of witnesses')
      else logger.warn(event, 'no quorum of witnesses')
      isMissing = true
    }
  }
}

/** How pushing to mirrors goes: a failure once until it is over, the rest at debug. */
export const logMirrors = (
  logger: Logger,
): ((outcome: {
  readonly name: string
  readonly pushed?: { readonly size: number }
  readonly error?: unknown
}) => void) => {
  const failing = new Set<string>()
  return ({ name, pushed, error }) => {
    if (error !== undefined) {
      const line = { mirror: name, ...errorFields(error) }
      if (failing.has(name)) logger.debug(line, 'a mirror is not up to date')
      else logger.warn(line, 'a mirror is not up to date')
      failing.add(name)
      return
    }
    if (failing.delete(name)) logger.info({ mirror: name, size: pushed?.size }, 'the mirror is up to date again')
    else logger.debug({ mirror: name, size: pushed?.size }, 'mirrored')
  }
}

/** For how long an error of the same code is only counted after it was written down, in milliseconds. */
const QUIET_MS = 1_000

/**
 * Writes down the failures that are the server's own: 503s at warn, the rest at error. One line a second for each code,
 * with a count of those that were left out, since a full disk fails every request.
 */
export const logFailures = (
  logger: Logger,
  now: () => number = () => performance.now(),
): ((error: unknown) => void) => {
  const seen = new Map<string, { at: number; repeated: number }>()
  return (error) => {
    const code = error instanceof TlogError ? error.code : 'internal'
    const last = seen.get(code)
    if (last !== undefined && now() - last.at < QUIET_MS) {
      last.repeated++
      return
    }
    seen.set(code, { at: now(), repeated: 0 })
    const fields = {
      ...errorFields(error),
      ...(last !== undefined && last.repeated > 0 && { repeated: last.repeated }),
    }
    if (code === 'internal' || code === 'corrupt') logger.error(fields, 'a request failed')
    else logger.warn(fields, 'a request was turned away')
  }
}

/** An error and its causes as fields: codes and sentences, and for a bug where it is. */
export const errorFields = (error: unknown): object => {
  const causes: string[] = []
  for (let at = error instanceof Error ? error.cause : undefined; at !== undefined && causes.length < 5; ) {
    causes.push(printable(String(at)))
    at = at instanceof Error ? at.cause : undefined
  }
  const coded = error instanceof TlogError
  return {
    code: coded ? error.code : 'internal',
    message: printable(error instanceof Error ? error.message : String(error)),
    ...(causes.length > 0 && { causes }),
    ...(!coded && error instanceof Error && { stack: error.stack }),
  }
}

/** Percent-encodes whatever is not a printable ASCII character, so that no text can steer a terminal or fake a line. */
export const printable = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e…]/gu, (character) =>
    Buffer.from(character).toString('hex').toUpperCase().replaceAll(/../g, '%$&'),
  )
