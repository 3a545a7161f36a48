/**
 * The two storage ports: a log's own state, and an ordered map of whatever is derived from it.
 *
 * What each store is trusted with:
 *
 * | store          | if it is lost                          | what someone gains who rewrites it                        |
 * |----------------|----------------------------------------|-----------------------------------------------------------|
 * | entries, tiles | the log is lost, unless mirrored       | nothing: every read is checked against the signed head    |
 * | head           | the log refuses to start               | nothing: it is signed, and the ledger knows a newer one   |
 * | index rows     | a replay may get a second index        | nothing: a hit counts only if the entry there hashes alike |
 * | key-value      | it is rebuilt from the log             | what its owner says                                       |
 * | ledger         | an old copy of the log can be restored | a fork: keep it on another volume (see log/ledger)        |
 */

/** Counts the commits of a log, from 1; handed back to `commit` to say which head was seen. */
export type Version = number

/** A head as it was committed. */
export interface Versioned {
  readonly version: Version
  readonly head: Uint8Array
}

/** A tile of hashes by level and index; stored tiles are always full. */
export interface TileKey {
  readonly level: number
  readonly index: number
}

/** A row to be put, or with `undefined` to be deleted. Keys are 1 to 255 bytes long. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** One atomic step of a log: everything that a new head stands for, and the head. */
export interface Commit {
  /** The version the writer has seen, undefined for the first commit. */
  readonly previous: Version | undefined
  readonly head: Uint8Array
  /** The index of the first of `entries`. */
  readonly firstIndex: number
  readonly entries: readonly Uint8Array[]
  readonly fullTiles: ReadonlyMap<TileKey, Uint8Array>
  /** Rows derived from the entries that must not lag behind them, such as de-duplication keys. */
  readonly index: readonly Change[]
  /** Changes to the key-value stores of the same storage, by name: what belongs to the entries and is not part of the log. */
  readonly beside?: ChangesByStore | undefined
}

/** Changes to several key-value stores, by their names. */
export type ChangesByStore = ReadonlyMap<string, readonly Change[]>

/** A log's durable state: a dense array of entries, full tiles, and one signed head. */
export interface LogStore {
  /** The newest committed head, undefined before the first commit. Rejects with `corrupt` when its digest is wrong. */
  head(): Promise<Versioned | undefined>
  /**
   * One atomic step. After it resolves all of it is durable (synced); after a crash or a rejection either none of it can
   * be seen or, when the failure came after the write, all of it: `unknown_outcome`. Rejects with `conflict`, having
   * changed nothing, when the head is not `previous`; and with `poisoned` ever after a write has failed.
   */
  commit(step: Commit): Promise<Versioned>
  /**
   * The entries `start` up to but not including `end`, as they were read: the caller checks them against the tree.
   * Rejects with `corrupt` when one is missing.
   */
  entries(start: number, end: number): Promise<readonly Uint8Array[]>
  /** The bytes of a full tile, unchecked, or undefined when there is none. */
  fullTile(key: TileKey): Promise<Uint8Array | undefined>
  /**
   * Every head that is kept, from the smallest tree to the largest: one for each size that was ever committed. Left away
   * by stores that keep only the newest. Rejects with `corrupt` at the first row of the log that is not what its key says.
   */
  heads?(): AsyncIterable<Uint8Array>
  /** The values of the index rows with these keys, in order. They are hints: the caller checks what they point to. */
  lookup(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
}

/** A row of a key-value store. */
export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** An ordered map derived from a log and rebuildable from it, or a service's own state. Keys are in order of their bytes. */
export interface KeyValueStore {
  /** The value, or undefined. Rejects with `corrupt` when the row's digest is wrong. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** The values of these keys, in order. Rejects with `corrupt` when the digest of one is wrong. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
  /** Applies all changes or none, durably. Rejects with `poisoned` ever after a write has failed. */
  write(changes: readonly Change[]): Promise<void>
  /** The rows with `from` ≤ key < `to`, in order. Rejects with `corrupt` at the first row whose digest is wrong. */
  range(from: Uint8Array, to: Uint8Array): AsyncIterable<Row>
}

/** An open backend. Disposing it waits for what is under way; afterwards every call rejects. */
export interface Storage extends AsyncDisposable {
  readonly log: LogStore
  /** A key-value store of its own for each name (1 to 32 letters, digits or dashes). */
  keyValue(name: string): KeyValueStore
}

/** How to open a backend: what follows the colon of its URL, and whether an absent store may be made. */
export interface OpenOptions {
  readonly location: string
  /** False by default: a store that should be there and is not must never be silently made anew. */
  readonly create: boolean
}

/** Opens one kind of storage. Rejects with `not_found`, `conflict` (another process has it), `corrupt` or `io`. */
export type Backend = (options: OpenOptions) => Promise<Storage>
