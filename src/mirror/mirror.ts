/** The mirror: takes in what logs sign and then all of its entries, and cosigns once they are kept (c2sp.org/tlog-mirror). */
import type { SignerKey } from '../note/key.ts'
import type { Clock } from '../primitives/clock.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import type { KeyValueStore, LogStore } from '../storage/storage.ts'
import { type AddEntriesHeader, planPackages, takeHeader, takePackage } from '../tlog/protocol/add-entries.ts'
import type { MirrorInfo } from '../tlog/protocol/mirror-info.ts'
import type { CommitQueue } from '../witness/commit-queue.ts'
import { Cosigners, type SignMessage } from '../witness/cosigners.ts'
import type { Accusations, WitnessEvent } from '../witness/events.ts'
import type { LogList } from '../witness/log-list.ts'
import { originHash } from '../witness/records.ts'
import { Witness } from '../witness/witness.ts'
import type { AddEntriesAnswer } from './answers.ts'
import type { MirrorEvent } from './events.ts'
import { LogCopy } from './log-copy.ts'
import { isAnswer, MirroredLog, type SharedParts } from './mirrored-log.ts'
import { type BodySource, ByteBudget, PackageReader } from './package-reader.ts'
import { Upload } from './upload.ts'
import { UploadSlots } from './upload-slots.ts'

/** What a mirror works with. */
export interface MirrorParts {
  readonly store: KeyValueStore
  readonly queue: CommitQueue
  /** Opens the store of the log with that origin hash (64 hex digits), and makes it when it is not there. */
  readonly openCopy: (hash: string) => Promise<LogStore>
  /** The keys of the mirror, of types 0x04 and 0x06; of a name that no witness has. */
  readonly keys: readonly SignerKey[]
  /** Where ML-DSA-44 signatures are made, as for a witness. */
  readonly signMessage?: SignMessage | undefined
  /** The logs that are known now; asked anew for each request. */
  readonly logs: () => LogList
  readonly accusations: Accusations
  /** Wall clock. */
  readonly clock: Clock
  /** Monotonic clock in milliseconds. */
  readonly now: Clock
  readonly observe: (event: MirrorEvent | WitnessEvent) => void
  readonly limits?: Partial<MirrorLimits>
}

/** What uploads may use. */
export interface MirrorLimits {
  /** Uploads at once; for a further one, one that is silent is ended, or it is pushed back. Default 128. */
  readonly maxUploads: number
  /** Bytes of uploads in memory, all together. Default 128 MiB; at least 17 MiB, which the largest package has. */
  readonly maxUploadBytes: number
  /** How long one package may take to arrive, in milliseconds. Default 60,000. */
  readonly packageMs: number
  /** How long an upload may take; what came by then is kept, and the client goes on with another. Default 540,000. */
  readonly uploadMs: number
}

const defaultLimits: MirrorLimits = {
  maxUploads: 128,
  maxUploadBytes: 128 * 2 ** 20,
  packageMs: 60_000,
  uploadMs: 540_000,
}

/** A mirror. Any number of requests may be under way, also of one log. */
export class Mirror {
  /** Decides on checkpoints that are added, and keeps them. It signs nothing. */
  readonly pending: Witness
  /** Signs subtrees of checkpoints that this mirror has cosigned. */
  readonly subtrees: Witness
  readonly #parts: MirrorParts
  readonly #shared: SharedParts
  readonly #limits: MirrorLimits
  readonly #budget: ByteBudget
  readonly #logs = new Map<string, Promise<MirroredLog>>()
  readonly #open = new Map<string, MirroredLog>()
  readonly #damage = new Map<string, string>()
  readonly #slots: UploadSlots

  constructor(parts: MirrorParts) {
    this.#parts = parts
    this.#limits = { ...defaultLimits, ...parts.limits }
    this.#budget = new ByteBudget(this.#limits.maxUploadBytes)
    this.#slots = new UploadSlots(this.#limits.maxUploads)
    // spec: The mirror cosigner MUST NOT sign the checkpoint in this process.
    this.pending = new Witness({ ...parts, keys: [] })
    this.subtrees = new Witness(parts)
    const { store, queue, keys, clock, observe, signMessage } = parts
    this.#shared = { store, queue, observe, pending: this.pending, cosigners: new Cosigners(keys, clock, signMessage) }
  }

  /** The logs that are known now. */
  get logs(): LogList {
    return this.#parts.logs()
  }

