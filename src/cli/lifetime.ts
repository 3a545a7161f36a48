/** The end of a server: signals, a stop that answers what is under way, and the limit after which it is given up. */
import type { Logger } from '../http/request-log.ts'
import type { Listening } from '../http/serve.node.ts'
import { TlogError } from '../primitives/error.ts'
import { exitCodes } from './report.ts'

/** A server that runs. */
export interface Running {
  readonly server: Listening
  /** Called before anything is stopped, so that the server can say that it is stopping. */
  readonly beforeStop: () => void
  /** Closes what lies under the server, once it answers no more. */
  readonly dispose: () => PromiseLike<void>
  readonly logger: Logger
  /** How long a stop waits for answers under way, in milliseconds. */
  readonly graceMs: number
}

/** After this many milliseconds a stop that has not come to its end is given up: a supervisor would kill it soon. */
const STOP_LIMIT = 9_500

/** Stops at the first SIGINT or SIGTERM, and ends at once at the second. */
export const stopOnSignals = (running: Running): void => {
  let stopping = false
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, () => {
      // The second one means it: what was acknowledged is on disk.
      if (stopping) process.exit(128 + number)
      stopping = true
      void stop(running, signal)
    })
  }
}

/** Drains: answers what is under way, takes nothing new, closes the database, exits with 0. */
const stop = async (running: Running, signal: string): Promise<never> => {
  const { server, beforeStop, dispose, logger, graceMs } = running
  setTimeout(() => {
    logger.fatal({ signal }, 'the disk does not let the database close; ended without')
    process.exit(exitCodes.failStop)
  }, STOP_LIMIT)
  beforeStop()
  logger.info({ signal }, 'stopping')
  try {
    await server.stop(graceMs)
    await dispose()
    logger.info({}, 'stopped')
    return process.exit(exitCodes.done)
  } catch (error) {
    logger.fatal({ message: String(error) }, 'the database did not close cleanly')
    return process.exit(exitCodes.failStop)
  }
}

/** After a failed write the process ends by itself, once those who wait have been answered. */
export const failStop =
  (report: (error: unknown) => void) =>
  (error: unknown): void => {
    report(error)
    if (error instanceof TlogError && error.code === 'poisoned') setTimeout(() => process.exit(exitCodes.failStop), 300)
  }
