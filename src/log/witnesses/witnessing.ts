/** Witnessing: heads go to all witnesses at once, and the newest that a quorum has cosigned is what the log publishes. */
import { TileTree } from '../../client/tile-tree.ts'
import { witnessClient } from '../../client/witness-client.ts'
import { formatNote, type NoteSignature, parseNote } from '../../note/note.ts'
import type { Clock } from '../../primitives/clock.ts'
import { isTlogError } from '../../primitives/error.ts'
import { equalHash } from '../../primitives/hash.ts'
import type { KeyValueStore } from '../../storage/storage.ts'
import type { Policy, PolicyWitness } from '../../tlog/policy.ts'
import { checkPolicy, isQuorum } from '../../tlog/quorum.ts'
import { verifierOf } from '../../tlog/signatures/index.ts'
import type { PublishedCheckpoint } from '../log.ts'
import { RefusedError } from '../refusal.ts'
import { type CosignableHead, WitnessLink } from './link.ts'
import { readWitnessed, witnessedRow } from './witnessed-row.ts'

/** What witnessing works with. */
export interface WitnessingParts {
  /** The witnesses and the quorum; its logs are the keys of this log. */
  readonly policy: Policy
  /** Where the newest witnessed checkpoint is kept over restarts. */
  readonly store: KeyValueStore
  /** The newest signed head. */
  readonly head: () => PublishedCheckpoint
  /** Monotonic clock in milliseconds. */
  readonly now: Clock
  readonly random: () => number
  readonly fetch?: typeof globalThis.fetch | undefined
  readonly limits: WitnessingLimits
  readonly observe: (event: WitnessingEvent) => void
}

/** Times in milliseconds. */
export interface WitnessingLimits {
  /** From the start of one round to that of the next, at least. */
  readonly intervalMs: number
  /** For one witness to answer. */
  readonly timeoutMs: number
  /** After so long without a new head the newest is cosigned again, so that its times stay fresh. */
  readonly refreshMs: number
  /** Entries that may wait for a quorum before no more are taken. */
  readonly maxUnwitnessed: number
}

/** What witnessing reports. */
export type WitnessingEvent =
  | { readonly kind: 'witnessed'; readonly size: number; readonly cosigners: number; readonly milliseconds: number }
  | { readonly kind: 'no quorum'; readonly size: number; readonly reasons: readonly string[] }
  | { readonly kind: 'failed'; readonly error: unknown }

/** A single round may fail because a witness restarts. */
const MISSES_FOR_ALARM = 4

/** The longest that rounds are apart while there is no quorum. */
const LONGEST_INTERVAL_MS = 2_000

interface Waiter {
  readonly size: number
  readonly resolve: (checkpoint: PublishedCheckpoint) => void
}

/** Runs the rounds. One for each log. */
export class Witnessing {
  readonly links: readonly WitnessLink[]
  readonly #parts: WitnessingParts
  readonly #waiters = new Set<Waiter>()
  #witnessed: PublishedCheckpoint | undefined
  #roundAt = Number.NEGATIVE_INFINITY
  /** Rounds in a row without a quorum. */
  #misses = 0
  /** What was cosigned of a head that has no quorum yet, by witness. */
  #collected:
    | { readonly head: PublishedCheckpoint; readonly by: Map<WitnessLink, readonly NoteSignature[]> }
    | undefined
  #stopped = false
  #wake: (() => void) | undefined
  #running: Promise<void> | undefined

  private constructor(parts: WitnessingParts, witnessed: PublishedCheckpoint | undefined) {
    this.#parts = parts
    this.#witnessed = witnessed
    this.links = linksOf(parts)
  }

  /**
   * Opens with the checkpoint that was witnessed last. Throws RefusedError `fork_of_witness` when that is not of the
   * history in the database, and rejects with `corrupt`. One that the policy does not accept any more is not published.
   */
  static async open(parts: WitnessingParts): Promise<Witnessing> {
    return new Witnessing(parts, await loadWitnessed(parts))
  }

  /** The witnesses and the quorum. */
  get policy(): Policy {
    return this.#parts.policy
  }

  /** The newest checkpoint that a quorum has cosigned; undefined before the first. */
  get witnessed(): PublishedCheckpoint | undefined {
    return this.#witnessed
  }

  /** False once several rounds in a row have ended without a quorum, until one ends with it. */
  get hasQuorum(): boolean {
    return this.#misses < MISSES_FOR_ALARM
  }

  /** Begins the rounds. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Ends them, and leaves what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const link of this.links) link.stop()
    this.#wake?.()
    await this.#running
  }

  /** To be told that there is a new head. */
  nudge(): void {
    this.#wake?.()
  }

  /** Why no more entries are taken, if so: too many wait for a quorum. */
  refusal(): RefusedError | undefined {
    const waiting = this.#parts.head().size - (this.#witnessed?.size ?? 0)
    const { maxUnwitnessed } = this.#parts.limits
    if (waiting <= maxUnwitnessed) return undefined
    return new RefusedError('quorum_missing', `${waiting} entries wait, over ${maxUnwitnessed}`)
  }

