/** The de-duplication index under fsck: every leaf must be found under its hash, at its first index. */
import type { BundleId, CallOptions } from '../client/resources.ts'
import { hashLeaf } from '../merkle/hash.ts'
import { equalHash, HASH_SIZE } from '../primitives/hash.ts'
import { TILE_WIDTH } from '../tlog/tile.ts'
import type { JudgedBundle } from './fsck-bundle.ts'
import type { Findings } from './fsck-report.ts'
import { type FsckSource, type KeySource, readOrDamage } from './fsck-source.ts'

/** What the index says of the leaves of one bundle. */
export type KeyAnswers = readonly (number | undefined)[]

/** Leads nowhere, as no number of a row does. */
const UNREADABLE = Number.POSITIVE_INFINITY

/** Compares the index with the leaves, bundle by bundle. */
export class KeyCheck {
  readonly #source: FsckSource
  readonly #keys: KeySource
  readonly #findings: Findings
  readonly #indexed: number
  readonly #call: CallOptions
  /** The last entry that others were said to repeat: they come in crowds. */
  #earlier: { readonly index: number; readonly leafHash: Uint8Array | undefined } | undefined
  #count = 0

  private constructor(parts: Parts, keys: KeySource, indexed: number) {
    this.#source = parts.source
    this.#findings = parts.findings
    this.#call = parts.call
    this.#keys = keys
    this.#indexed = indexed
  }

  /** Undefined for a source without an index. Reports an index that claims more than there is. */
  static async open(parts: Parts): Promise<KeyCheck | undefined> {
    const { keys } = parts.source
    if (keys === undefined) return undefined
    const read = await readOrDamage(keys.indexedSize())
    const indexed = read.kind === 'value' ? read.value : Number.POSITIVE_INFINITY
    if (indexed > parts.size) {
      const message = `the index says it is complete up to ${indexed}, and the log has ${parts.size} entries`
      parts.findings.add({ kind: 'key', at: parts.size, message }, parts.size)
    }
    return new KeyCheck(parts, keys, indexed)
  }

  /** How many rows were looked at. */
  get count(): number {
    return this.#count
  }

  /** Asks for the leaves of a bundle: all at once, and one by one when that fails, to name the bad row. */
  async ask(leafHashes: Uint8Array): Promise<KeyAnswers> {
    const all = await readOrDamage(this.#keys.firstIndexOf(leafHashes))
    if (all.kind === 'value') return all.value
    const answers: (number | undefined)[] = []
    for (let at = 0; at < leafHashes.length; at += HASH_SIZE) {
      const one = await readOrDamage(this.#keys.firstIndexOf(leafHashes.subarray(at, at + HASH_SIZE)))
      answers.push(one.kind === 'value' ? one.value[0] : UNREADABLE)
    }
    return answers
  }

  /** Judges the answers for a bundle. Leaves in doubt are left out: their entry or tile is reported already. */
  async judge({ index: bundle }: BundleId, { leafHashes, sure }: JudgedBundle, answers: KeyAnswers): Promise<void> {
    for (const [i, answer] of answers.entries()) {
      const at = i * HASH_SIZE
      const leafHash = leafHashes.subarray(at, at + HASH_SIZE)
      if (sure === undefined || (sure !== leafHashes && !equalHash(leafHash, sure.subarray(at, at + HASH_SIZE))))
        continue
      this.#count++
      const index = bundle * TILE_WIDTH + i
      const message = await this.#complaint(index, leafHash, answer)
      if (message !== undefined) this.#findings.add({ kind: 'key', at: index, message }, index)
    }
  }

  async #complaint(index: number, leafHash: Uint8Array, answer: number | undefined): Promise<string | undefined> {
    const covered = index < this.#indexed
    if (answer === undefined) return covered ? 'the index has no row for it' : undefined
    if (answer === UNREADABLE) return 'the index has a row for it that cannot be read'
    // A log that allows duplicates keeps no rows, so there are none of entries behind the position.
    if (answer >= this.#indexed) return `the index leads to ${answer}, and says it ends at ${this.#indexed}`
    if (answer === index) return undefined
    if (answer > index) return `the index leads to ${answer}, which is later`
    return (await this.#hasKey(answer, leafHash)) ? undefined : `the index leads to ${answer}, which is another entry`
  }

  /** True when the entry there has the key of this leaf: an equal one, or one that took the row, came earlier. */
  async #hasKey(index: number, leafHash: Uint8Array): Promise<boolean> {
    if (this.#earlier?.index !== index) {
      const bundle = { index: Math.floor(index / TILE_WIDTH), width: (index % TILE_WIDTH) + 1 }
      const read = await readOrDamage(this.#source.entries(bundle, this.#call))
      const entry = read.kind === 'value' ? read.value.at(-1) : undefined
      this.#earlier = { index, leafHash: entry && hashLeaf(entry) }
    }
    const there = this.#earlier.leafHash
    return there !== undefined && this.#keys.isSameKey(there, leafHash)
  }
}

interface Parts {
  readonly source: FsckSource
  readonly findings: Findings
  readonly size: number
  readonly call: CallOptions
}
