/** The witness: cosigns checkpoints that extend what it cosigned before, and keeps every one of them (c2sp.org/tlog-witness). */
import { verifySubtreeConsistency } from '../merkle/subtree.ts'
import type { SignerKey } from '../note/key.ts'
import { formatNote, type NoteSignature, openNote, parseNote } from '../note/note.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { equalHash } from '../primitives/hash.ts'
import { decodeHex } from '../primitives/hex.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import { type OpenedCheckpoint, openCheckpoint, parseCheckpoint } from '../tlog/checkpoint.ts'
import { type Evidence, forkOfOneSize } from '../tlog/evidence.ts'
import type { AddCheckpoint } from '../tlog/protocol/add-checkpoint.ts'
import type { SignSubtree } from '../tlog/protocol/sign-subtree.ts'
import type { AddCheckpointAnswer, SignSubtreeAnswer } from './answers.ts'
import type { CommitQueue } from './commit-queue.ts'
import { Cosigners, type SignMessage } from './cosigners.ts'
import { type Decision, decide, type Tree } from './decide.ts'
import type { Accusations, ObserveWitness } from './events.ts'
import type { LogList, WitnessedLog } from './log-list.ts'
import { RequestRates } from './rate.ts'
import { latestRows, originHash, readHead, readLatest } from './records.ts'

/** What a witness works with. */
export interface WitnessParts {
  readonly store: KeyValueStore
  readonly queue: CommitQueue
  /** The keys that cosign, of types 0x04 and 0x06; none for a mirror, which only keeps what it was shown. */
  readonly keys: readonly SignerKey[]
  /** Where ML-DSA-44 signatures are made. Default: here, which holds everything else up for milliseconds each. */
  readonly signMessage?: SignMessage | undefined
  /** The logs that are known now; asked anew for each request. */
  readonly logs: () => LogList
  readonly accusations: Accusations
  /** Wall clock. */
  readonly clock: Clock
  /** Monotonic clock in milliseconds. */
  readonly now: Clock
  readonly observe: ObserveWitness
}

/** The checkpoint of a log that was cosigned last. */
interface Latest extends Tree {
  readonly text: string
  readonly signatures: readonly NoteSignature[]
  /** When it was cosigned, in POSIX seconds. */
  readonly time: number
}

/** A checkpoint that was cosigned less than this many seconds ago is answered with the same cosignatures again. */
const REPEAT_SECONDS = 5

/** Three lines take a few hundred; extension lines are not for payloads. */
const MAX_TEXT_LENGTH = 16_384

/** Subtrees that are signed at once. Anybody may ask, and checkpoints wait for the same threads. */
const MAX_SUBTREES = 8

/** A cosigner. Any number of requests may be under way; those of one log are decided in turn. */
export class Witness {
  readonly #parts: WitnessParts
  readonly #cosigners: Cosigners
  readonly #rates: RequestRates
  readonly #latest = new Map<string, Latest>()
  readonly #turns = new Map<string, Promise<unknown>>()
  #subtrees = 0

  constructor(parts: WitnessParts) {
    this.#parts = parts
    this.#cosigners = new Cosigners(parts.keys, parts.clock, parts.signMessage)
    this.#rates = new RequestRates(parts.now)
  }

  /** The logs that are known now. */
  get logs(): LogList {
    return this.#parts.logs()
  }

  /** Decides on a checkpoint and cosigns it if it may. Rejects with `poisoned`, `corrupt`, `refused` (the clock) and `too_large`. */
  async addCheckpoint(request: AddCheckpoint): Promise<AddCheckpointAnswer> {
    const start = this.#parts.now()
    const { origin } = parseCheckpoint(parseNote(request.checkpoint).text)
    const log = this.logs.get(origin)
    // spec: If the checkpoint origin is unknown, the witness MUST respond with a "404 Not Found" HTTP status code.
    if (log === undefined) return { kind: 'unknown log' }
    const answer = await this.#addOf(log, request)
    this.#parts.observe({ kind: 'asked', origin, outcome: answer.kind, milliseconds: this.#parts.now() - start })
    return answer
  }

