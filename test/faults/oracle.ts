/**
 * What clients remember of a log, and whether the log still keeps it (reliability invariants I1 to I6): every acknowledged
 * entry at its index, every checkpoint ever released, and a log that is dense, whole, free of duplicates and made only of
 * what was submitted.
 */
import { send } from './http.ts'
import { tilePath, widths } from './tiles.ts'
import { type Checkpoint, GrowingTree, leafHashOf, openCheckpoint, tileLevels } from './tree.ts'

/** A broken promise: which one, and how it shows. */
export interface Finding {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I9' | 'other'
  readonly what: string
}

/** An acknowledged entry; `at` is the size of the power-cut trace when the answer was in hand (0 without a trace). */
interface Ack {
  readonly index: number
  readonly leaf: string
  readonly at: number
}

/** A checkpoint that reached a client, and when. */
interface Release {
  readonly size: number
  readonly root: string
  readonly at: number
}

/** The part of the memory that a check is held against: everything, or what was known at a moment of the trace. */
export interface Since {
  readonly at: number
}

/** The memory of all clients of one log, across its restarts. */
export class Oracle {
  readonly #acks: Ack[] = []
  readonly #releases = new Map<string, Release>()
  /** Everything ever sent, by leaf hash. */
  readonly #submitted = new Map<string, Buffer>()
  readonly #clock: () => number
  readonly #found: Finding[] = []
  /** Entries whose fate no answer told; a retry with the same bytes must settle it. */
  readonly unsettled: Buffer[] = []
  vkey = ''

  /** `clock` answers the size of the trace, for power cuts. */
  constructor(clock: () => number = () => 0) {
    this.#clock = clock
  }

