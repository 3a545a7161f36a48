/** The head of a log under a monitor: fetched, verified by the log's keys, held against what was seen before, and counted. */
import { HeadKeeper } from '../client/heads.ts'
import { InconsistentError } from '../client/inconsistent.ts'
import type { CallOptions, LogResources } from '../client/resources.ts'
import { lruTileCache } from '../client/tile-cache.ts'
import type { TileTree } from '../client/tile-tree.ts'
import { type CheckpointReader, CLOCK_TOLERANCE, checkpointReader, type Trust } from '../client/trust.ts'
import type { Clock } from '../primitives/clock.ts'
import { type ErrorCode, isTlogError, TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import { NO_QUORUM, type Policy } from '../tlog/policy.ts'
import { type Cosigner, isQuorum, quorumTime } from '../tlog/quorum.ts'
import type { HeadFinding, QuorumFinding } from './alarms.ts'

/** What is remembered of the log, as the signed checkpoint that was accepted last. */
export interface SeenHead {
  /** Undefined before the first. */
  load(): Uint8Array | undefined
  save(checkpoint: Uint8Array): Promise<void>
}

/** What the head is judged by. */
export interface HeadParts {
  readonly resources: LogResources
  /** Without time bounds: how old cosignatures may be is a matter of alarms. */
  readonly trust: Trust
  readonly seen: SeenHead
  readonly clock: Clock
  /** Told of each checkpoint that the log has signed, before it is judged; what it resolves to does not matter. */
  readonly hear?: ((checkpoint: Uint8Array) => Promise<unknown>) | undefined
}

/** A head that is of the history seen before, with its tree. */
export interface ServedHead {
  readonly bytes: Uint8Array
  readonly tree: TileTree
}

/** What became of a head. */
export interface JudgedHead {
  readonly finding: HeadFinding
  /** The head, if it is the newest of the log and its tree is served. */
  readonly served?: ServedHead | undefined
  /** Why the tiles of its right edge are not right, if so. */
  readonly edge?: string | undefined
  /** The two heads that contradict each other. */
  readonly fork?: InconsistentError | undefined
  /** Why the log could not be asked, if so. */
  readonly unreachable?: TlogError | undefined
}

/** What a failure says about the log, rather than about the way there. */
const telling: ReadonlySet<ErrorCode> = new Set([
  ...(['malformed', 'too_large', 'not_found', 'bad_proof', 'bad_signature', 'untrusted', 'wrong_origin'] as const),
])

/** True for failures that are what the log answered: anything else may be the network's, and says nothing. */
export const isTelling = (error: unknown): error is TlogError => isTlogError(error) && telling.has(error.code)

/** Judges head after head of one log, each against the last that was accepted. */
export class HeadWatch {
  readonly #parts: HeadParts
  /** Asks for the log's own signature alone: a head that nobody cosigned binds the log as well. */
  readonly #reader: CheckpointReader
  readonly #cosignersOf: (checkpoint: Uint8Array) => readonly Cosigner[]
  readonly #heads: HeadKeeper

  /** Throws as `checkpointReader` does, and as `CheckpointReader.openKept` does for a remembered head that is not the log's. */
  constructor(parts: HeadParts) {
    const { trust, seen } = parts
    this.#parts = parts
    const reader = checkpointReader(trust)
    this.#reader = { ...reader, open: reader.openKept }
    const counted = trust.policy && checkpointReader({ ...trust, policy: { ...trust.policy, quorum: NO_QUORUM } })
    this.#cosignersOf = (checkpoint) => counted?.open(checkpoint).cosigners ?? []
    const store = { load: async () => seen.load(), save: (bytes: Uint8Array) => seen.save(bytes) }
    this.#heads = new HeadKeeper(this.#reader, store, lruTileCache())
    this.#seenSize()
  }

  /** Fetches the newest checkpoint and judges it. Rejects with the reason of `signal`, and as `seen` and `hear` do. */
  async look(call: CallOptions): Promise<JudgedHead> {
    let bytes: Uint8Array
    try {
      bytes = await this.#parts.resources.checkpoint(call)
    } catch (error) {
      if (isTelling(error)) return { finding: { kind: 'bad', detail: `${error.code}: ${error.message}` } }
      return unreachable(error)
    }
    return this.#judge(bytes, call)
  }

  async #judge(bytes: Uint8Array, call: CallOptions): Promise<JudgedHead> {
    let size: number
    try {
      size = this.#reader.open(bytes).checkpoint.size
    } catch (error) {
      if (!isTelling(error)) throw error
      return { finding: { kind: 'bad', detail: `${error.code}: ${error.message}` } }
    }
    await this.#parts.hear?.(bytes)
    const finding = { kind: 'head', size, seen: this.#seenSize(), ...this.#cosigned(bytes) } as const
    try {
      const { tree } = await this.#heads.accept(bytes, (tile) => this.#parts.resources.tile(tile, call))
      return size < finding.seen ? { finding } : { finding, served: { bytes, tree } }
    } catch (error) {
      if (error instanceof InconsistentError) return this.#forked(error)
      if (!isTelling(error)) return unreachable(error)
      // A log that went back has no tiles for what it showed before; that is said already.
      return size < finding.seen ? { finding } : { finding, edge: `${error.code}: ${error.message}` }
    }
  }

  #forked(fork: InconsistentError): JudgedHead {
    const { size, root } = this.#reader.open(fork.older).checkpoint
    const other = this.#reader.open(fork.newer).checkpoint
    const subject = [size, encodeHex(root).slice(0, 16), other.size, encodeHex(other.root).slice(0, 16)].join('-')
    return { finding: { kind: 'fork', subject, detail: fork.message }, fork }
  }

  #seenSize(): number {
    const kept = this.#parts.seen.load()
    if (kept === undefined) return 0
    try {
      return this.#reader.open(kept).checkpoint.size
    } catch (cause) {
      if (!isTlogError(cause)) throw cause
      throw new TlogError(cause.code, `the remembered checkpoint: ${cause.message}`, { cause })
    }
  }

  #cosigned(bytes: Uint8Array): Pick<Extract<HeadFinding, { kind: 'head' }>, 'quorum' | 'times'> {
    const { policy } = this.#parts.trust
    if (policy === undefined) return { times: [] }
    try {
      const cosigners = this.#cosignersOf(bytes)
      const times = cosigners.map(({ witness, time }) => ({ witness: witness.name, time }))
      return { times, ...(policy.quorum !== NO_QUORUM && { quorum: this.#quorum(policy, cosigners) }) }
    } catch (error) {
      if (!isTelling(error)) throw error
      return { times: [], quorum: { kind: 'missing', detail: `${error.code}: ${error.message}` } }
    }
  }

  #quorum(policy: Policy, cosigners: readonly Cosigner[]): QuorumFinding {
    const count = `${cosigners.length} of ${policy.witnesses.length} witnesses cosigned`
    if (!isQuorum(policy, new Set(cosigners.map(({ witness }) => witness.name))))
      return { kind: 'missing', detail: `quorum is not met: ${count}` }
    // A time from the future would keep the log fresh until then.
    const last = this.#parts.clock() / 1_000 + CLOCK_TOLERANCE
    const sane = cosigners.filter(({ time }) => time <= last)
    return { kind: 'met', time: quorumTime(policy, sane) }
  }
}

const unreachable = (error: unknown): JudgedHead => {
  if (!isTlogError(error)) throw error
  return { finding: { kind: 'none' }, unreachable: error }
}
