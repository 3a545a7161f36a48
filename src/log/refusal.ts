/** Refusals: why a log does not start or does not sign, each with a name, a sentence and what helps. */
import { TlogError } from '../primitives/error.ts'

/** The reasons, and what an operator can do about each. */
export const refusals = {
  locked: 'another server has this data open; stop it first, or use another --data',
  no_log: 'there is no log in this folder; `treehead serve` starts one in an empty or absent folder only',
  half_made: 'the first start did not finish; if nothing was ever appended, remove the folder and start again',
  format: 'the data was written by another version of Treehead; run that version, or upgrade this one',
  wrong_key:
    'a key file does not belong to this log; put back the key file that was made with it, and see spec/key-rotation.md for how to change keys',
  key_permissions: 'others can read the key file; `chmod 600` it and consider whether the key was seen',
  head_missing: 'the database has lost its signed head; restore the newest backup that is not older than the ledger',
  head_damaged:
    'the signed head in the database does not verify; restore the newest backup that is not older than the ledger',
  tree_damaged:
    'stored entries or tiles do not match the signed head; run `treehead fsck --data …` and restore the newest backup that is not older than the ledger',
  behind_ledger:
    'the database is older than a head that was already released: an old copy was restored, or its newest part was lost. Going on would fork the log. Restore a newer copy; nothing else is safe',
  fork_of_ledger:
    'the database and the ledger hold two histories of one log. Keep both as evidence; do not sign with this key again before it is understood',
  ledger_missing:
    'the signed-head ledger is gone, so an old copy of the database would go unnoticed; put the ledger back, or if it is lost and this database is the newest there is, run `treehead ledger adopt --data …`',
  ledger_damaged:
    'the signed-head ledger cannot be read; restore it, or if this database is surely the newest there is, remove it and run `treehead ledger adopt --data …`',
  clock: 'the clock is behind the time of the newest head; set the clock, then retry',
  behind_witness:
    'a witness has cosigned a larger tree of this log than the database has: an old copy was restored, or its newest part was lost. Going on would fork the log. Restore the newest copy, or rebuild the log with `treehead recover --from …`',
  fork_of_witness:
    'a witness has cosigned another tree of the same size, or holds evidence that this log signed two histories. Keep the database, the ledger and the evidence; do not sign with this key again before it is understood',
  witness_unreachable:
    'so many witnesses do not answer that they alone could have cosigned a newer head; bring them back, or, if you are sure that this database is the newest there is, name them in --proceed-without',
  events_lost:
    'the log has events, and what is kept beside them (payloads, ids, chains of sources) is gone, as after `treehead recover`. New events would get numbers and ids that are taken; entries are still read and appended raw',
  keys_missing:
    'the keys that open the payloads of events are gone; put the folder back where --subject-keys says (default: the data folder with .keys behind its name). Without it no payload can be read again',
  keys_of_another: 'the keys of --subject-keys were made with another log; put back those of this one',
  quorum_missing:
    'too many entries wait for a quorum of witnesses (--max-unwitnessed); /readyz says which witnesses lag. Entries are taken again once the quorum is back',
  disk_full: 'free space is under the watermark (--min-free-bytes); make room, and appends go on by themselves',
  stopping: 'the server is stopping; retry in a few seconds',
} as const

/** The name of a reason; stable. */
export type RefusalReason = keyof typeof refusals

/** The log will not do it, for a reason that a person can mend. */
export class RefusedError extends TlogError {
  override readonly name = 'RefusedError'
  readonly reason: RefusalReason
  /** What helps. */
  readonly help: string

  constructor(reason: RefusalReason, detail: string, options?: { readonly cause?: unknown }) {
    super('refused', `${reason}: ${detail}`, options)
    this.reason = reason
    this.help = refusals[reason]
  }
}
