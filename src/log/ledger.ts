/** The signed-head ledger: a memory outside the database of every head that may have left the process. */

/** A head that the ledger holds, as bytes of `formatHead`, and how many were recorded up to it. */
export interface LedgerRecord {
  readonly sequence: number
  readonly head: Uint8Array
}

/**
 * Holds the newest head that was about to be released. It is what notices that the database was restored from an older
 * copy, so keep it on another volume, out of the backup of the database. Whoever can rewrite the ledger and the database
 * together can make the log fork; witnesses notice that, the ledger cannot.
 */
export interface HeadLedger extends AsyncDisposable {
  /** The newest record, undefined before the first. Rejects with `corrupt` when no record can be read. */
  last(): Promise<LedgerRecord | undefined>
  /**
   * Compare and swap: replaces `previous` by a record of `head`, durably. Rejects with `conflict` when another writer
   * recorded since, and with `io` when it is not certain to be on disk.
   */
  record(previous: LedgerRecord | undefined, head: Uint8Array): Promise<LedgerRecord>
}

/** A ledger that forgets at the end of the process: for `memory:` logs and tests. */
export const memoryLedger = (): HeadLedger => {
  let last: LedgerRecord | undefined
  return {
    last: async () => last,
    record: async (previous, head) => {
      last = { sequence: (previous?.sequence ?? 0) + 1, head: head.slice() }
      return last
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
