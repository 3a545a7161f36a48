/** The HTTP service over a log in memory as a `fetch`, without sockets: for thousands of sessions in a second. */
import { askAnyone } from '../../src/http/access.ts'
import { createApp } from '../../src/http/app.ts'
import type { MemoryLog } from './memory-log.ts'

/** Where the log seems to be. */
export const LOG_URL = 'http://log.test'

/** Answers like the real server of this log, to everyone. */
export const logFetch = ({ log }: Pick<MemoryLog, 'log'>): typeof fetch => {
  const app = createApp({
    log,
    ask: askAnyone,
    maxBatchEntries: 16_384,
    maxBatchBytes: 16 * 2 ** 20,
    parts: [],
    report: () => {},
  })
  return async (input, init) => app.fetch(new Request(input, init))
}
