/** How commands reach a log: over HTTP, or as a folder of static files, through the same verifying client. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { HttpOptions } from '../client/http.ts'
import { LogClient, type LogClientOptions } from '../client/log-client.ts'
import { TlogError } from '../primitives/error.ts'
import type { PinnedTrust } from './flags.ts'
import { asUsage } from './input.ts'

/** Where the log of `--url` is and how to fetch from there. Throws `usage` for what is no http, https or file URL. */
export const reach = (url: string): HttpOptions => {
  const { protocol, username, password, search, hash } = asUsage('--url', () => new URL(url))
  if (!['http:', 'https:', 'file:'].includes(protocol) || username + password + search + hash !== '') {
    throw new TlogError('usage', `want --url http://host:port, https://… or file:///folder, got a URL of ${protocol}`)
  }
  return protocol === 'file:' ? { url, fetch: fetchFile } : { url, maxAttempts: 4 }
}

/** A client of the log at `url`. Throws `usage` for a bad URL or a trust that leaves open which log is meant. */
export const connect = (
  url: string,
  trust: PinnedTrust,
  options: Omit<LogClientOptions, keyof HttpOptions> = {},
): LogClient => {
  const where = reach(url)
  return asUsage('--vkey, --policy and --origin', () => new LogClient({ ...options, ...trust, ...where }))
}

/** Reads a file as a static server would: what is not there is 404. */
const fetchFile: typeof globalThis.fetch = async (input) => {
  try {
    return new Response(Uint8Array.from(await readFile(fileURLToPath(String(input)))))
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR')
      return new Response('no such file', { status: 404 })
    throw error
  }
}
