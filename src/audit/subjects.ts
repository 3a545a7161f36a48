/** Subjects: the people and things of events, each with a random handle in the tree and a key of its own for its payload. */
import { canonicalJson } from '../event/canonical-json.ts'
import { HANDLE_SIZE } from '../event/leaf.ts'
import { concatBytes, encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import type { Change, KeyValueStore } from '../storage/storage.ts'

/** Who or what, within a tenant. */
export interface SubjectName {
  readonly tenant: string | undefined
  readonly type: string
  /** Undefined for somebody anonymous, who gets a handle for each event. */
  readonly id: string | undefined
}

/** A subject that is known. */
export interface Subject {
  /** 16 random bytes, the same in every entry about it. */
  readonly handle: Uint8Array
  /** 32 random bytes that seal what is about it. */
  readonly key: Uint8Array
}

/** What the table needs. */
export interface SubjectsParts {
  /**
   * Where keys and names lie: not in the data folder, so that a backup of that has neither. If it is lost no payload can be
   * opened any more; who reads it can open all that are still there.
   */
  readonly store: KeyValueStore
  /** Random bytes from a cryptographic source. */
  readonly random: (size: number) => Uint8Array
  /** HMAC-SHA-256. */
  readonly mac: (key: Uint8Array, message: Uint8Array) => Uint8Array
}

const KEY_SIZE = 32
const TABLE_KEY = encodeUtf8('table-key')
const TABLE_ID = encodeUtf8('table-id')
const ID_SIZE = 16
const NAME_ROW = 0x6e
const HANDLE_ROW = 0x68

/** How many subjects are remembered. */
const MAX_KNOWN = 65_536

/** The table of subjects. One recorder uses it at a time. */
export class Subjects {
  readonly #parts: SubjectsParts
  readonly #tableKey: Uint8Array
  /** 16 random bytes that tell this table from others. */
  readonly id: Uint8Array
  readonly #known = new Map<string, Subject>()
  #failure: TlogError | undefined

  private constructor(parts: SubjectsParts, id: Uint8Array, tableKey: Uint8Array) {
    this.#parts = parts
    this.id = id
    this.#tableKey = tableKey
  }

  /** Opens the table; the first time it makes the key that rows are found by. Rejects with `corrupt` and `io`. */
  static async open(parts: SubjectsParts): Promise<Subjects> {
    const [id, tableKey] = await parts.store.getMany([TABLE_ID, TABLE_KEY])
    if (id !== undefined && tableKey !== undefined) return new Subjects(parts, id, tableKey)
    const made = [parts.random(ID_SIZE), parts.random(KEY_SIZE)] as const
    await parts.store.write([
      { key: TABLE_ID, value: made[0] },
      { key: TABLE_KEY, value: made[1] },
    ])
    return new Subjects(parts, ...made)
  }

  /** A keyed digest: equal for equal texts, and nothing to anybody without the table. */
  tag(text: string): Uint8Array {
    return this.#parts.mac(this.#tableKey, encodeUtf8(text))
  }

  /**
   * The subjects of these names, in order; new ones are on disk when it resolves, before any entry has their handle.
   * Rejects with `corrupt`, `poisoned` and `io`.
   */
  async find(names: readonly SubjectName[]): Promise<readonly Subject[]> {
    if (this.#failure !== undefined) throw this.#failure
    const texts = names.map(({ tenant = '', type, id }, i) =>
      id === undefined ? `?${i}` : canonicalJson([tenant, type, id]),
    )
    const found = new Map<string, Subject>()
    const absent: string[] = []
    for (const text of new Set(texts)) {
      const known = this.#known.get(text)
      if (known === undefined) absent.push(text)
      else found.set(text, known)
    }
    if (absent.length > 0) await this.#load(absent, found)
    return texts.map((text) => {
      const subject = found.get(text)
      if (subject === undefined) throw new RangeError('a subject was not looked up')
      return subject
    })
  }

  async #load(texts: readonly string[], found: Map<string, Subject>): Promise<void> {
    const rows = await this.#parts.store.getMany(texts.map((text) => this.#nameRow(text)))
    const changes: Change[] = []
    for (const [i, text] of texts.entries()) {
      const row = rows[i]
      const subject = row === undefined ? this.#make() : parseSubject(row)
      found.set(text, subject)
      if (row === undefined) this.#addRows(text, subject, changes)
    }
    if (changes.length > 0) await this.#write(changes)
    for (const text of texts) {
      const subject = found.get(text)
      if (subject !== undefined && !text.startsWith('?')) this.#remember(text, subject)
    }
  }

  /** After a failed write a row may be there that a power cut takes away: nothing is sealed under its key. */
  async #write(changes: readonly Change[]): Promise<void> {
    try {
      await this.#parts.store.write(changes)
    } catch (cause) {
      this.#failure = new TlogError(
        'poisoned',
        'the keys of subjects cannot be written; the server must be restarted',
        {
          cause,
        },
      )
      throw this.#failure
    }
  }

  #make(): Subject {
    return { handle: this.#parts.random(HANDLE_SIZE), key: this.#parts.random(KEY_SIZE) }
  }

  #addRows(text: string, { handle, key }: Subject, changes: Change[]): void {
    if (!text.startsWith('?')) changes.push({ key: this.#nameRow(text), value: concatBytes(handle, key) })
    changes.push({ key: handleRow(handle), value: concatBytes(key, encodeUtf8(text)) })
  }

  #nameRow(text: string): Uint8Array {
    return concatBytes(Uint8Array.of(NAME_ROW), this.tag(text).subarray(0, HANDLE_SIZE))
  }

  #remember(text: string, subject: Subject): void {
    if (this.#known.size >= MAX_KNOWN) this.#known.clear()
    this.#known.set(text, subject)
  }

  /** The keys of these handles, in order; undefined for those that were erased. Rejects with `corrupt`. */
  async keysOf(handles: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const rows = await this.#parts.store.getMany(handles.map(handleRow))
    return rows.map((row) => row?.slice(0, KEY_SIZE))
  }

  /** The handle of a subject, undefined for one that no event was about. Rejects with `corrupt`. */
  async handleOf({ tenant = '', type, id }: SubjectName): Promise<string | undefined> {
    const row = await this.#parts.store.get(this.#nameRow(canonicalJson([tenant, type, id ?? null])))
    return row && encodeHex(parseSubject(row).handle)
  }
}

const handleRow = (handle: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(HANDLE_ROW), handle)

const parseSubject = (row: Uint8Array): Subject => ({
  handle: row.slice(0, HANDLE_SIZE),
  key: row.slice(HANDLE_SIZE, HANDLE_SIZE + KEY_SIZE),
})
