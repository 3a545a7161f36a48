/** Evidence that is kept for ever: verified before it is taken, bounded for each key, and held against logs until acknowledged. */
import { formatVerifierKey, type VerifierKey } from '../note/key.ts'
import { parseNote } from '../note/note.ts'
import { encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import type { KeyValueStore } from '../storage/storage.ts'
import { parseCheckpoint } from '../tlog/checkpoint.ts'
import {
  type Evidence,
  evidenceId,
  formatEvidence,
  type ProvenEvidence,
  parseEvidence,
  verifyEvidence,
  withoutOthers,
} from '../tlog/evidence.ts'

/** Evidence as it is kept. */
export interface KeptEvidence {
  /** SHA-256 of the bytes, in hex. */
  readonly id: string
  readonly bytes: Uint8Array
  readonly evidence: Evidence
  readonly proven: ProvenEvidence
}

/** What the store works with. */
export interface EvidenceStoreOptions {
  readonly store: KeyValueStore
  /** The keys of the log with this origin; none for a log that is not known. */
  readonly keysOf: (origin: string) => readonly VerifierKey[]
  /** The witnesses whose misdeeds are of interest. */
  readonly witnesses: readonly VerifierKey[]
  /** The node's own keys: what is held against one of them binds the node itself. Default: none. */
  readonly own?: readonly VerifierKey[] | undefined
  /** The ids that an operator has acknowledged; asked anew each time. */
  readonly acknowledged: () => ReadonlySet<string>
  /** Told of new evidence once it is kept. */
  readonly observe: (kept: KeptEvidence) => void
}

/** More evidence against one key proves nothing more, and a key that signs forks may sign many. */
const MAX_FOR_EACH_KEY = 4

/** Keeps evidence in a key-value store of its own. */
export class EvidenceStore {
  readonly #options: EvidenceStoreOptions
  readonly #kept = new Map<string, KeptEvidence>()

  private constructor(options: EvidenceStoreOptions) {
    this.#options = options
  }

  /** Reads what is kept. Rejects with `corrupt` when some of it is not what was written. */
  static async open(options: EvidenceStoreOptions): Promise<EvidenceStore> {
    const opened = new EvidenceStore(options)
    for await (const { value } of options.store.range(encodeUtf8('0'), encodeUtf8('g'))) {
      const kept = prove(value)
      opened.#kept.set(kept.id, kept)
    }
    return opened
  }

  /** All that is kept, oldest file name first. */
  list(): readonly KeptEvidence[] {
    return [...this.#kept.values()]
  }

  /** One piece by its id. */
  get(id: string): KeptEvidence | undefined {
    return this.#kept.get(id)
  }

  /** The ids that nobody has acknowledged, nor another against the same key. */
  pending(): readonly string[] {
    return this.list()
      .filter((kept) => !this.#isAcknowledged(kept))
      .map(({ id }) => id)
  }

  /**
   * The id of evidence that nobody has acknowledged, against the key of this log, or against this node about this log: then
   * it has forgotten what it stated.
   */
  against(origin: string): string | undefined {
    const { keysOf, own = [] } = this.#options
    const keys = [...keysOf(origin), ...own]
    // A witness that lied says nothing against the log.
    const binding = ({ proven, evidence }: KeptEvidence): boolean =>
      proven.origin === origin && keys.some((key) => isKey(key, evidence.accused))
    return this.list().find((kept) => binding(kept) && !this.#isAcknowledged(kept))?.id
  }

  /** `take` for evidence that was found here. */
  async accuse(evidence: Evidence): Promise<void> {
    await this.take(formatEvidence(withoutOthers(evidence)))
  }

  /**
   * Verifies a file and keeps it; resolves to it, durable. Evidence against a key that has enough against it already is
   * verified and let go: undefined. Rejects with `malformed`, `too_large`, `untrusted`, `bad_signature` or `bad_proof` for a file
   * that proves nothing, `not_found` for a key that is not known, and as the store does.
   */
  async take(bytes: Uint8Array): Promise<KeptEvidence | undefined> {
    const known = this.#kept.get(evidenceId(bytes))
    if (known !== undefined) return known
    // Before the signatures: nobody can make this node verify what it does not care about.
    this.#assertKnown(bytes)
    const kept = prove(bytes)
    if (this.list().filter((other) => isSameKey(other, kept)).length >= MAX_FOR_EACH_KEY) return undefined
    this.#kept.set(kept.id, kept)
    try {
      await this.#options.store.write([{ key: encodeUtf8(kept.id), value: bytes }])
    } catch (error) {
      this.#kept.delete(kept.id)
      throw error
    }
    this.#options.observe(kept)
    return kept
  }

  /**
   * A signature commits neither to the name of its key nor, by itself, to the log whose name the text bears: anyone could
   * accuse a log with a key of another one. So the accused is the key of that very log, or a pinned witness.
   */
  #assertKnown(bytes: Uint8Array): void {
    const { accused, larger } = parseEvidence(bytes)
    const { origin } = parseCheckpoint(parseNote(larger).text)
    const { keysOf, witnesses } = this.#options
    const keys = keysOf(origin)
    if (keys.length > 0 && [...keys, ...witnesses].some((key) => isKey(key, accused))) return
    throw new TlogError('not_found', `no log ${origin} with the key or witness ${accused.name} is known here`)
  }

  /** Who acknowledges one piece knows of the key that it lied; more of the same says nothing new. */
  #isAcknowledged(kept: KeptEvidence): boolean {
    const acknowledged = this.#options.acknowledged()
    return acknowledged.size > 0 && this.list().some((other) => acknowledged.has(other.id) && isSameKey(other, kept))
  }
}

const prove = (bytes: Uint8Array): KeptEvidence => {
  const evidence = parseEvidence(bytes)
  return { id: evidenceId(bytes), bytes: bytes.slice(), evidence, proven: verifyEvidence(evidence) }
}

const isSameKey = (a: KeptEvidence, b: KeptEvidence): boolean =>
  a.proven.origin === b.proven.origin && formatVerifierKey(a.evidence.accused) === formatVerifierKey(b.evidence.accused)

const isKey = (a: VerifierKey, b: VerifierKey): boolean => formatVerifierKey(a) === formatVerifierKey(b)
