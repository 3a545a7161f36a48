/** The address a server listens on, as people write it. */
import { isIP } from 'node:net'
import { TlogError } from '../primitives/error.ts'

/** A host to bind and a port, where 0 is any free one. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Parses `host:port` or `[IPv6]:port`. Throws `usage` for anything else. */
export const parseListen = (text: string): ListenAddress => {
  const [, bracketed, bare, port = ''] =
    /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(0|[1-9][0-9]{0,4})$/.exec(text) ?? []
  const host = bracketed ?? bare
  if (host === undefined || Number(port) > 65_535 || (bracketed !== undefined && isIP(bracketed) !== 6))
    throw new TlogError('usage', `want --listen <host:port> such as 127.0.0.1:6962 or [::1]:6962, got ${text}`)
  return { host, port: Number(port) }
}

/** True for the addresses that no other machine can reach: 127.0.0.0/8, ::1 and localhost. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
