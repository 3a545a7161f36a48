/** The lists by which a witness or a mirror knows logs, and the evidence that its operator acknowledged, read again when they change. */
import { join } from 'node:path'
import { parseVerifierKey, type VerifierKey } from '../note/key.ts'
import { equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { type Policy, parsePolicy } from '../tlog/policy.ts'
import { type ListedKey, type LogList, logList, parseLogList } from '../witness/log-list.ts'
import { witnessFiles } from '../witness/witness-dir.node.ts'
import { asUsage } from './input.ts'
import { type Watched, watchFile } from './watched-file.ts'

/** Which logs are known. */
export interface ListConfig {
  /** Verifier keys of logs. */
  readonly log: readonly string[]
  /** Lists of logs, logs/v0 or policies. */
  readonly logList: readonly string[]
  /** A policy, whose logs are known too. */
  readonly policy?: string | undefined
}

/** Who is told of lists. */
export interface ListObserver {
  /** Told of a list that changed, or could not be read again. */
  readonly list: (path: string, error?: unknown) => void
}

/** The lists as they are now. */
export interface WatchedLists extends Disposable {
  readonly logs: () => LogList
  readonly policy: () => Policy | undefined
  look(): Promise<void>
}

/** Opens the lists. Rejects with `usage` for a bad key or list. */
export const openLists = async (config: ListConfig, observers: ListObserver): Promise<WatchedLists> => {
  const given = config.log.map((vkey) => ({ key: asUsage('--log', () => parseVerifierKey(vkey)) }))
  const watched: Watched<readonly ListedKey[]>[] = []
  let joined: LogList = new Map()
  const rejoin = (): void => {
    joined = logList([...given, ...watched.flatMap((list) => list.value())])
  }
  const changed = (path: string) => (): void => {
    rejoin()
    observers.list(path)
  }
  const paths = [...config.logList, ...(config.policy === undefined ? [] : [config.policy])]
  for (const path of paths) watched.push(await watchList(path, parseLogList, observers, changed(path)))
  const policy =
    config.policy === undefined ? undefined : await watchList(config.policy, parsePolicy, observers, () => {})
  rejoin()
  const all = [...watched, ...(policy === undefined ? [] : [policy])]
  return {
    logs: () => joined,
    policy: () => policy?.value(),
    look: async () => {
      for (const list of all) await list.look()
    },
    [Symbol.dispose]: () => {
      for (const list of all) list[Symbol.dispose]()
    },
  }
}

const watchList = async <T>(
  path: string,
  parse: (bytes: Uint8Array) => T,
  observers: ListObserver,
  changed: () => void,
): Promise<Watched<T>> => {
  try {
    return await watchFile({ path, parse, complain: (error) => observers.list(path, error), changed })
  } catch (cause) {
    throw new TlogError('usage', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

/** Watches the file in a folder that holds the ids of acknowledged evidence. */
export const watchAcknowledged = (folder: string, observers: ListObserver): Promise<Watched<ReadonlySet<string>>> =>
  watchFile<ReadonlySet<string>>({
    path: join(folder, witnessFiles.acknowledged),
    parse: parseAcknowledged,
    absent: new Set<string>(),
    complain: (error) => observers.list(witnessFiles.acknowledged, error),
  })

const parseAcknowledged = (bytes: Uint8Array): ReadonlySet<string> =>
  new Set(
    new TextDecoder()
      .decode(bytes)
      .split('\n')
      .map((line) => line.slice(0, 64)),
  )

/** True for two keys with the same public half, whatever they are called. */
export const isSameKey = (a: VerifierKey, b: VerifierKey): boolean => equalBytes(a.publicKey, b.publicKey)
