/** Opens the witnessing of a log: its policy file, the rollback guard, and the rounds. */
import { readFile } from 'node:fs/promises'
import type { Log } from '../log/open.ts'
import { askWitnesses, type GuardReport } from '../log/witnesses/guard.ts'
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
  /** True for a log that was made just now: nobody can know of a newer head of its key. */
  readonly isNew: boolean
  readonly observe: (event: WitnessingEvent) => void
  /** Told of what the guard heard, and of who was left out. */
  readonly guarded: (report: GuardReport) => void
}

/**
 * Opens; undefined without `--policy`. Rejects with `usage` for a bad policy, and with RefusedError `behind_witness`,
 * `fork_of_witness` or `witness_unreachable`.
 */
export const openWitnessing = async (options: WitnessingOptions): Promise<Witnessing | undefined> => {
  const { config, log, vkeys, storage, isNew } = options
  if (config.policy === undefined) return undefined
  const policy = forLog(await readPolicy(config.policy), log.origin, vkeys)
  const witnessing = await Witnessing.open({
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
  const proceedWithout = new Set(config.proceedWithout?.split(',').filter((name) => name !== ''))
  const stranger = [...proceedWithout].find((name) => !policy.witnesses.some((witness) => witness.name === name))
  if (stranger !== undefined) throw new TlogError('usage', `--proceed-without: the policy has no witness ${stranger}`)
  if (!isNew) {
    const { links } = witnessing
    options.guarded(await askWitnesses({ policy, links, head: log.sequencer.published, proceedWithout }))
  }
  return witnessing
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
