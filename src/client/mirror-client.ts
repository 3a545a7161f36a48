/** A client of one mirror (c2sp.org/tlog-mirror): hands it a log's checkpoint and entries, and takes nothing but its signature. */
import { planSubtreeConsistency } from '../merkle/subtree.ts'
import type { NoteVerifier } from '../note/algorithm.ts'
import { formatNote, type NoteSignature, parseNote, parseSignatures, verifyNote } from '../note/note.ts'
import { concatBytes, decodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { parseCheckpoint } from '../tlog/checkpoint.ts'
import { formatAddCheckpoint, parseCosignedSize } from '../tlog/protocol/add-checkpoint.ts'
import {
  ENTRIES_TYPE,
  formatHeader,
  formatPackage,
  MAX_PACKAGES,
  type PackageRange,
  planPackages,
} from '../tlog/protocol/add-entries.ts'
import { parseMirrorInfo } from '../tlog/protocol/mirror-info.ts'
import { TILE_WIDTH, tileWidth } from '../tlog/tile.ts'
import { type HttpOptions, type HttpReply, httpExchange } from './http.ts'
import type { CallOptions, LogResources } from './resources.ts'
import { TileTree } from './tile-tree.ts'
import type { CheckpointReader } from './trust.ts'

/** A signed head of a log, its tree, and the entries under it. The mirror checks the entries; nobody else needs to. */
export interface MirroredHead {
  /** The signed checkpoint, byte for byte. */
  readonly checkpoint: Uint8Array
  readonly tree: TileTree
  /** The entries of a range that lies within one bundle. */
  entries(start: number, end: number, options: CallOptions): Promise<readonly Uint8Array[]>
}

/** How to reach a mirror, and whose signatures to take. */
export interface MirrorClientOptions extends Pick<HttpOptions, 'url' | 'fetch'> {
  /** The keys of the mirror. */
  readonly verifiers: readonly NoteVerifier[]
  /** For one request, from asking to the last byte of the answer, in milliseconds. Default 120,000. */
  readonly timeoutMs?: number | undefined
}

/** For one push. */
export interface PushOptions extends CallOptions {
  /** Called with the mirror's next entry after each request. */
  readonly onProgress?: ((next: number) => void) | undefined
}

/** What the mirror vouches for now. */
export interface Pushed {
  readonly size: number
  /** By the mirror, verified; over the checkpoint that was handed in. */
  readonly cosignatures: readonly NoteSignature[]
}

/** A request has at most so many bytes of packages before compression, but always one package. */
const MAX_BODY_BYTES = 8 * 2 ** 20

const MAX_ANSWER_BYTES = 256 * 1024

/** A mirror that answers so often without getting any further is given up for this time. */
const MAX_STALLS = 4

/** Hands one log to one mirror. One push at a time; it remembers between pushes where the mirror is. */
export class MirrorClient {
  readonly #options: MirrorClientOptions
  readonly #exchange: ReturnType<typeof httpExchange>
  /** The size of the mirror's pending checkpoint, as far as we know. */
  #pending = 0
  #added: Uint8Array | undefined
  /** The mirror's next entry; undefined before it has told. */
  #next: number | undefined
  #ticket = new Uint8Array(0)

  /** Throws TypeError when `url` is none or there is no verifier. */
  constructor(options: MirrorClientOptions) {
    if (options.verifiers.length === 0) throw new TypeError('want a key of the mirror: nothing is believed without')
    this.#options = options
    this.#exchange = httpExchange({ ...options, timeoutMs: options.timeoutMs ?? 120_000 })
  }

  /**
   * Brings the mirror up to a head. Rejects with `conflict` when the mirror has a larger checkpoint of the log: take a newer
   * head, and if there is none the log has lost entries; with `bad_proof` when it says that the head does not fit what it
   * has; `untrusted` or `bad_signature` when its signature is not that of a known key; `not_found` when it does not know
   * the log, and `pushback`, `io` or the signal's reason. What was taken in stays there: push again.
   */
  async push(head: MirroredHead, { signal, onProgress }: PushOptions = {}): Promise<Pushed> {
    const { origin } = parseCheckpoint(parseNote(head.checkpoint).text)
    await this.#addCheckpoint(head, signal)
    const end = head.tree.size
    let furthest = -1
    for (let stalls = 0; stalls < MAX_STALLS; ) {
      // Not knowing where the mirror is, ask with no entries at all: the answer says it.
      const start = Math.min(this.#next ?? end, end)
      const reply = await this.#upload(head, { origin, start, end }, signal)
      if (reply.status === 200) {
        this.#next = Math.max(end, this.#next ?? 0)
        onProgress?.(end)
        return { size: end, cosignatures: this.#verified(head, reply.body) }
      }
      if (reply.status !== 202 && reply.status !== 409) throw failure(reply)
      const info = parseMirrorInfo(reply.body)
      this.#ticket = Uint8Array.from(info.ticket)
      if (info.size !== end) throw this.#another(info.size, end)
      if (info.next > end) throw new TlogError('malformed', `the mirror wants entry ${info.next} of ${end}`)
      // What it said that it had before does not count again.
      stalls = reply.status === 202 && info.next > furthest ? 0 : stalls + 1
      furthest = Math.max(furthest, info.next)
      this.#next = info.next
      onProgress?.(info.next)
    }
    throw new TlogError('io', `the mirror does not get on: it still wants entry ${this.#next}`)
  }

  async #addCheckpoint(head: MirroredHead, signal: AbortSignal | undefined): Promise<void> {
    const { checkpoint, tree } = head
    if (this.#added !== undefined && equalBytes(this.#added, checkpoint)) return
    for (let attempt = 0; attempt < MAX_STALLS; attempt++) {
      const oldSize = this.#pending
      if (oldSize > tree.size) throw this.#another(oldSize, tree.size)
      const proof = oldSize === 0 ? [] : await tree.consistencyProof(oldSize)
      const body = formatAddCheckpoint({ oldSize, proof, checkpoint })
      const reply = await this.#post('add-checkpoint', body, {}, signal)
      if (reply.status === 200) {
        this.#pending = tree.size
        this.#added = checkpoint.slice()
        return
      }
      if (reply.status !== 409) throw failure(reply)
      this.#pending = parseCosignedSize(reply.body)
    }
    throw new TlogError('io', `the mirror says that its checkpoint has size ${this.#pending}, and takes none after it`)
  }

  #another(size: number, ours: number): TlogError {
    this.#added = undefined
    return new TlogError('conflict', `the mirror has a checkpoint of size ${size}, ours is of size ${ours}`)
  }

  async #upload(
    head: MirroredHead,
    interval: { readonly origin: string; readonly start: number; readonly end: number },
    signal: AbortSignal | undefined,
  ): Promise<HttpReply> {
    const parts: Uint8Array[] = [formatHeader({ ...interval, ticket: this.#ticket })]
    let bytes = 0
    // spec: clients SHOULD limit each `add-entries` request to at most 32 entry packages (8192 entries).
    for (const range of planPackages(interval)) {
      if (parts.length > MAX_PACKAGES || bytes > MAX_BODY_BYTES) break
      const part = await packageOf(head, range, signal)
      bytes += part.length
      parts.push(part)
    }
    // spec: The request body for `add-entries` SHOULD be compressed at the HTTP layer.
    const body = await gzip(concatBytes(...parts))
    const headers = { 'content-type': ENTRIES_TYPE, 'content-encoding': 'gzip' }
    return this.#post('add-entries', body, headers, signal)
  }

  #post(
    path: string,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<HttpReply> {
    return this.#exchange({ method: 'POST', path, body, headers, limit: MAX_ANSWER_BYTES, signal })
  }

  // spec: As in the witness protocol, the client MUST ignore any cosignatures from unknown keys.
  #verified({ checkpoint }: MirroredHead, body: Uint8Array): readonly NoteSignature[] {
    const signatures = parseSignatures(decodeUtf8(body))
    const note = parseNote(formatNote({ text: parseNote(checkpoint).text, signatures }))
    return verifyNote(note, this.#options.verifiers).verified
  }
}

/** The newest head of a log that is served, to be handed on. Rejects as the reader, the resources and `TileTree.open` do. */
export const servedHead = async (
  resources: LogResources,
  reader: CheckpointReader,
  options: CallOptions = {},
): Promise<MirroredHead> => {
  const { bytes, checkpoint } = reader.open(await resources.checkpoint(options))
  const tree = await TileTree.open(checkpoint, (tile) => resources.tile(tile, options))
  return {
    checkpoint: bytes,
    tree,
    entries: async (start, end, call) => {
      const index = Math.floor(start / TILE_WIDTH)
      const first = index * TILE_WIDTH
      const width = tileWidth({ level: 'entries', index }, tree.size)
      return (await resources.entries({ index, width }, call)).slice(start - first, end - first)
    },
  }
}

const packageOf = async (
  { tree, entries }: MirroredHead,
  { start, end, subtreeStart }: PackageRange,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> => {
  // spec: The subtree consistency proof is computed from the subtree defined by `[rounded_start + i * 256, end)`, and the
  // log checkpoint with tree size `upload_end`.
  const plan = planSubtreeConsistency({ start: subtreeStart, end, size: tree.size })
  const [data, proof] = await Promise.all([
    entries(start, end, { signal }),
    Promise.all(plan.map((range) => tree.rangeRoot(range))),
  ])
  if (data.length !== end - start)
    throw new TlogError('corrupt', `want the entries ${start} to ${end}, got ${data.length}`)
  return formatPackage({ entries: data, proof })
}

const gzip = async (bytes: Uint8Array): Promise<Uint8Array> => {
  const squeezed = new Blob([Uint8Array.from(bytes)]).stream().pipeThrough(new CompressionStream('gzip'))
  return new Uint8Array(await new Response(squeezed).arrayBuffer())
}

const failure = ({ status, body }: HttpReply): TlogError => {
  const reason = new TextDecoder().decode(body.subarray(0, 300)).replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
  const message = `the mirror answered ${status}: ${reason.trim()}`
  if (status === 404) return new TlogError('not_found', message)
  if (status === 422) return new TlogError('bad_proof', message)
  if (status === 403) return new TlogError('untrusted', message)
  if (status === 400) return new TlogError('malformed', message)
  return new TlogError(status === 429 ? 'pushback' : 'io', message)
}