  async #addOf(log: WitnessedLog, request: AddCheckpoint): Promise<AddCheckpointAnswer> {
    const opened = openSigned(log, request.checkpoint)
    if ('kind' in opened) return opened
    // Every checkpoint is kept for ever, so a log must not make them large.
    if (opened.text.length > MAX_TEXT_LENGTH)
      throw new TlogError('too_large', `a checkpoint is cosigned up to ${MAX_TEXT_LENGTH} characters of text`)
    return this.#inTurn(log.origin, () => this.#judge(log, opened, request))
  }

  /**
   * spec: checking the old size against the latest checkpoint and persisting the new checkpoint must be performed
   * atomically. So requests of one log wait for each other.
   */
  #inTurn<T>(origin: string, step: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(origin) ?? Promise.resolve()).then(step, step)
    const settled = turn
      .catch(() => {})
      .then(() => {
        if (this.#turns.get(origin) === settled) this.#turns.delete(origin)
      })
    this.#turns.set(origin, settled)
    return turn
  }

  async #judge(log: WitnessedLog, opened: OpenedCheckpoint, request: AddCheckpoint): Promise<AddCheckpointAnswer> {
    const { origin } = log
    const latest = await this.#readLatest(origin)
    const { checkpoint } = opened
    // Nothing larger than the latest was ever kept.
    if (latest !== undefined && checkpoint.size <= latest.size) await this.#compareKept(log, opened, checkpoint)
    const decision = decide(latest, { oldSize: request.oldSize, tree: checkpoint, proof: request.proof })
    if (decision.kind === 'refused' && latest !== undefined) await this.#accuse(log, latest, opened, decision)
    if (decision.kind !== 'cosign') return answerOf(decision)
    const held = this.#parts.accusations.against(origin)
    if (held !== undefined) return { kind: 'refused', reason: `${origin} signed two histories: evidence ${held}` }
    // Only a new size counts: anybody can send again what the log has signed.
    const wait = latest?.size === checkpoint.size ? undefined : this.#rates.take(log)
    if (wait !== undefined) return { kind: 'too often', retryAfterSeconds: wait }
    return { kind: 'cosigned', signatures: await this.#cosign(log, opened, latest) }
  }

  async #cosign(
    { origin }: WitnessedLog,
    { text, verified, checkpoint }: OpenedCheckpoint,
    latest: Latest | undefined,
  ): Promise<readonly NoteSignature[]> {
    const time = this.#cosigners.nextTime(latest?.time ?? 0)
    const isFresh = this.#parts.keys.length === 0 || (latest?.time ?? 0) + REPEAT_SECONDS > time
    if (latest?.text === text && isFresh) return latest.signatures
    const signatures = await this.#cosigners.sign(text, time)
    // spec: it MUST include the cosignature(s) from the witness's key(s) that were returned from add-checkpoint and the
    // cosignature from the log key(s) that the witness verified.
    const bytes = formatNote({ text, signatures: [...verified, ...signatures] })
    // spec: The witness MUST persist the new checkpoint before responding.
    await this.#parts.queue.commit(latestRows(originHash(origin), checkpoint.size, bytes))
    this.#latest.set(origin, { size: checkpoint.size, root: checkpoint.root, text, signatures, time })
    this.#parts.observe({ kind: 'cosigned', origin, size: checkpoint.size, checkpoint: bytes })
    return signatures
  }

  /** Any checkpoint of the log may contradict one of the same size that was cosigned once, whatever is asked. */
  async #compareKept(log: WitnessedLog, opened: OpenedCheckpoint, { size, root }: Tree): Promise<void> {
    const kept = await readHead(this.#parts.store, originHash(log.origin), size)
    if (kept === undefined || equalHash(parseCheckpoint(parseNote(kept).text).root, root)) return
    const key = signerOfBoth(log, kept, opened.bytes)
    if (key !== undefined) await this.#parts.accusations.accuse(forkOfOneSize(key, kept, opened.bytes))
  }

  async #accuse(
    log: WitnessedLog,
    latest: Latest,
    opened: OpenedCheckpoint,
    { fork }: Extract<Decision, { kind: 'refused' }>,
  ): Promise<void> {
    if (fork === undefined || fork === 'of one size') return
    const smaller = await readHead(this.#parts.store, originHash(log.origin), latest.size)
    const accused = smaller && signerOfBoth(log, smaller, opened.bytes)
    if (smaller === undefined || accused === undefined) return
    const evidence: Evidence = { kind: 'fork', accused, smaller, larger: opened.bytes, contradiction: fork }
    await this.#parts.accusations.accuse(evidence)
  }

  async #readLatest(origin: string): Promise<Latest | undefined> {
    const known = this.#latest.get(origin)
    if (known !== undefined) return known
    const bytes = await readLatest(this.#parts.store, originHash(origin))
    if (bytes === undefined) return undefined
    const latest = this.#parse(bytes)
    this.#latest.set(origin, latest)
    return latest
  }

  #parse(bytes: Uint8Array): Latest {
    const { text, signatures } = parseNote(bytes)
    const { size, root } = parseCheckpoint(text)
    const own = signatures.filter((signature) => this.#cosigners.isOwn(signature))
    return { size, root, text, signatures: own, time: this.#cosigners.timeOf(own) }
  }

  /** The checkpoint of the log that was cosigned last, undefined when none was. Rejects with `corrupt`. */
  latestOf(origin: string): Promise<Uint8Array | undefined> {
    return readLatest(this.#parts.store, originHash(origin))
  }

  /** The checkpoint of exactly that size that was cosigned once, undefined when none was. Rejects with `corrupt`. */
  kept(origin: string, size: number): Promise<Uint8Array | undefined> {
    return readHead(this.#parts.store, originHash(origin), size)
  }

  /** The checkpoint that was cosigned last of the log with that hash (hex), undefined when there is none. Rejects with `corrupt`. */
  latest(hash: string): Promise<Uint8Array | undefined> {
    return readLatest(this.#parts.store, decodeHex(hash))
  }

  /** Cosigns a subtree of a checkpoint that it cosigned. Never rejects for what is in the request. */
  async signSubtree(request: SignSubtree): Promise<SignSubtreeAnswer> {
    const { start, end, hash, proof, checkpoint: bytes } = request
    const { text } = parseNote(bytes)
    const { origin, size, root } = parseCheckpoint(text)
    if (!this.logs.has(origin)) return { kind: 'unknown log' }
    try {
      // spec: The witness MUST verify that the checkpoint includes a valid cosignature from one of its own keys. If the
      // witness can't verify the checkpoint, it MUST respond with a "403 Forbidden" HTTP status code.
      openNote(bytes, this.#cosigners.verifiers)
    } catch (error) {
      if (!isTlogError(error)) throw error
      return { kind: 'forbidden', reason: error.message }
    }
    const held = this.#parts.accusations.against(origin)
    if (held !== undefined) return { kind: 'refused', reason: `${origin} signed two histories: evidence ${held}` }
    try {
      verifySubtreeConsistency({ start, end, size, subtreeRoot: hash, root, proof })
    } catch (error) {
      if (!isTlogError(error, 'bad_proof')) throw error
      return { kind: 'refused', reason: error.message }
    }
    if (this.#subtrees >= MAX_SUBTREES) return { kind: 'too often', retryAfterSeconds: 1 }
    this.#subtrees++
    try {
      const signatures = await this.#cosigners.signSubtree({ origin, start, end, hash })
      return signatures.length === 0 ? { kind: 'unsupported' } : { kind: 'cosigned', signatures }
    } finally {
      this.#subtrees--
    }
  }
}

/** The checkpoint as the log signed it, or the answer to one that it did not. */
const openSigned = (
  { verifiers }: WitnessedLog,
  bytes: Uint8Array,
): OpenedCheckpoint | Extract<AddCheckpointAnswer, { kind: 'forbidden' }> => {
  try {
    return openCheckpoint(bytes, { verifiers })
  } catch (error) {
    if (!isTlogError(error)) throw error
    // spec: "403 Forbidden" [...] if either no signature from a trusted key for the origin is present, or a signature
    // line's key name and ID match a trusted key but the signature itself fails to verify
    return { kind: 'forbidden', reason: error.message }
  }
}

/** The key of the log that signed both, if one did: across a change of keys there may be none. */
const signerOfBoth = (
  { keys, verifiers }: WitnessedLog,
  a: Uint8Array,
  b: Uint8Array,
): WitnessedLog['keys'][number] | undefined => {
  const signed = (bytes: Uint8Array, i: number): boolean => {
    const verifier = verifiers[i]
    if (verifier === undefined) return false
    try {
      return openNote(bytes, [verifier]).verified.length > 0
    } catch {
      return false
    }
  }
  return keys.find((_, i) => signed(a, i) && signed(b, i))
}

const answerOf = (decision: Exclude<Decision, { kind: 'cosign' }>): AddCheckpointAnswer =>
  decision.kind === 'refused' ? { kind: 'refused', reason: decision.reason } : decision
