/** Gossip: every signed head that is seen anywhere is compared with every other, and what cannot be true of both is kept. */
import type { TileTree } from '../client/tile-tree.ts'
import type { VerifierKey } from '../note/key.ts'
import { formatNote, type NoteSignature, openNote, parseNote } from '../note/note.ts'
import { isTlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'
import { openCheckpoint, parseCheckpoint } from '../tlog/checkpoint.ts'
import { type Evidence, forkOfOneSize } from '../tlog/evidence.ts'
import { cosignatureTime, verifierOf } from '../tlog/signatures/index.ts'
import type { EvidenceStore } from './evidence-store.ts'
import { comparable, compare, type KnownHeads, NO_HEADS, type SeenHead, see } from './heads.ts'
import { hear, type Statement } from './statements.ts'

/** A log as gossip knows it. */
export interface GossipedLog {
  readonly origin: string
  readonly keys: readonly VerifierKey[]
}

/** What the log itself serves: its newest signed checkpoint, and the tree under it. */
export interface ServedHead {
  readonly bytes: Uint8Array
  readonly tree: TileTree
}

/** What gossip works with. */
export interface GossipParts {
  /** The logs that are known now, by origin. */
  readonly logs: () => ReadonlyMap<string, GossipedLog>
  /** The witnesses whose cosignatures are judged as well. */
  readonly witnesses: readonly VerifierKey[]
  readonly evidence: EvidenceStore
  /** A checkpoint of exactly that size that this node has kept, if any; default: none is. */
  readonly kept?: (origin: string, size: number) => Promise<Uint8Array | undefined>
  /** Told of each head that was not known. */
  readonly observe: (event: GossipEvent) => void
}

/** Something that gossip noticed. */
export type GossipEvent =
  | { readonly kind: 'heard'; readonly origin: string; readonly size: number; readonly from: string }
  | { readonly kind: 'unproven'; readonly origin: string; readonly sizes: readonly number[]; readonly reason: string }

/** What became of a head that was handed in. */
export type Heard = 'known' | 'new' | 'fork' | 'unknown log' | 'not signed'

/** Compares heads. It never fetches by itself: `exchange` brings it what others have. */
export class Gossip {
  readonly #parts: GossipParts
  readonly #heads = new Map<string, KnownHeads>()
  readonly #statements = new Map<string, Statement>()
  // Heads are judged one after the other: two at once might each miss the other.
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: GossipParts) {
    this.#parts = parts
  }

  /** What is known of the heads of a log. */
  heads(origin: string): KnownHeads {
    return this.#heads.get(origin) ?? NO_HEADS
  }

  /** Takes a signed checkpoint from anywhere. Rejects as the evidence store does; bad bytes are `malformed`. */
  hear(bytes: Uint8Array, from: string): Promise<Heard> {
    return this.#inTurn(() => this.#hear(bytes, from))
  }

  /**
   * Takes a checkpoint that this node cosigned and kept, as it kept it. It is compared like those of others, but nothing
   * in it is verified again: that would take longer than to cosign it.
   */
  hearOwn(bytes: Uint8Array): Promise<Heard> {
    return this.#inTurn(() => this.#hearOwn(bytes))
  }

  /** Compares what has not been compared yet with the history that the log serves. */
  compare(origin: string, served: ServedHead): Promise<void> {
    return this.#inTurn(() => this.#compare(origin, served))
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step)
    this.#turn = turn.catch(() => {})
    return turn
  }

  async #hear(bytes: Uint8Array, from: string): Promise<Heard> {
    const note = parseNote(bytes)
    const { origin, size, root } = parseCheckpoint(note.text)
    const log = this.#parts.logs().get(origin)
    if (log === undefined) return 'unknown log'
    const verified = this.#verify(log, bytes)
    if (verified === undefined) return 'not signed'
    const head: SeenHead = { size, root, bytes: formatNote({ text: note.text, signatures: verified }) }
    await this.#hearWitnesses(origin, head, verified)
    const kept = await this.#parts.kept?.(origin, size)
    if (kept !== undefined) this.#heads.set(origin, see(this.heads(origin), headOf(kept)).heads)
    return this.#see(log, head, from)
  }

  async #hearOwn(bytes: Uint8Array): Promise<Heard> {
    const { text, signatures } = parseNote(bytes)
    const { origin, size, root } = parseCheckpoint(text)
    const log = this.#parts.logs().get(origin)
    if (log === undefined) return 'unknown log'
    const head: SeenHead = { size, root, bytes }
    await this.#hearWitnesses(origin, head, signatures)
    return this.#see(log, head, 'this witness')
  }

  async #see(log: GossipedLog, head: SeenHead, from: string): Promise<Heard> {
    const { origin } = log
    const { heads, verdict } = see(this.heads(origin), head)
    this.#heads.set(origin, heads)
    if (verdict.kind === 'known') return 'known'
    this.#parts.observe({ kind: 'heard', origin, size: head.size, from })
    if (verdict.kind === 'new') return 'new'
    await this.#accuseAll(log, (accused) => forkOfOneSize(accused, verdict.other.bytes, head.bytes))
    return 'fork'
  }

  /** The signatures by known keys, when the log's own is among them. Foreign ones are dropped: they say nothing. */
  #verify({ keys }: GossipedLog, bytes: Uint8Array): readonly NoteSignature[] | undefined {
    try {
      openCheckpoint(bytes, { verifiers: keys.map(verifierOf) })
      const all = [...keys, ...this.#parts.witnesses]
      return openNote(bytes, all.map(verifierOf)).verified
    } catch (error) {
      if (isTlogError(error, 'untrusted') || isTlogError(error, 'bad_signature')) return undefined
      throw error
    }
  }

  async #hearWitnesses(
    origin: string,
    { size, root, bytes }: SeenHead,
    verified: readonly NoteSignature[],
  ): Promise<void> {
    for (const witness of this.#parts.witnesses) {
      const own = verified.filter(({ name, keyId }) => name === witness.name && keyId === witness.keyId)
      for (const time of own.map((signature) => cosignatureTime(signature) ?? 0)) {
        if (time === 0) continue
        const key = `${witness.name}+${witness.keyId} ${origin}`
        const { last, evidence } = hear(this.#statements.get(key), { witness, size, root, time, bytes })
        this.#statements.set(key, last)
        if (evidence !== undefined) await this.#accuse(evidence)
      }
    }
  }

  async #compare(origin: string, { bytes, tree }: ServedHead): Promise<void> {
    const log = this.#parts.logs().get(origin)
    if (log === undefined) return
    const known = this.heads(origin)
    const roots = new Map<number, Hash>()
    for (const { size } of comparable(known, tree.size)) roots.set(size, await tree.rootAt(size))
    const rootAt = (size: number): Hash => {
      const root = roots.get(size)
      if (root === undefined) throw new RangeError(`nobody asked for the root of size ${size}`)
      return root
    }
    const { heads, contradicted } = compare(known, { size: tree.size, rootAt })
    // Two heads of one size were compared when they were heard.
    for (const head of contradicted.filter(({ size }) => size < tree.size)) {
      const proof = head.size === 0 ? [] : await tree.consistencyProof(head.size)
      const contradiction = { rootInLarger: rootAt(head.size), proof }
      const pair = { smaller: head.bytes, larger: bytes }
      await this.#accuseAll(log, (accused) => ({ kind: 'fork', accused, ...pair, contradiction }))
    }
    this.#heads.set(origin, heads)
    if (heads.unproven.length === 0) return
    const sizes = heads.unproven.map(({ size }) => size)
    this.#parts.observe({ kind: 'unproven', origin, sizes, reason: `the log serves a tree of size ${tree.size}` })
  }

  /** Every known key that signed both heads has lied: the log's, and those of witnesses that cosigned both. */
  async #accuseAll({ keys }: GossipedLog, make: (accused: VerifierKey) => Evidence): Promise<void> {
    for (const accused of [...keys, ...this.#parts.witnesses]) await this.#accuse(make(accused))
  }

  async #accuse(evidence: Evidence): Promise<void> {
    try {
      await this.#parts.evidence.accuse(evidence)
    } catch (error) {
      // A key that did not sign both is not guilty of anything.
      if (!isTlogError(error, 'untrusted') && !isTlogError(error, 'bad_signature')) throw error
    }
  }
}

const headOf = (bytes: Uint8Array): SeenHead => {
  const { size, root } = parseCheckpoint(parseNote(bytes).text)
  return { size, root, bytes }
}
