/** A small value in a file of its own: two slots written in turn, so that one of them is whole whatever happens. */
import { constants, readSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { concatBytes, encodeUint64, encodeUtf8, equalBytes, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'

/** A value that the file holds, and how many were recorded up to it. */
export interface SlotRecord {
  readonly sequence: number
  readonly value: Uint8Array
}

/** The newest of the values that were recorded in a file, which is what it is for. */
export interface Slots extends AsyncDisposable {
  /** The newest record, undefined before the first. Rejects with `corrupt` when no record can be read. */
  last(): Promise<SlotRecord | undefined>
  /**
   * Compare and swap: replaces `previous` by a record of `value`, durably. Rejects with `conflict` when another writer
   * recorded since, `too_large` for a value over some 8,000 bytes, and `io` when it is not certain to be on disk.
   */
  record(previous: SlotRecord | undefined, value: Uint8Array): Promise<SlotRecord>
}

/** How to open such a file. */
export interface SlotFile {
  readonly path: string
  /** Makes the file, and fails when it is already there. */
  readonly create: boolean
  /** What the file is, in one word for people; it also stands at the beginning of each slot. */
  readonly title: string
}

/**
 * A slot, padded with zeros:
 *
 * ```text
 *   "treehead <title>\n"
 *   sequence               8 bytes, big-endian; the slot is sequence mod 2
 *   length of the value    4 bytes, big-endian
 *   value
 *   SHA-256 of all before 32 bytes
 * ```
 */
const SLOT_SIZE = 8_192

/** Opens such a file. Rejects with `not_found` when it is absent and not to be made, and with `io`. */
export const openSlots = async (options: SlotFile): Promise<Slots> => {
  const { path, title } = options
  const file = await openFile(options)
  const magic = encodeUtf8(`treehead ${title}\n`)
  const last = (): SlotRecord | undefined => readLast(file, magic, options)
  return {
    last: async () => last(),
    record: async (previous, value) => {
      const found = last()
      if (found?.sequence !== previous?.sequence) {
        throw new TlogError('conflict', `another process made record ${found?.sequence} in ${path}`)
      }
      const record = { sequence: (previous?.sequence ?? 0) + 1, value }
      await writeSlot(file, magic, record, title)
      return record
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}

const openFile = async ({ path, create, title }: SlotFile): Promise<FileHandle> => {
  try {
    const flags = create ? constants.O_RDWR | constants.O_CREAT | constants.O_EXCL : constants.O_RDWR
    const file = await open(path, flags, 0o600)
    if (create) await allocate(file, path)
    return file
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (code === 'ENOENT') throw new TlogError('not_found', `no ${title} at ${path}`, { cause })
    throw new TlogError('io', `cannot open the ${title} ${path}: ${String(code)}`, { cause })
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

const writeSlot = async (
  file: FileHandle,
  magic: Uint8Array,
  { sequence, value }: SlotRecord,
  title: string,
): Promise<void> => {
  const body = concatBytes(magic, encodeUint64(sequence), encodeUint64(value.length).subarray(4), value)
  const slot = concatBytes(body, sha256(body))
  if (slot.length > SLOT_SIZE) throw new TlogError('too_large', `${value.length} bytes do not fit the ${title}`)
  try {
    // Reading and writing go to the page cache, which is quicker than a turn through the thread pool; only the sync waits.
    const bytesWritten = writeSync(file.fd, slot, 0, slot.length, (sequence % 2) * SLOT_SIZE)
    if (bytesWritten !== slot.length)
      throw new TlogError('io', `wrote ${bytesWritten} of ${slot.length} bytes of the ${title}`)
    await file.datasync()
  } catch (cause) {
    throw new TlogError('io', `the ${title} could not be written`, { cause })
  }
}

const readLast = (file: FileHandle, magic: Uint8Array, { path, title }: SlotFile): SlotRecord | undefined => {
  const bytes = new Uint8Array(2 * SLOT_SIZE)
  const bytesRead = readSync(file.fd, bytes, 0, bytes.length, 0)
  const slots = [bytes.subarray(0, SLOT_SIZE), bytes.subarray(SLOT_SIZE, bytesRead)]
  const records = slots.map((slot) => parseSlot(slot, magic)).filter((record) => record !== undefined)
  // One torn slot is what a power cut in the middle of a write leaves; the other then holds the value before it.
  if (records.length > 0) return records.reduce((a, b) => (a.sequence > b.sequence ? a : b))
  if (bytesRead === bytes.length && bytes.every((byte) => byte === 0)) return undefined
  throw new TlogError('corrupt', `the ${title} ${path} holds no readable record`)
}

const parseSlot = (slot: Uint8Array, magic: Uint8Array): SlotRecord | undefined => {
  const start = magic.length + 12
  if (slot.length < start || !equalBytes(slot.subarray(0, magic.length), magic)) return undefined
  const end = start + new DataView(slot.buffer, slot.byteOffset).getUint32(magic.length + 8)
  // Nothing but the digest says that the numbers are the ones that were written.
  if (end + 32 > slot.length || !equalBytes(sha256(slot.subarray(0, end)), slot.subarray(end, end + 32)))
    return undefined
  return { sequence: readUint64(slot, magic.length), value: slot.slice(start, end) }
}
