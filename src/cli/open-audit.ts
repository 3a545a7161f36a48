/** Opens the audit service of a log: at start when the log has events, else with the first one. */
import { chmod, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Audit, hasSubjects, openAudit } from '../audit/open.ts'
import type { AppendedEvent } from '../audit/recorder.ts'
import { aesSealer, mac, randomSource } from '../audit/sealer.node.ts'
import { openSearch, type Search } from '../audit/search/open-search.ts'
import { SEARCH_STORE } from '../audit/search/search-store.ts'
import type { Log } from '../log/open.ts'
import { RefusedError } from '../log/refusal.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { openStorage } from '../storage/backends.ts'
import { syncFolder } from '../storage/files.node.ts'
import type { Storage } from '../storage/storage.ts'

/** The audit service with its index. */
export interface OpenAudit extends Audit {
  readonly search: Search
}

/** The audit service of a running log. */
export interface AuditService extends AsyncDisposable {
  /** Undefined before the first event. */
  readonly current: OpenAudit | undefined
  /** Opens it when it is not. Rejects with `io` and `conflict`. */
  open(): Promise<OpenAudit>
}

/** What it is opened from. */
export interface AuditServiceOptions {
  readonly log: Log
  /** The storage of the log. */
  readonly storage: Storage
  /** The data folder; undefined for a log in memory, whose keys are forgotten as well. */
  readonly folder: string | undefined
  /** The folder of the keys, where it is not the default. */
  readonly keysFolder: string | undefined
  readonly clock: Clock
}

/** Opens. Rejects with RefusedError `keys_missing` and `keys_of_another`, and with `usage` for keys in the data folder. */
export const openAuditService = async (options: AuditServiceOptions): Promise<AuditService> => {
  const { folder, keysFolder } = options
  const path = folder === undefined ? undefined : resolve(keysFolder ?? `${folder}.keys`)
  if (folder !== undefined && path !== undefined && `${path}/`.startsWith(`${resolve(folder)}/`))
    throw new TlogError('usage', `want --subject-keys outside of the data folder, got ${path}`)
  const service = new LazyAudit(options, path)
  if (await hasSubjects(options.storage)) await service.reopen()
  return service
}

class LazyAudit implements AuditService {
  readonly #options: AuditServiceOptions
  readonly #path: string | undefined
  #keys: Storage | undefined
  #opening: Promise<OpenAudit> | undefined
  current: OpenAudit | undefined

  constructor(options: AuditServiceOptions, path: string | undefined) {
    this.#options = options
    this.#path = path
  }

  /** Opens with keys that have to be there. */
  async reopen(): Promise<void> {
    try {
      await this.#open(false)
    } catch (cause) {
      await this[Symbol.asyncDispose]()
      if (isTlogError(cause, 'not_found')) throw new RefusedError('keys_missing', cause.message, { cause })
      throw cause
    }
  }

  open(): Promise<OpenAudit> {
    if (this.current !== undefined) return Promise.resolve(this.current)
    this.#opening ??= this.#open(true).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(create: boolean): Promise<OpenAudit> {
    const { log, storage, clock } = this.#options
    this.#keys ??= await openKeys(this.#path, create)
    const random = randomSource()
    const keys = this.#keys.keyValue('subjects')
    const late: { search?: Search } = {}
    const appended = (events: readonly AppendedEvent[]): void => late.search?.append(events)
    const audit = await openAudit({ log, storage, keys, sealer: aesSealer(random), mac, random, clock, appended })
    const { events, subjects } = audit
    late.search = await openSearch({ store: storage.keyValue(SEARCH_STORE), subjects, events, reader: log.reader })
    this.current = { ...audit, search: late.search }
    return this.current
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.current?.recorder.drain()
    await this.current?.search[Symbol.asyncDispose]()
    await this.#keys?.[Symbol.asyncDispose]()
  }
}

const openKeys = async (path: string | undefined, create: boolean): Promise<Storage> => {
  if (path === undefined) return openStorage('memory:', { create: true })
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  // LevelDB makes the folder even of a database that it is not to make.
  if (!create && !isThere) throw new TlogError('not_found', `there is no folder ${path}`)
  const storage = await openStorage(`level:${path}`, { create })
  // A power cut must not take the name of the folder away, and with it every key.
  if (create) await syncFolder(dirname(path))
  // Whoever reads these keys can open every payload.
  await chmod(path, 0o700)
  return storage
}
