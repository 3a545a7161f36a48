/** The signed-head ledger in a file: two slots written in turn, so that one of them is whole whatever happens. */
import { constants, readSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { concatBytes, encodeUint64, encodeUtf8, equalBytes, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import type { HeadLedger, LedgerRecord } from './ledger.ts'

/**
 * A slot, padded with zeros:
 *
 * ```text
 *   "treehead ledger\n"   16 bytes
 *   sequence               8 bytes, big-endian; the slot is sequence mod 2
 *   length of the head     4 bytes, big-endian
 *   head
 *   SHA-256 of all before 32 bytes
 * ```
 */
const SLOT_SIZE = 8_192
const MAGIC = encodeUtf8('treehead ledger\n')
const HEADER_SIZE = MAGIC.length + 12

/** How to open a ledger file; `create` makes it, and fails when it is already there. */
export interface LedgerFile {
  readonly path: string
  readonly create: boolean
}

/** Opens a ledger file. Rejects with `not_found` when it is absent and not to be made, and with `io`. */
export const openLedgerFile = async ({ path, create }: LedgerFile): Promise<HeadLedger> => {
  const file = await openFile(path, create)
  return {
    last: async () => readLast(file, path),
    record: async (previous, head) => {
      const found = readLast(file, path)
      if (found?.sequence !== previous?.sequence) {
        throw new TlogError('conflict', `another process recorded head ${found?.sequence} in ${path}`)
      }
      const record = { sequence: (previous?.sequence ?? 0) + 1, head }
      await writeSlot(file, record)
      return record
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}

const openFile = async (path: string, create: boolean): Promise<FileHandle> => {
  try {
    const flags = create ? constants.O_RDWR | constants.O_CREAT | constants.O_EXCL : constants.O_RDWR
    const file = await open(path, flags, 0o600)
    if (create) await allocate(file, path)
    return file
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT') throw new TlogError('not_found', `no ledger at ${path}`, { cause })
    throw new TlogError('io', `cannot open the ledger ${path}: ${String(code)}`, { cause })
  }
}

/** Both slots get their blocks now, so that a full disk cannot stop a record later; the name is synced with its folder. */
const allocate = async (file: FileHandle, path: string): Promise<void> => {
  await file.write(new Uint8Array(2 * SLOT_SIZE), 0, 2 * SLOT_SIZE, 0)
  await file.sync()
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const writeSlot = async (file: FileHandle, { sequence, head }: LedgerRecord): Promise<void> => {
  const body = concatBytes(MAGIC, encodeUint64(sequence), encodeUint64(head.length).subarray(4), head)
  const slot = concatBytes(body, sha256(body))
  if (slot.length > SLOT_SIZE)
    throw new TlogError('too_large', `a head of ${head.length} bytes does not fit the ledger`)
  try {
    // Reading and writing go to the page cache, which is quicker than a turn through the thread pool; only the sync waits.
    const bytesWritten = writeSync(file.fd, slot, 0, slot.length, (sequence % 2) * SLOT_SIZE)
    if (bytesWritten !== slot.length)
      throw new TlogError('io', `wrote ${bytesWritten} of ${slot.length} bytes of the ledger`)
    await file.datasync()
  } catch (cause) {
    throw new TlogError('io', 'the ledger could not be written', { cause })
  }
}

const readLast = (file: FileHandle, path: string): LedgerRecord | undefined => {
  const bytes = new Uint8Array(2 * SLOT_SIZE)
  const bytesRead = readSync(file.fd, bytes, 0, bytes.length, 0)
  const slots = [bytes.subarray(0, SLOT_SIZE), bytes.subarray(SLOT_SIZE, bytesRead)]
  const records = slots.map(parseSlot).filter((record) => record !== undefined)
  // One torn slot is what a power cut in the middle of a write leaves; the other then holds the head before it.
  if (records.length > 0) return records.reduce((a, b) => (a.sequence > b.sequence ? a : b))
  if (bytesRead === bytes.length && bytes.every((byte) => byte === 0)) return undefined
  throw new TlogError('corrupt', `the ledger ${path} holds no readable head`)
}

const parseSlot = (slot: Uint8Array): LedgerRecord | undefined => {
  if (slot.length < HEADER_SIZE || !equalBytes(slot.subarray(0, MAGIC.length), MAGIC)) return undefined
  const end = HEADER_SIZE + new DataView(slot.buffer, slot.byteOffset).getUint32(MAGIC.length + 8)
  // Nothing but the digest says that the numbers are the ones that were written.
  if (end + 32 > slot.length || !equalBytes(sha256(slot.subarray(0, end)), slot.subarray(end, end + 32)))
    return undefined
  return { sequence: readUint64(slot, MAGIC.length), head: slot.slice(HEADER_SIZE, end) }
}
