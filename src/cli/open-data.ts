/** Opens the log that --data names, making it on the first start: its keys, its ledger, its first token. */
import { type KeyObject, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { formatTokens, hashToken, parseTokens, type StoredToken, TokenTable } from '../http/tokens.ts'
import { createDataDir, dataDirState, dataFiles } from '../log/data-dir.node.ts'
import { type DiskGuard, openDiskGuard } from '../log/disk.node.ts'
import type { Observe } from '../log/events.ts'
import type { Log } from '../log/open.ts'
import { openLogDir } from '../log/open-dir.node.ts'
import { openMemoryLog } from '../log/open-memory.node.ts'
import type { RefusedError } from '../log/refusal.ts'
import type { GuardReport } from '../log/witnesses/guard.ts'
import type { Witnessing } from '../log/witnesses/witnessing.ts'
import { decodeUtf8 } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import type { Config } from './config.ts'
import { guardStart } from './guard-start.ts'
import { type AuditService, openAuditService } from './open-audit.ts'
import { type ObserveMirror, type OpenMirrors, openMirrors } from './open-mirrors.ts'
import { openWitnessing, type WitnessingOptions } from './open-witnessing.ts'
import { watchFile } from './watched-file.ts'

/** An open log, and what the server needs to know of where it lies. */
export interface OpenData extends AsyncDisposable {
  readonly log: Log
  readonly vkey: string
  readonly treeHeadKey: KeyObject
  /** What the token file says now. */
  readonly tokens: TokenTable
  /** The text of the first token, if it was made just now. */
  readonly newToken: string | undefined
  /** Where the operator's copy of the first token lies; undefined for a log in memory. */
  readonly tokenFile: string | undefined
  /** Undefined for a log in memory. */
  readonly disk: DiskGuard | undefined
  /** Undefined for a log without a policy. */
  readonly witnessing: Witnessing | undefined
  /** The audit events of the log. */
  readonly audit: AuditService
  /** Undefined for a log without mirrors. */
  readonly mirrors: OpenMirrors | undefined
}

/** What opening needs besides the configuration. */
export interface Surroundings {
  readonly clock: Clock
  readonly observe: Observe
  readonly observeWitnesses: WitnessingOptions['observe']
  readonly observeMirror: ObserveMirror
  /** Told of a token file that cannot be read: the tokens stay what they were. */
  readonly complain: (error: unknown) => void
  /** Told of what the rollback guard heard, and of who was left out. */
  readonly guarded: (report: GuardReport) => void
}

/** Opens. Rejects with RefusedError, and with `usage` for a --data that is not a kind of storage. */
export const openData = async (config: Config, surroundings: Surroundings): Promise<OpenData> => {
  const [, scheme = 'level', location = ''] = /^(?:([a-z][a-z0-9+.-]*):)?(.*)$/s.exec(config.data) ?? []
  if (scheme === 'memory' && location === '') return openInMemory(config, surroundings)
  if (scheme === 'level' && location !== '') return openFolder(location, config, surroundings)
  throw new TlogError('usage', `want --data level:<folder> or memory:, got ${config.data}`)
}

const poolLimits = (
  config: Config,
): Pick<Config, 'maxPoolEntries' | 'maxPoolBytes' | 'maxCommitEntries' | 'maxCommitBytes'> => config

const tokenLine = (token: string): string => formatTokens([{ role: 'append', hash: hashToken(token), label: 'first' }])

const openInMemory = async (config: Config, surroundings: Surroundings): Promise<OpenData> => {
  const { allowDuplicates, cachedTiles, origin, policy, mirrors } = config
  if (policy !== undefined || mirrors !== undefined)
    throw new TlogError('usage', 'a log in memory has no witnesses and no mirrors: want --data level:<folder>')
  const opened = await openMemoryLog({
    clock: surroundings.clock,
    observe: surroundings.observe,
    allowDuplicates,
    cachedTiles,
    origin,
    limits: poolLimits(config),
  })
  const { log, storage } = opened
  const audit = await openAuditService({
    log,
    storage,
    folder: undefined,
    keysFolder: undefined,
    clock: surroundings.clock,
  })
  const newToken = randomBytes(32).toString('base64url')
  const tokens = new TokenTable(parseTokens(tokenLine(newToken)), surroundings.clock)
  return {
    ...opened,
    audit,
    tokens,
    newToken,
    tokenFile: undefined,
    disk: undefined,
    witnessing: undefined,
    mirrors: undefined,
  }
}

const openFolder = async (path: string, config: Config, surroundings: Surroundings): Promise<OpenData> => {
  const { clock, observe, observeWitnesses, observeMirror, guarded } = surroundings
  const { origin, ledger: ledgerPath, allowDuplicates, cachedTiles, minFreeBytes } = config
  const first = (await dataDirState(path)) !== 'log'
  if (first) await createDataDir({ path, origin, ledgerPath, clock, tokenLine })
  const elsewhere = [ledgerPath, config.subjectKeys].filter((one) => one !== undefined)
  const volumes = [path, ...elsewhere.map((one) => dirname(resolve(one)))]
  const disk = await openDiskGuard({ paths: volumes, minFreeBytes })
  const late: {
    witnessing?: Witnessing | undefined
    mirrors?: OpenMirrors | undefined
    audit?: AuditService | undefined
    tokens?: Disposable | undefined
  } = {}
  const admit = (): RefusedError | undefined => disk.refusal() ?? late.witnessing?.refusal()
  const options = { path, ledgerPath, clock, observe, admit, allowDuplicates, cachedTiles, limits: poolLimits(config) }
  const opened = await openLogDir(options)
  const dispose = async (): Promise<void> => {
    await late.witnessing?.stop()
    await late.mirrors?.[Symbol.asyncDispose]()
    late.tokens?.[Symbol.dispose]()
    await late.audit?.[Symbol.asyncDispose]()
    await opened[Symbol.asyncDispose]()
    disk[Symbol.dispose]()
  }
  if (origin !== undefined && origin !== opened.log.origin) {
    await dispose()
    throw new TlogError('usage', `--origin names a new log; the log in ${path} is ${opened.log.origin}, not ${origin}`)
  }
  const { log, dir, storage } = opened
  let audit: AuditService
  const tokens = new TokenTable([], clock)
  try {
    const { vkeys } = dir
    late.witnessing = await openWitnessing({ config, log, vkeys, storage, observe: observeWitnesses })
    late.mirrors = await openMirrors(config, log, observeMirror)
    // Of a key that was made just now nobody can know a newer head.
    const report = first
      ? undefined
      : await guardStart({ config, log, witnessing: late.witnessing, mirrors: late.mirrors })
    if (report !== undefined) guarded(report)
    audit = await openAuditService({ log, storage, folder: path, keysFolder: config.subjectKeys, clock })
    late.audit = audit
    late.tokens = await watchTokens(join(path, dataFiles.tokens), tokens, surroundings)
  } catch (error) {
    await dispose()
    throw error
  }
  const { witnessing, mirrors } = late
  const tokenFile = join(path, dataFiles.appendToken)
  return {
    log: witnessing === undefined ? log : { ...log, reader: log.reader.offering(() => witnessing.witnessed) },
    audit,
    witnessing,
    mirrors,
    vkey: opened.dir.vkey,
    treeHeadKey: opened.dir.treeHeadKey,
    tokens,
    newToken: first ? (await readFile(tokenFile, 'utf8')).trim() : undefined,
    tokenFile,
    disk,
    [Symbol.asyncDispose]: dispose,
  }
}

/** What the file says counts from the next request on. */
const watchTokens = async (path: string, table: TokenTable, { complain }: Surroundings): Promise<Disposable> => {
  const changed = (tokens: readonly StoredToken[]): void => table.replace(tokens)
  const watched = await watchFile({ path, parse: (bytes) => parseTokens(decodeUtf8(bytes)), complain, changed })
  table.replace(watched.value())
  return watched
}
