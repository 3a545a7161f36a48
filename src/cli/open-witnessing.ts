/** Opens the witnessing of a log from its policy file. */
import { readFile } from 'node:fs/promises'
import type { Log } from '../log/open.ts'
import { Witnessing, type WitnessingEvent } from '../log/witnesses/witnessing.ts'
import { formatVerifierKey, parseVerifierKey } from '../note/key.ts'
import { TlogError } from '../primitives/error.ts'
import type { Storage } from '../storage/storage.ts'
import { type Policy, parsePolicy } from '../tlog/policy.ts'
import type { Config } from './config.ts'

/** What it is opened for. */
export interface WitnessingOptions {
  readonly config: Config
  readonly log: Log
  /** The public keys of the log, those in use and the retired. */
  readonly vkeys: readonly string[]
  readonly storage: Storage
  readonly observe: (event: WitnessingEvent) => void
}

/** Opens; undefined without `--policy`. Rejects with `usage` for a bad policy, and with RefusedError `fork_of_witness`. */
export const openWitnessing = async (options: WitnessingOptions): Promise<Witnessing | undefined> => {
  const { config, log, vkeys, storage } = options
  if (config.policy === undefined) return undefined
  const policy = forLog(await readPolicy(config.policy), log.origin, vkeys)
  return Witnessing.open({
    policy,
    store: storage.keyValue('witnessed'),
    head: () => log.sequencer.published,
    now: () => performance.now(),
    random: Math.random,
    limits: {
      intervalMs: config.witnessIntervalMs,
      timeoutMs: config.witnessTimeoutMs,
      refreshMs: config.witnessRefreshMs,
      maxUnwitnessed: config.maxUnwitnessed,
    },
    observe: options.observe,
  })
}

const readPolicy = async (path: string): Promise<Policy> => {
  try {
    return parsePolicy(await readFile(path))
  } catch (cause) {
    throw new TlogError('usage', `--policy ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
}

/** The policy with the keys of this log as its log lines. One that names other keys for it is the policy of another log. */
const forLog = (policy: Policy, origin: string, vkeys: readonly string[]): Policy => {
  const named = policy.logs.filter(({ key }) => key.name === origin)
  const foreign = named.filter(({ key }) => !vkeys.includes(formatVerifierKey(key)))
  if (policy.logs.length > 0 && (named.length === 0 || foreign.length === named.length))
    throw new TlogError('usage', `--policy names no key of ${origin}; its keys are ${vkeys.join(', ')}`)
  if (policy.witnesses.length > 0 && policy.witnesses.every(({ url }) => url === undefined))
    throw new TlogError('usage', '--policy has no witness with a URL, so none could be asked')
  return { ...policy, logs: vkeys.map((vkey) => ({ key: parseVerifierKey(vkey) })) }
}