  /** Those of them whose copies are open. */
  get open(): readonly MirroredLog[] {
    return [...this.#open.values()]
  }

  /** Why copies cannot be read or lack what was cosigned, by origin. */
  get damage(): ReadonlyMap<string, string> {
    const incomplete = this.open.filter((log) => !log.isWhole).map((log) => [log.origin, lossOf(log)] as const)
    return new Map([...this.#damage, ...incomplete])
  }

  /** Opens the copies of all logs that are known. Never rejects for a copy that is damaged: see `damage`. */
  async openAll(): Promise<void> {
    for (const origin of this.logs.keys()) await this.log(origin).catch(() => {})
  }

  /** A log by its origin, undefined when it is not known. Rejects with `corrupt` or `io` when its copy cannot be opened. */
  async log(origin: string): Promise<MirroredLog | undefined> {
    if (!this.logs.has(origin)) return undefined
    const known = this.#logs.get(origin)
    if (known !== undefined) return known
    const opening = this.#openLog(origin)
    this.#logs.set(origin, opening)
    // What failed is tried again by the next who asks.
    opening.catch(() => this.#logs.delete(origin))
    return opening
  }

  /** A log by the hash of its origin, in hex. */
  async logOf(hash: string): Promise<MirroredLog | undefined> {
    for (const origin of this.logs.keys()) if (encodeHex(originHash(origin)) === hash) return this.log(origin)
    return undefined
  }

  async #openLog(origin: string): Promise<MirroredLog> {
    const hash = originHash(origin)
    try {
      const copy = await LogCopy.open(await this.#parts.openCopy(encodeHex(hash)))
      const log = await MirroredLog.open(origin, hash, copy, this.#shared)
      this.#open.set(origin, log)
      this.#damage.delete(origin)
      const reason = this.damage.get(origin)
      if (reason !== undefined) this.#parts.observe({ kind: 'damaged', origin, reason })
      return log
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      const reason = `${message}; without the folder logs/${encodeHex(hash)} it is uploaded again`
      this.#damage.set(origin, reason)
      this.#parts.observe({ kind: 'damaged', origin, reason })
      throw error
    }
  }

  /**
   * Takes entries in, as they arrive. Rejects with `pushback` when too much is under way, and with `poisoned`, `corrupt`,
   * `io` or `refused` (the clock) when the mirror is at fault.
   */
  async addEntries(body: BodySource): Promise<AddEntriesAnswer> {
    const { packageMs: pieceMs, uploadMs: wholeMs } = this.#limits
    const reader = new PackageReader({ body, budget: this.#budget, pieceMs, wholeMs, now: this.#parts.now })
    if (!this.#slots.take(reader)) throw new TlogError('pushback', 'too many uploads at once')
    try {
      return await this.#addEntries(reader)
    } finally {
      reader.close()
      this.#slots.give(reader)
    }
  }

  async #addEntries(reader: PackageReader): Promise<AddEntriesAnswer> {
    const start = this.#parts.now()
    const header = await orMalformed(reader.take(takeHeader))
    if (header === undefined) return { kind: 'malformed', reason: 'the body has no whole header' }
    const { origin } = header
    const log = await this.log(origin)
    // spec: If `log_origin` is not a known log, the mirror MUST respond with a "404 Not Found" HTTP status code.
    if (log === undefined) return { kind: 'unknown log' }
    const { answer, entries } = await this.#upload(log, header, reader)
    const milliseconds = this.#parts.now() - start
    this.#parts.observe({ kind: 'uploaded', origin, outcome: answer.kind, entries, milliseconds })
    return answer
  }

  async #upload(log: MirroredLog, header: AddEntriesHeader, reader: PackageReader): Promise<Uploaded> {
    const begun = await log.begin(header)
    if (isAnswer(begun)) return { answer: begun, entries: 0 }
    const upload = new Upload(log.copy, begun)
    const taken = await takePackages(header, reader, upload)
    const entries = upload.saved
    if (taken.kind === 'refused') return { answer: taken, entries }
    if (taken.kind === 'part') return { answer: answerToPart(taken, log.info(header.end)), entries }
    const held = this.#parts.accusations.against(log.origin)
    if (held === undefined) return { answer: await log.finish(begun), entries }
    return { answer: { kind: 'refused', reason: `${log.origin} signed two histories: evidence ${held}` }, entries }
  }
}

const lossOf = ({ copy, mirroredSize }: MirroredLog): string =>
  `it has ${copy.size} entries, and ${mirroredSize} were cosigned; it takes them again from whoever has them`

interface Uploaded {
  readonly answer: AddEntriesAnswer
  /** How many were new. */
  readonly entries: number
}

type PackagesTaken =
  /** The canonical sequence, to its end. */
  | { readonly kind: 'all' }
  /** A prefix of it: the body ended, or what followed is no package. */
  | { readonly kind: 'part'; readonly packages: number; readonly error?: TlogError }
  | Extract<AddEntriesAnswer, { kind: 'refused' }>

/** Throws `pushback` when there was no room even for the first package. */
const answerToPart = (
  { packages, error }: Extract<PackagesTaken, { kind: 'part' }>,
  info: MirrorInfo,
): AddEntriesAnswer => {
  // spec: If at least one entry package was authenticated and saved, but the mirror has not yet received all packages
  // covering `[upload_start, upload_end)`, the mirror MUST respond with a "202 Accepted"
  if (packages > 0) return { kind: 'accepted', info }
  if (error !== undefined && !isTlogError(error, 'malformed')) throw error
  // spec: If the canonical sequence is not empty, and no entry package was authenticated and saved before the body ended
  // [...] "400 Bad Request"
  return { kind: 'malformed', reason: error?.message ?? 'the body ended within the first package' }
}

/** Takes packages one by one. When it resolves, all that was proven is durable. */
const takePackages = async (
  header: AddEntriesHeader,
  reader: PackageReader,
  upload: Upload,
): Promise<PackagesTaken> => {
  let packages = 0
  try {
    for (const range of planPackages(header)) {
      const next = await reader.take((bytes) => takePackage(bytes, range))
      if (next === undefined) return { kind: 'part', packages }
      await upload.add(range, next)
      packages++
      if (!upload.isFull) continue
      await upload.flush()
      reader.release()
    }
    return { kind: 'all' }
  } catch (error) {
    // spec: If this verification process fails, it MUST respond with a "422 Unprocessable Entity" HTTP status code and end
    // processing.
    if (isTlogError(error, 'bad_proof')) return { kind: 'refused', reason: error.message }
    if (isTlogError(error, 'malformed') || isTlogError(error, 'pushback')) return { kind: 'part', packages, error }
    throw error
  } finally {
    await upload.flush()
  }
}

const orMalformed = async <T>(taking: Promise<T | undefined>): Promise<T | undefined> => {
  try {
    return await taking
  } catch (error) {
    if (isTlogError(error, 'malformed')) return undefined
    throw error
  }
}