  /** The first witnessed checkpoint of at least `size`, within `timeoutMs`; undefined when there was none. */
  async reach(size: number, timeoutMs: number): Promise<PublishedCheckpoint | undefined> {
    if (this.#witnessed !== undefined && this.#witnessed.size >= size) return this.#witnessed
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter)
        resolve(undefined)
      }, timeoutMs)
      const waiter: Waiter = {
        size,
        resolve: (checkpoint) => {
          clearTimeout(timer)
          resolve(checkpoint)
        },
      }
      this.#waiters.add(waiter)
    })
  }

  async #run(): Promise<void> {
    const { now, head, limits, observe } = this.#parts
    while (!this.#stopped) {
      const isNew = head().size !== this.#witnessed?.size
      const intervalMs = Math.min(LONGEST_INTERVAL_MS, limits.intervalMs * 2 ** this.#misses)
      const dueAt = this.#roundAt + (isNew ? Math.max(intervalMs, limits.intervalMs) : limits.refreshMs)
      const wait = Math.min(dueAt - now(), 1_000)
      if (wait > 0) {
        await this.#sleep(wait, isNew)
        continue
      }
      this.#roundAt = now()
      await this.#round(head()).catch((error: unknown) => observe({ kind: 'failed', error }))
    }
  }

  /** Until the time has come; a new head ends the wait of an idle log. */
  #sleep(ms: number, isNew: boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#wake = isNew && !this.#stopped ? undefined : done
    })
  }

  /** Asks all that are free; ends when there is a quorum, or when everybody has answered. */
  async #round(head: PublishedCheckpoint): Promise<void> {
    const start = this.#parts.now()
    // While the head stays the same, what was cosigned of it stays good; for a refresh everybody is asked anew.
    const isSame = this.#collected?.head.checkpoint === head.checkpoint && this.#witnessed?.size !== head.size
    const by = isSame && this.#collected !== undefined ? this.#collected.by : new Map()
    this.#collected = { head, by }
    const cosignable = withProofs(head)
    let published = false
    const asked = this.links
      .filter((link) => link.isFree && !by.has(link))
      .map(async (link) => {
        const signatures = await link.cosign(cosignable)
        if (signatures.length > 0) by.set(link, signatures)
        const all = [...by.values()].flat()
        if (!published && this.#hasQuorum(all)) {
          published = true
          await this.#publish(head, all, start)
        }
        return published
      })
    await firstTrue(asked)
    this.#misses = published ? 0 : this.#misses + 1
    if (published || this.#stopped) return
    const reasons = this.links.map(({ names, state, detail }) => `${names.join(', ')}: ${state}, ${detail}`)
    this.#parts.observe({ kind: 'no quorum', size: head.size, reasons })
  }

  #hasQuorum(signatures: readonly NoteSignature[]): boolean {
    const { policy } = this.#parts
    const names = policy.witnesses.filter(({ key }) =>
      signatures.some((signature) => signature.name === key.name && signature.keyId === key.keyId),
    )
    return isQuorum(policy, new Set(names.map(({ name }) => name)))
  }

  async #publish(head: PublishedCheckpoint, cosignatures: readonly NoteSignature[], start: number): Promise<void> {
    const { policy, store, now, observe } = this.#parts
    const { text, signatures } = parseNote(head.checkpoint)
    const checkpoint = formatNote({ text, signatures: [...signatures, ...cosignatures] })
    // What a reader with this policy would do: nothing leaves that it would not take.
    const { cosigners } = checkPolicy(policy, checkpoint)
    await store.write([witnessedRow(checkpoint)])
    if (this.#witnessed !== undefined && head.size < this.#witnessed.size) return
    this.#witnessed = { ...head, checkpoint }
    observe({ kind: 'witnessed', size: head.size, cosigners: cosigners.length, milliseconds: now() - start })
    for (const waiter of this.#waiters) {
      if (waiter.size > head.size) continue
      this.#waiters.delete(waiter)
      waiter.resolve(this.#witnessed)
    }
  }
}

/** Resolves when one of the promises is true, or all are false. None of them rejects, but for a failed write. */
const firstTrue = (promises: readonly Promise<boolean>[]): Promise<void> =>
  new Promise((resolve, reject) => {
    for (const promise of promises) promise.then((is) => (is ? resolve() : undefined), reject)
    Promise.all(promises).then(() => resolve(), reject)
  })

/** Witnesses that have a URL, those of one URL together: a witness has a key for each algorithm, and is asked once. */
const linksOf = ({ policy, limits, fetch, now, random }: WitnessingParts): readonly WitnessLink[] => {
  const byUrl = new Map<string, PolicyWitness[]>()
  for (const witness of policy.witnesses)
    if (witness.url !== undefined) byUrl.set(witness.url, [...(byUrl.get(witness.url) ?? []), witness])
  return [...byUrl].map(([url, witnesses]) => {
    const verifiers = witnesses.map(({ key }) => verifierOf(key))
    const ask = witnessClient({ url, verifiers, timeoutMs: limits.timeoutMs, fetch })
    return new WitnessLink({ names: witnesses.map(({ name }) => name), url, ask, now, random })
  })
}

/** Witnesses mostly have the same size, so each proof is made once. */
const withProofs = ({ size, checkpoint, tree }: PublishedCheckpoint): CosignableHead => {
  const proofs = new Map<number, ReturnType<typeof tree.consistencyProof>>()
  return {
    size,
    checkpoint,
    proofFrom: (from) => {
      const proof = proofs.get(from) ?? tree.consistencyProof(from)
      proofs.set(from, proof)
      return proof
    },
  }
}

const loadWitnessed = async ({ policy, store, head }: WitnessingParts): Promise<PublishedCheckpoint | undefined> => {
  const bytes = await readWitnessed(store)
  if (bytes === undefined) return undefined
  const newest = head()
  try {
    const { checkpoint } = checkPolicy(policy, bytes)
    const { size, root } = checkpoint
    if (size > newest.size || !equalHash(await newest.tree.rootAt(size), root))
      throw new RefusedError('fork_of_witness', `the witnessed checkpoint of size ${size} is not of this history`)
    const tree = await TileTree.open({ size, root }, (tile) => newest.tree.tile(tile))
    return { ...newest, size, root, checkpoint: bytes, tree }
  } catch (error) {
    // The policy has changed: its quorum is asked anew.
    if (isTlogError(error, 'untrusted')) return undefined
    throw error
  }
}
