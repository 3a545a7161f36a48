/** The audit service over a log in LevelDB with its search index, stopped and started as often as a test wants. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Recordable } from '../../../src/audit/make-entry.ts'
import { type Audit, openAudit } from '../../../src/audit/open.ts'
import type { AppendedEvent } from '../../../src/audit/recorder.ts'
import { aesSealer, mac, randomSource } from '../../../src/audit/sealer.node.ts'
import { openSearch, type Search } from '../../../src/audit/search/open-search.ts'
import { SEARCH_STORE } from '../../../src/audit/search/search-store.ts'
import { memoryLedger } from '../../../src/log/ledger.ts'
import { createLog, type Log, openLog } from '../../../src/log/open.ts'
import { openStorage } from '../../../src/storage/backends.ts'
import type { Storage } from '../../../src/storage/storage.ts'
import { testKey } from '../../support/log.ts'

/** What is open between two restarts. */
export interface Open extends Audit {
  readonly log: Log
  readonly storage: Storage
  readonly search: Search
}

/** A log on disk; its folder is removed when it is disposed. */
export class RealLog implements AsyncDisposable {
  /** All that was acknowledged. */
  readonly events: AppendedEvent[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'treehead-search-'))
  readonly #ledger = memoryLedger()
  readonly #keys: Storage
  #time = Date.parse('2026-11-20T00:00:00Z')
  #open: Open | undefined

  private constructor(keys: Storage) {
    this.#keys = keys
  }

  /** A new one, open. */
  static async create(): Promise<RealLog> {
    const log = new RealLog(await openStorage('memory:', { create: true }))
    await using storage = await openStorage(log.#url, { create: true })
    await createLog(log.#partsOf(storage))
    return log
  }

  /** What is open now. */
  get now(): Open {
    if (this.#open === undefined) throw new Error('the log is not open')
    return this.#open
  }

  /** Opens, after it was stopped if it was open. */
  async restart(): Promise<Open> {
    await this.stop()
    const storage = await openStorage(this.#url)
    const log = await openLog(this.#partsOf(storage))
    const random = randomSource()
    const sealer = aesSealer(random)
    const keys = this.#keys.keyValue('subjects')
    let search: Search | undefined
    const appended = (events: readonly AppendedEvent[]): void => {
      this.events.push(...events)
      search?.append(events)
    }
    const clock = (): number => this.#time++
    const audit = await openAudit({ log, storage, keys, sealer, mac, random, clock, appended })
    const store = storage.keyValue(SEARCH_STORE)
    search = await openSearch({ store, subjects: audit.subjects, events: audit.events, reader: log.reader })
    this.#open = { ...audit, log, storage, search }
    return this.#open
  }

  /** Stops as a server does. */
  async stop(): Promise<void> {
    if (this.#open === undefined) return
    const { recorder, search, log, storage } = this.#open
    this.#open = undefined
    await recorder.drain()
    await search[Symbol.asyncDispose]()
    await log.sequencer.drain()
    await storage[Symbol.asyncDispose]()
  }

  /** Records events, as 100 at a time. */
  async record(items: readonly Recordable[]): Promise<void> {
    const steps = Array.from({ length: Math.ceil(items.length / 100) }, (_, i) => items.slice(100 * i, 100 * (i + 1)))
    await Promise.all(steps.map((step) => this.now.recorder.record(step)))
  }

  /** Erases the keys of these handles, as an erasure does. */
  async eraseKeys(handles: readonly Uint8Array[]): Promise<void> {
    const keys = this.#keys.keyValue('subjects')
    await keys.write(handles.map((handle) => ({ key: Uint8Array.of(0x68, ...handle), value: undefined })))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  get #url(): string {
    return `level:${join(this.#folder, 'db')}`
  }

  #partsOf({ log }: Storage) {
    return { store: log, ledger: this.#ledger, key: testKey(), clock: () => this.#time++, allowDuplicates: true }
  }
}
