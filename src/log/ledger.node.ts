/** The signed-head ledger in a file of its own. */
import { openSlots } from '../storage/slots.node.ts'
import type { HeadLedger } from './ledger.ts'

/** How to open a ledger file; `create` makes it, and fails when it is already there. */
export interface LedgerFile {
  readonly path: string
  readonly create: boolean
}

/** Opens a ledger file. Rejects with `not_found` when it is absent and not to be made, and with `io`. */
export const openLedgerFile = async (options: LedgerFile): Promise<HeadLedger> => {
  const slots = await openSlots({ ...options, title: 'ledger' })
  return {
    last: async () => {
      const record = await slots.last()
      return record && { sequence: record.sequence, head: record.value }
    },
    record: async (previous, head) => {
      const { sequence } = await slots.record(previous && { sequence: previous.sequence, value: previous.head }, head)
      return { sequence, head }
    },
    [Symbol.asyncDispose]: () => slots[Symbol.asyncDispose](),
  }
}
