/** Opens the pushing of a log to its mirrors, which a file lists. */
import { readFile } from 'node:fs/promises'
import { MirrorClient, type MirroredHead, type Pushed } from '../client/mirror-client.ts'
import { witnessClient } from '../client/witness-client.ts'
import type { Log } from '../log/open.ts'
import { WitnessLink } from '../log/witnesses/link.ts'
import { MirrorPusher } from '../mirror/pusher.ts'
import { TlogError } from '../primitives/error.ts'
import { type PolicyWitness, parsePolicy } from '../tlog/policy.ts'
import { verifierOf } from '../tlog/signatures/index.ts'
import type { Config } from './config.ts'

/** How a push went. */
export type ObserveMirror = (outcome: {
  readonly name: string
  readonly pushed?: Pushed
  readonly error?: unknown
}) => void

/** The mirrors of a log. */
export interface OpenMirrors extends AsyncDisposable {
  /** To ask each of them, at the start, for the size that it has seen. */
  readonly links: readonly WitnessLink[]
  readonly pushers: readonly MirrorPusher[]
  /** Begins to push. */
  start(): void
  /** To be told that there is a new head. */
  wake(): void
}

/** Opens; undefined without `--mirrors`. Rejects with `usage` for a bad file. */
export const openMirrors = async (
  config: Config,
  log: Log,
  observe: ObserveMirror,
): Promise<OpenMirrors | undefined> => {
  if (config.mirrors === undefined) return undefined
  const mirrors = await readMirrors(config.mirrors)
  const opened = [...mirrors].map(([url, keys]) => openOne(url, keys, config, log, observe))
  const pushers = opened.map(({ pusher }) => pusher)
  return {
    links: opened.map(({ link }) => link),
    pushers,
    start: () => {
      for (const pusher of pushers) pusher.start()
    },
    wake: () => {
      for (const pusher of pushers) pusher.wake()
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(pushers.map((pusher) => pusher.stop()))
    },
  }
}

const openOne = (
  url: string,
  keys: readonly PolicyWitness[],
  config: Config,
  log: Log,
  observe: ObserveMirror,
): { readonly link: WitnessLink; readonly pusher: MirrorPusher } => {
  const names = keys.map(({ name }) => name)
  const client = new MirrorClient({ url, verifiers: keys.map(({ key }) => verifierOf(key)) })
  const ask = witnessClient({ url, verifiers: undefined, timeoutMs: config.witnessTimeoutMs })
  const pusher = new MirrorPusher({
    name: names.join(', '),
    push: (head, options) => client.push(head, options),
    head: () => headOf(log),
    clock: Date.now,
    random: Math.random,
    observe,
    intervalMs: config.mirrorRefreshMs,
  })
  return { link: new WitnessLink({ names, url, ask, now: () => performance.now(), random: Math.random }), pusher }
}

const headOf = ({ reader }: Log): MirroredHead => {
  const { checkpoint, tree } = reader.published
  return { checkpoint, tree, entries: (start, end) => reader.entries(start, end) }
}

/** The mirrors of a file, those of one URL together: a mirror has a key for each algorithm. */
const readMirrors = async (path: string): Promise<ReadonlyMap<string, readonly PolicyWitness[]>> => {
  const byUrl = new Map<string, PolicyWitness[]>()
  try {
    for (const mirror of parsePolicy(await readFile(path)).witnesses) {
      if (mirror.url === undefined) throw new TlogError('malformed', `${mirror.name} has no URL`)
      byUrl.set(mirror.url, [...(byUrl.get(mirror.url) ?? []), mirror])
    }
  } catch (cause) {
    throw new TlogError('usage', `--mirrors ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    })
  }
  if (byUrl.size === 0)
    throw new TlogError('usage', `--mirrors ${path} has no witness line, which is how a mirror is named`)
  return byUrl
}
