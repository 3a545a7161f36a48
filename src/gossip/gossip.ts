/** Gossip: every signed head that is seen anywhere is compared with every other, and what cannot be true of both is kept. */
import type { TileTree } from '../client/tile-tree.ts'
import type { VerifierKey } from '../note/key.ts'
import { formatNote, type NoteSignature, parseNote } from '../note/note.ts'
import { isTlogError } from '../primitives/error.ts'
import type { Hash } from '../primitives/hash.ts'
import { openCheckpoint, parseCheckpoint } from '../tlog/checkpoint.ts'
import { type Contradiction, type Evidence, forkOfOneSize } from '../tlog/evidence.ts'
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

/** Signature lines that are verified of one key; more are for whoever wants to keep us busy. */
const MAX_LINES_OF_A_KEY = 4

/** What became of a head that was handed in. */
export type Heard = 'known' | 'new' | 'fork' | 'crowded' | 'unknown log' | 'not signed'

/** Compares heads. It never fetches by itself: `exchange` brings it what others have. */
export class Gossip {
  readonly #parts: GossipParts
  readonly #heads = new Map<string, KnownHeads>()
  readonly #statements = new Map<string, Statement>()
  // Heads of one log are judged one after the other: two at once might each miss the other.
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(parts: GossipParts) {
    this.#parts = parts
  }

  /** What is known of the heads of a log. */
  heads(origin: string): KnownHeads {
    return this.#heads.get(origin) ?? NO_HEADS
  }

  /** Takes a signed checkpoint from anywhere. Rejects as the evidence store does; bad bytes are `malformed`. */
  async hear(bytes: Uint8Array, from: string): Promise<Heard> {
    return this.#inTurn(originOf(bytes), () => this.#hear(bytes, from))
  }

  /**
   * Takes a checkpoint that this node cosigned and kept, as it kept it. It is compared like those of others, but nothing
   * in it is verified again: that would take longer than to cosign it.
   */
  async hearOwn(bytes: Uint8Array): Promise<Heard> {
    return this.#inTurn(originOf(bytes), () => this.#hearOwn(bytes))
  }

  /**
   * Compares what has not been compared yet with the history that the log serves. Its tiles are fetched before anything
   * waits for it, as a log may be slow.
   */
  async compare(origin: string, { bytes, tree }: ServedHead): Promise<void> {
    const known = this.heads(origin)
    const roots = new Map<number, Hash>()
    for (const { size } of comparable(known, tree.size)) roots.set(size, await tree.rootAt(size))
    const rootAt = (size: number): Hash => {
      const root = roots.get(size)
      if (root === undefined) throw new RangeError(`nobody asked for the root of size ${size}`)
      return root
    }
    const { heads, contradicted } = compare(known, { size: tree.size, rootAt })
    const contradictions: (Contradiction & { readonly smaller: Uint8Array })[] = []
    // Two heads of one size were compared when they were heard.
    for (const head of contradicted.filter(({ size }) => size < tree.size)) {
      const proof = head.size === 0 ? [] : await tree.consistencyProof(head.size)
      contradictions.push({ smaller: head.bytes, rootInLarger: rootAt(head.size), proof })
    }
    await this.#inTurn(origin, async () => {
      for (const { smaller, ...contradiction } of contradictions)
        await this.#accuseAll(origin, (accused) => ({ kind: 'fork', accused, smaller, larger: bytes, contradiction }))
      this.#settle(origin, known, heads)
    })
    const sizes = this.heads(origin).unproven.map(({ size }) => size)
    if (sizes.length === 0) return
    this.#parts.observe({ kind: 'unproven', origin, sizes, reason: `the log serves a tree of size ${tree.size}` })
  }

  /** Takes what a comparison has shown into account; what was heard meanwhile waits for the next one. */
  #settle(origin: string, before: KnownHeads, after: KnownHeads): void {
    const now = this.heads(origin)
    if (now.agreed !== before.agreed) return
    const settled = before.unproven.filter((head) => !after.unproven.includes(head))
    const unproven = now.unproven.filter((head) => !settled.includes(head))
    this.#heads.set(origin, { ...now, unproven, agreed: after.agreed })
  }

  #inTurn<T>(origin: string, step: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(origin) ?? Promise.resolve()).then(step)
    const settled: Promise<unknown> = turn
      .catch(() => {})
      .then(() => {
        if (this.#turns.get(origin) === settled) this.#turns.delete(origin)
      })
    this.#turns.set(origin, settled)
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
    return this.#see(origin, head, from)
  }

  async #hearOwn(bytes: Uint8Array): Promise<Heard> {
    const { text, signatures } = parseNote(bytes)
    const { origin, size, root } = parseCheckpoint(text)
    if (!this.#parts.logs().has(origin)) return 'unknown log'
    const head: SeenHead = { size, root, bytes }
    await this.#hearWitnesses(origin, head, signatures)
    return this.#see(origin, head, 'this witness')
  }

  async #see(origin: string, head: SeenHead, from: string): Promise<Heard> {
    const { heads, verdict } = see(this.heads(origin), head)
    this.#heads.set(origin, heads)
    if (verdict.kind === 'known') return 'known'
    this.#parts.observe({ kind: 'heard', origin, size: head.size, from })
    if (verdict.kind === 'crowded') {
      const sizes = heads.unproven.map(({ size }) => size)
      this.#parts.observe({ kind: 'unproven', origin, sizes, reason: 'no further head of this log is remembered' })
    }
    if (verdict.kind !== 'fork') return verdict.kind
    await this.#accuseAll(origin, (accused) => forkOfOneSize(accused, verdict.other.bytes, head.bytes))
    return 'fork'
  }

  /**
   * The signatures by known keys, when the log's own is among them. Lines of witnesses are judged one by one: a bad one, which
   * anybody can add, must not keep a head from being heard. Foreign ones are dropped: they say nothing.
   */
  #verify({ keys }: GossipedLog, bytes: Uint8Array): readonly NoteSignature[] | undefined {
    const { text, signatures } = parseNote(bytes)
    let own: readonly NoteSignature[]
    try {
      own = openCheckpoint(bytes, { verifiers: keys.map(verifierOf) }).verified
    } catch (error) {
      if (isTlogError(error, 'untrusted') || isTlogError(error, 'bad_signature')) return undefined
      throw error
    }
    const cosigned = this.#parts.witnesses.flatMap((witness) => {
      const verifier = verifierOf(witness)
      return signatures
        .filter(({ name, keyId }) => name === witness.name && keyId === witness.keyId)
        .slice(0, MAX_LINES_OF_A_KEY)
        .filter(({ signature }) => verifier.verify(text, signature))
    })
    return [...own.slice(0, MAX_LINES_OF_A_KEY), ...cosigned]
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

  /** Every known key that signed both heads has lied: the log's, and those of witnesses that cosigned both. */
  async #accuseAll(origin: string, make: (accused: VerifierKey) => Evidence): Promise<void> {
    const keys = this.#parts.logs().get(origin)?.keys ?? []
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

/** Throws `malformed` for bytes that are no signed checkpoint. */
const originOf = (bytes: Uint8Array): string => parseCheckpoint(parseNote(bytes).text).origin

const headOf = (bytes: Uint8Array): SeenHead => {
  const { size, root } = parseCheckpoint(parseNote(bytes).text)
  return { size, root, bytes }
}
