/** The audit service over a real log in memory, for tests. */
import { type Audit, openAudit } from '../../src/audit/open.ts'
import type { AppendedEvent } from '../../src/audit/recorder.ts'
import { aesSealer, mac, randomSource } from '../../src/audit/sealer.node.ts'
import { openSearch, type Search } from '../../src/audit/search/open-search.ts'
import { SEARCH_STORE } from '../../src/audit/search/search-store.ts'
import type { AuditEvent } from '../../src/event/event.ts'
import { type OpenMemory, openMemoryLog } from '../../src/log/open-memory.node.ts'
import { openStorage } from '../../src/storage/backends.ts'
import type { KeyValueStore } from '../../src/storage/storage.ts'

/** The service and what lies under it. */
export interface MemoryAudit extends Audit, OpenMemory {
  readonly search: Search
  readonly keys: KeyValueStore
  readonly appended: readonly AppendedEvent[]
  /** Sets the clock, in milliseconds. */
  setTime(ms: number): void
  /** Another service over the same log and keys, as after a restart. */
  again(): Promise<Audit>
}

/** Opens a new one. */
export const memoryAudit = async (): Promise<MemoryAudit> => {
  let time = 1_700_000_000_000
  const clock = (): number => time
  const opened = await openMemoryLog({ clock: () => time++, origin: 'audit.example/log' })
  const keys = (await openStorage('memory:', { create: true })).keyValue('subjects')
  const random = randomSource()
  const appended: AppendedEvent[] = []
  const late: { search?: Search } = {}
  const again = (): Promise<Audit> =>
    openAudit({
      log: opened.log,
      storage: opened.storage,
      keys,
      sealer: aesSealer(random),
      mac,
      random,
      clock,
      appended: (events) => {
        appended.push(...events)
        late.search?.append(events)
      },
    })
  const setTime = (ms: number): void => {
    time = ms
  }
  const audit = await again()
  const { events, subjects } = audit
  const store = opened.storage.keyValue(SEARCH_STORE)
  const search = await openSearch({ store, subjects, events, reader: opened.log.reader })
  late.search = search
  const dispose = async (): Promise<void> => {
    await search[Symbol.asyncDispose]()
    await opened[Symbol.asyncDispose]()
  }
  return { ...opened, ...audit, search, keys, appended, setTime, again, [Symbol.asyncDispose]: dispose }
}

/** A role that was assigned. */
export const roleAssigned = (id: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  id,
  time: '2026-11-20T21:47:00.123Z',
  action: 'user.role.assign',
  outcome: 'success',
  actor: { type: 'admin', id: 'u_1', session: 's_9' },
  target: { type: 'user', id: 'u_42', name: 'jdoe' },
  with: [{ type: 'role', id: 'admin', name: 'Admin' }],
  before: { roles: ['viewer'] },
  after: { roles: ['viewer', 'admin'] },
  source: { ip: '192.0.2.7' },
  reason: 'CHG-1881',
  tenant: 'acme',
  ...more,
})
