/** Where rows lie in LevelDB: everything a log commits is keyed by its position in the log, so that keys only ever grow. */
import { encodeUtf8, readUint64, writeUint64 } from '../primitives/bytes.ts'
import type { TileKey } from './storage.ts'

/**
 * LevelDB merges files whose ranges of keys overlap, again and again. Rows of the log never overlap, because whatever a
 * commit writes comes after whatever earlier commits wrote; its files are moved, not merged (measured: a third less work
 * for each entry than with a range of keys for each kind of row).
 *
 * ```text
 *   l ‖ position, 8 bytes big-endian ‖ kind
 *
 *   position                   kind   row
 *   index of its first entry   0      run of entries
 *   index of its last leaf     1 + L  full tile of level L
 *   size of the tree           255    signed head: the last row of all is the newest
 * ```
 *
 * The rows of the index (`i`) and of key-value stores (`k`) are in ranges of their own.
 */
export const rowKinds = { run: 0, tile: 1, head: 255 } as const

const LOG = 0x6c
const INDEX = 0x69

const logRow = (position: number, kind: number): Uint8Array => {
  const key = new Uint8Array(10)
  key[0] = LOG
  writeUint64(key, position, 1)
  key[9] = kind
  return key
}

/** The key of the run of entries that begins at `firstIndex`; also the lower bound of all rows from there on. */
export const runRow = (firstIndex: number): Uint8Array => logRow(firstIndex, rowKinds.run)

/** The key of a full tile. */
export const tileRow = ({ level, index }: TileKey): Uint8Array =>
  logRow((index + 1) * 256 ** (level + 1) - 1, rowKinds.tile + level)

/** The key of the head of a tree of `size`. */
export const headRow = (size: number): Uint8Array => logRow(size, rowKinds.head)

/** The bounds of all rows of the log. */
export const logRows = { gte: Uint8Array.of(LOG), lt: Uint8Array.of(LOG + 1) } as const

/** The kind of a row of the log, from its key. */
export const kindOf = (key: Uint8Array): number => key[9] ?? -1

/** True for a key that `runRow`, `tileRow` or `headRow` makes. */
export const isLogRow = (key: Uint8Array): boolean => {
  const kind = kindOf(key)
  if (key.length !== 10 || key[0] !== LOG) return false
  if (kind === rowKinds.run || kind === rowKinds.head) return true
  const leaves = 256 ** kind
  return kind < 7 && (readUint64(key, 1) + 1) % leaves === 0
}

/** The key of an index row. */
export const indexRow = (key: Uint8Array): Uint8Array => {
  const row = new Uint8Array(1 + key.length)
  row[0] = INDEX
  row.set(key, 1)
  return row
}

/** The key of a row of a key-value store. */
export const mapRow = (name: string, key: Uint8Array): Uint8Array => {
  const prefix = encodeUtf8(`k${name}\0`)
  const row = new Uint8Array(prefix.length + key.length)
  row.set(prefix)
  row.set(key, prefix.length)
  return row
}
