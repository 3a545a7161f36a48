/** What the witnesses of other people have in common: where they are, who they are, and which logs they know. */
import { type PeerProcess, statusOf } from './peer-process.ts'

/** A running witness. */
export interface WitnessPeer extends PeerProcess {
  /** The submission prefix, without a trailing slash. */
  readonly url: string
  /** The keys that it cosigns with, all of one name. */
  readonly vkeys: readonly string[]
}

/** Where and for whom to start a witness. */
export interface WitnessOptions {
  /** Holds its keys and its state; need not exist. Started again in the same folder, it is the same witness. */
  readonly dir: string
  /** Its name in cosignatures. */
  readonly name: string
  /** The logs it knows. A log's origin is the name of its key. */
  readonly logs: readonly string[]
  /** Where it listens on 127.0.0.1. Default: a free port. */
  readonly port?: number
}

/** A witness network's list of logs (witness-network.org, `logs/v0`), which some witnesses read. */
export const logList = (vkeys: readonly string[]): string =>
  ['logs/v0', ...vkeys.map((vkey) => `\nvkey ${vkey}\nqpd 86400\ncontact nobody@example.com`), ''].join('\n')

/** True once the witness at `url` answers and does not say 404 to the log of `vkey`, as the spec has it for unknown ones. */
export const knowsLog = async (url: string, vkey: string): Promise<boolean> => {
  const [origin] = vkey.split('+')
  const unsigned = `old 0\n\n${origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— ${origin} AAAAAA==\n`
  const status = await statusOf(`${url}/add-checkpoint`, { method: 'POST', body: unsigned })
  return status !== 404
}

/** True once the witness at `url` knows all logs. */
export const knowsLogs = async (url: string, vkeys: readonly string[]): Promise<boolean> => {
  const known = await Promise.all(vkeys.map((vkey) => knowsLog(url, vkey)))
  return known.every(Boolean)
}