  /** A memory of its own that begins with what this one knows. */
  copy(): Oracle {
    const copy = new Oracle(this.#clock)
    copy.vkey = this.vkey
    copy.#acks.push(...this.#acks)
    copy.unsettled.push(...this.unsettled)
    for (const [key, release] of this.#releases) copy.#releases.set(key, release)
    for (const [leaf, entry] of this.#submitted) copy.#submitted.set(leaf, entry)
    return copy
  }

  /** How many answers said that an entry is in the log. */
  get acknowledged(): number {
    return this.#acks.length
  }

  /** How many different checkpoints were released. */
  get released(): number {
    return this.#releases.size
  }

  /** The acknowledged entries by index. Throws when an index is missing, so for logs of which everything is known. */
  entries(): readonly Buffer[] {
    const leaves = new Map(this.#acks.map(({ index, leaf }) => [index, leaf]))
    return Array.from({ length: leaves.size }, (_, index) => {
      const entry = this.#submitted.get(leaves.get(index) ?? '')
      if (entry === undefined) throw new Error(`nobody was told of entry ${index}`)
      return entry
    })
  }

  /** Takes down that an entry is about to be sent. */
  submitting(entry: Buffer): void {
    this.#submitted.set(leafHashOf(entry).toString('hex'), entry)
  }

  /** Takes down an answer that named an index. */
  acked(entry: Buffer, index: number): void {
    this.#acks.push({ index, leaf: leafHashOf(entry).toString('hex'), at: this.#clock() })
  }

  /** Takes down a checkpoint that left the server. Throws when its signature is wrong. */
  saw(text: string): Checkpoint {
    const checkpoint = openCheckpoint(text, this.vkey)
    const { size } = checkpoint
    const root = checkpoint.root.toString('hex')
    // One record for each size and root; a second root for a size is a second record, and the check will name it.
    if (!this.#releases.has(`${size} ${root}`)) this.#releases.set(`${size} ${root}`, { size, root, at: this.#clock() })
    return checkpoint
  }

  /** Takes down a finding made elsewhere. */
  report(finding: Finding): void {
    this.#found.push(finding)
  }

  /** What was reported so far, and forgets it. */
  takeReported(): readonly Finding[] {
    return this.#found.splice(0)
  }

  /** True when at that moment anything was acknowledged or released that must not be lost. */
  knows({ at }: Since): boolean {
    return this.#acks.some((ack) => ack.at <= at) || [...this.#releases.values()].some((head) => head.at <= at)
  }

  /** Reads the whole log from `url` and answers every broken promise. */
  async check(url: string, until: Since = { at: Number.POSITIVE_INFINITY }): Promise<readonly Finding[]> {
    try {
      const head = await readHead(url, this.vkey)
      const leaves = await readLeaves(url, head.size)
      const findings = [...this.takeReported(), ...this.#judge(head, leaves, until)]
      return findings.length > 0 ? findings : await checkTiles(url, leaves)
    } catch (error) {
      return [{ invariant: 'I5', what: error instanceof Error ? error.message : String(error) }]
    }
  }

  *#judge(head: Checkpoint, leaves: readonly Buffer[], until: Since): Generator<Finding> {
    const releases = [...this.#releases.values()].filter(({ at }) => at <= until.at)
    const acks = this.#acks.filter(({ at }) => at <= until.at)
    const names = leaves.map((leaf) => leaf.toString('hex'))
    yield* judgeHeads(leaves, [...releases, { size: head.size, root: head.root.toString('hex'), at: 0 }])
    for (const { index, leaf } of acks) {
      if (index >= head.size)
        yield { invariant: 'I1', what: `entry ${index} was acknowledged, the log has ${head.size}` }
      else if (names[index] !== leaf)
        yield { invariant: 'I1', what: `entry ${index} is not the one acknowledged there` }
    }
    const first = new Map<string, number>()
    for (const [index, name] of names.entries()) {
      const earlier = first.get(name)
      if (earlier !== undefined) yield { invariant: 'I3', what: `entries ${earlier} and ${index} are the same` }
      else first.set(name, index)
      if (!this.#submitted.has(name)) yield { invariant: 'I4', what: `nobody submitted entry ${index}` }
    }
  }
}

/** Every head must be the root of the entries at its size: then all of them are consistent with each other. */
function* judgeHeads(leaves: readonly Buffer[], heads: readonly Release[]): Generator<Finding> {
  const bySize = new Map<number, string[]>()
  for (const { size, root } of heads) bySize.set(size, [...(bySize.get(size) ?? []), root])
  const tree = new GrowingTree()
  for (let size = 0; size <= leaves.length; size++) {
    const roots = bySize.get(size) ?? []
    if (roots.some((root) => root !== tree.root().toString('hex'))) {
      yield { invariant: 'I2', what: `a checkpoint of size ${size} was released that the log contradicts` }
    }
    bySize.delete(size)
    const leaf = leaves[size]
    if (leaf !== undefined) tree.push(leaf)
  }
  for (const size of bySize.keys()) {
    yield { invariant: 'I2', what: `a checkpoint of size ${size} was released, the log has ${leaves.length}` }
  }
}

const get = async (url: string): Promise<Buffer> => {
  const { status, body, error } = await send(url)
  if (status !== 200)
    throw new Error(`GET ${new URL(url).pathname}: ${status ?? error} ${body.toString().slice(0, 200)}`)
  return body
}

const readHead = async (url: string, vkey: string): Promise<Checkpoint> =>
  openCheckpoint((await get(`${url}/checkpoint`)).toString(), vkey)

const readLeaves = async (url: string, size: number): Promise<readonly Buffer[]> => {
  const leaves: Buffer[] = []
  for (const [index, width] of widths(size).entries()) {
    const bundle = await get(`${url}/tile/entries/${tilePath(index, width)}`)
    let at = 0
    for (let i = 0; i < width; i++) {
      const length = at + 2 <= bundle.length ? bundle.readUInt16BE(at) : Number.POSITIVE_INFINITY
      if (at + 2 + length > bundle.length) throw new Error(`entry bundle ${index} ends within its entry ${i}`)
      leaves.push(leafHashOf(bundle.subarray(at + 2, at + 2 + length)))
      at += 2 + length
    }
    if (at !== bundle.length) throw new Error(`entry bundle ${index} goes on after ${width} entries`)
  }
  return leaves
}

const checkTiles = async (url: string, leaves: readonly Buffer[]): Promise<readonly Finding[]> => {
  const findings: Finding[] = []
  for (const [level, hashes] of tileLevels(leaves).entries()) {
    for (const [index, width] of widths(hashes.length).entries()) {
      const tile = await get(`${url}/tile/${level}/${tilePath(index, width)}`)
      if (!tile.equals(Buffer.concat(hashes.slice(256 * index, 256 * index + width)))) {
        findings.push({ invariant: 'I5', what: `tile ${level}/${index} is not of the entries` })
      }
    }
  }
  return findings
}
