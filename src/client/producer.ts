/** Producing: entries go to a log over HTTP, and come back as indices or as receipts that were verified here. */
import { encodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8 } from '../primitives/bytes.ts'
import { parseDecimal } from '../primitives/decimal.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import { formatEntryBundle, MAX_ENTRY_SIZE } from '../tlog/entry-bundle.ts'
import { MAX_PROOF_FILE_BYTES } from '../tlog/proof-file.ts'
import { type HttpOptions, httpSender, type Send } from './http.ts'
import { type VerifiedProof, verifyProofFile } from './receipt.ts'
import type { CallOptions } from './resources.ts'
import type { Trust } from './trust.ts'

/** Where to add entries. */
export interface ProducerOptions extends HttpOptions {
  /** The append token, if the log wants one. */
  readonly token?: string | undefined
  /** Whom to believe when receipts are asked for. */
  readonly trust?: Trust | undefined
  /** Entries in one request of a batch. Default 4,096. */
  readonly maxBatchEntries?: number | undefined
  /** Bytes in one request of a batch. Default 4 MiB. */
  readonly maxBatchBytes?: number | undefined
}

/** A verified receipt: a proof file to keep, and what it says. */
export interface Receipt extends VerifiedProof {
  /** The bytes of the proof file. */
  readonly file: Uint8Array
}

/**
 * Adds entries to one log. What fails in passing is sent again: a log answers the same bytes with their first index, so
 * that is safe, unless it was told to allow duplicates (then set `maxAttempts: 1`). An index is the server's word; a
 * receipt is proof.
 */
export class Producer {
  readonly #send: Send
  readonly #options: ProducerOptions

  constructor(options: ProducerOptions) {
    this.#send = httpSender(options)
    this.#options = options
  }

  /**
   * Adds an entry of 1 to 65,535 bytes; resolves with its index, once it is durable and under a signed checkpoint. Rejects
   * with `too_large`, `unauthorized`, `forbidden`, `pushback` (nothing was kept), or `unknown_outcome`: the entry may or may
   * not be there, and adding it again is safe.
   */
  async add(entry: Uint8Array, { signal }: CallOptions = {}): Promise<number> {
    assertEntry(entry)
    const answer = await this.#post({ path: 'add', body: entry, limit: 64, signal })
    return parseDecimal(decodeUtf8(answer))
  }

  /**
   * `add` that asks for a receipt and verifies it against the entry and the pinned trust before it is returned. Rejects
   * also as `verifyProofFile` throws, and with TypeError without trust.
   */
  async addWithReceipt(entry: Uint8Array, { signal }: CallOptions = {}): Promise<Receipt> {
    const { trust } = this.#options
    if (trust === undefined) throw new TypeError('want trust to verify a receipt with')
    assertEntry(entry)
    const headers = { accept: PROOF_FILE }
    const file = await this.#post({ path: 'add', body: entry, headers, limit: MAX_PROOF_FILE_BYTES, signal })
    return { ...verifyProofFile(file, { ...trust, entry }), file }
  }

  /**
   * Adds entries in order, in as many requests as they need; resolves with the index of each. Rejects as `add` does; when
   * that happens after the first request, the entries before are in the log, and adding all of them again is safe.
   */
  async addBatch(entries: readonly Uint8Array[], { signal }: CallOptions = {}): Promise<readonly number[]> {
    entries.forEach(assertEntry)
    const indices: number[] = []
    while (indices.length < entries.length) {
      const batch = this.#nextBatch(entries, indices.length)
      const body = formatEntryBundle(batch)
      const answer = await this.#post({ path: 'add-batch', body, limit: 17 * batch.length, signal })
      indices.push(...parseIndices(answer, batch.length))
    }
    return indices
  }

  #nextBatch(entries: readonly Uint8Array[], from: number): readonly Uint8Array[] {
    const { maxBatchEntries = 4_096, maxBatchBytes = 4 * 2 ** 20 } = this.#options
    let bytes = 0
    let to = from
    for (const entry of entries.slice(from, from + maxBatchEntries)) {
      bytes += 2 + entry.length
      if (to > from && bytes > maxBatchBytes) break
      to++
    }
    return entries.slice(from, to)
  }

  async #post(request: Parameters<Send>[0] & { readonly body: Uint8Array }): Promise<Uint8Array> {
    const { token } = this.#options
    const headers = {
      'content-type': 'application/octet-stream',
      // RFC 9530: the log refuses a body that was changed on the way.
      'content-digest': `sha-256=:${encodeBase64(sha256(request.body))}:`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...request.headers,
    }
    try {
      return await this.#send({ ...request, method: 'POST', headers })
    } catch (cause) {
      if (!isTlogError(cause, 'io')) throw cause
      throw new TlogError('unknown_outcome', `${cause.message}; adding the same bytes again is safe`, { cause })
    }
  }
}

const PROOF_FILE = 'text/x.tlog-proof'

const assertEntry = (entry: Uint8Array): void => {
  if (entry.length === 0) throw new TlogError('malformed', 'an entry has at least one byte')
  if (entry.length <= MAX_ENTRY_SIZE) return
  throw new TlogError('too_large', `an entry has at most ${MAX_ENTRY_SIZE} bytes, got ${entry.length}`)
}

const parseIndices = (answer: Uint8Array, count: number): readonly number[] => {
  const lines = decodeUtf8(answer).split('\n')
  if (lines.pop() !== '' || lines.length !== count) {
    throw new TlogError('malformed', `want ${count} indices, got ${lines.length} lines`)
  }
  return lines.map(parseDecimal)
}
