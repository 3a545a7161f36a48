/** Publishing: a head is signed, its signature checked, and the ledger told, before anyone may see it. */
import type { TileTree } from '../client/tile-tree.ts'
import type { NoteSigner, NoteVerifier } from '../note/algorithm.ts'
import { signNote } from '../note/note.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash } from '../primitives/hash.ts'
import { formatCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts'
import { formatHead } from './head.ts'
import type { HeadLedger, LedgerRecord } from './ledger.ts'
import type { PublishedCheckpoint, SignedHead } from './log.ts'
import { RefusedError } from './refusal.ts'

/** The key that signs heads, which are those of the origin that is its name. */
export interface LogKey {
  readonly signer: NoteSigner
  readonly verifier: NoteVerifier
}

/** How far the clock may be behind the last head before the next is refused, in milliseconds. */
const CLOCK_TOLERANCE = 1_000

/**
 * The time of the next head: later than the last. Throws RefusedError `clock` when the clock is over a second behind the
 * last head, as then it has been set back.
 */
export const nextTime = (last: number, now: number): number => {
  if (now > last) return now
  if (last - now > CLOCK_TOLERANCE) throw new RefusedError('clock', `it is ${now}, and the newest head is of ${last}`)
  return last + 1
}

/**
 * Signs the tree's head and checks the signature that came out, since a fault in memory or in a key device must not
 * leave the process. Throws `bad_signature` then, and RefusedError `clock`.
 */
export const signHead = (tree: TileTree, last: number, key: LogKey, clock: Clock): SignedHead => {
  const time = nextTime(last, clock())
  const text = formatCheckpoint({ origin: key.signer.name, size: tree.size, root: tree.root, extensions: [] })
  const checkpoint = signNote(text, [key.signer])
  const { checkpoint: read } = openCheckpoint(checkpoint, { origin: key.verifier.name, verifiers: [key.verifier] })
  if (read.size !== tree.size || !equalHash(read.root, tree.root))
    throw new TlogError('bad_signature', 'signed another head than asked')
  return { size: tree.size, root: tree.root, time, checkpoint }
}

/** Owns the ledger: the only maker of published checkpoints. */
export class Publisher {
  readonly #ledger: HeadLedger
  #last: LedgerRecord | undefined

  constructor(ledger: HeadLedger, last: LedgerRecord | undefined) {
    this.#ledger = ledger
    this.#last = last
  }

  /** Records a committed head, then brands it. Rejects with `conflict` or `io`, and then nothing may be released any more. */
  async publish(head: SignedHead, tree: TileTree): Promise<PublishedCheckpoint> {
    this.#last = await this.#ledger.record(this.#last, formatHead(head))
    return { ...head, tree } as PublishedCheckpoint
  }
}
