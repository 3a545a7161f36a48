/** Publishing: a head is signed, its signature checked, and the ledger told, before anyone may see it. */
import type { TileTree } from '../client/tile-tree.ts'
import type { NoteSigner, NoteVerifier } from '../note/algorithm.ts'
import { parseNote, signNote } from '../note/note.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { equalHash } from '../primitives/hash.ts'
import { formatCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts'
import { formatHead } from './head.ts'
import type { HeadLedger, LedgerRecord } from './ledger.ts'
import type { PublishedCheckpoint, SignedHead } from './log.ts'
import { RefusedError } from './refusal.ts'

/** A key and its public half. */
export interface KeyPair {
  readonly signer: NoteSigner
  readonly verifier: NoteVerifier
}

/** The key that signs heads, which are those of the origin that is its name. */
export interface LogKey extends KeyPair {
  /** A second key of the same name, which signs every head too while the log goes over from one key to the other. */
  readonly next?: KeyPair | undefined
}

/** The keys that sign every head, in the order of their signatures. */
export const pairsOf = (key: LogKey): readonly KeyPair[] => (key.next === undefined ? [key] : [key, key.next])

/** Who recognises the heads of a log: each of its keys. */
export const verifiersOf = (key: LogKey): readonly NoteVerifier[] => pairsOf(key).map(({ verifier }) => verifier)

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
 * Signs the tree's head and checks the signatures that came out, since a fault in memory or in a key device must not
 * leave the process. Throws `bad_signature` then, and RefusedError `clock`.
 */
export const signHead = (tree: TileTree, last: number, key: LogKey, clock: Clock): SignedHead => {
  const time = nextTime(last, clock())
  const text = formatCheckpoint({ origin: key.signer.name, size: tree.size, root: tree.root, extensions: [] })
  const signers = pairsOf(key).map(({ signer }) => signer)
  const checkpoint = signNote(text, signers)
  const { checkpoint: read, verified } = openCheckpoint(checkpoint, {
    origin: key.verifier.name,
    verifiers: verifiersOf(key),
  })
  if (verified.length !== signers.length || read.size !== tree.size || !equalHash(read.root, tree.root))
    throw new TlogError('bad_signature', 'signed another head than asked')
  return { size: tree.size, root: tree.root, time, checkpoint }
}

/** True when the head has a signature by each key of the log and by no other key of its name. */
export const isSignedByAll = ({ checkpoint }: SignedHead, key: LogKey): boolean => {
  const own = parseNote(checkpoint).signatures.filter(({ name }) => name === key.signer.name)
  const pairs = pairsOf(key)
  return own.length === pairs.length && pairs.every(({ signer }, i) => signer.keyId === own[i]?.keyId)
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
