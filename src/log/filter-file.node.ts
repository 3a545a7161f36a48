/** The filter of leaf hashes in a file, so that a large log need not be read whole after each start. */
import { createHash, type Hash as Digest } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { concatBytes, encodeUint64, encodeUtf8, equalBytes, readUint64 } from '../primitives/bytes.ts'
import { asHash, HASH_SIZE } from '../primitives/hash.ts'
import type { FilterKeeper, KeptFilter } from './known-leaves.ts'
import { LeafFilter } from './leaf-filter.ts'

/**
 * The file:
 *
 * ```text
 *   "treehead filter\n"       16 bytes
 *   1, in this byte order      4 bytes; the words of the filter are in the order of the machine
 *   leaves that were added     8 bytes, big-endian
 *   size of the tree           8 bytes, big-endian
 *   root of the tree           32 bytes
 *   the filter's words
 *   SHA-256 of all before      32 bytes
 * ```
 */
const MAGIC = concatBytes(encodeUtf8('treehead filter\n'), new Uint8Array(Uint32Array.of(1).buffer))
const HEADER_SIZE = MAGIC.length + 8 + 8 + HASH_SIZE

/** Bytes that are hashed and written between two turns of the event loop. */
const CHUNK = 2 ** 20

/** Keeps a filter in the file at `path`. A file that is not whole, or of another machine, is as good as none. */
export const filterFile = (path: string): FilterKeeper => ({
  load: async () => {
    const file = await openForReading(path)
    try {
      return file && (await readFilter(file))
    } finally {
      await file?.close()
    }
  },
  save: async (kept) => {
    const unfinished = `${path}.unfinished`
    try {
      const file = await open(unfinished, 'w', 0o600)
      try {
        await writeFilter(file, kept)
        // No harm comes from losing it; synced so that it is whole if it is there.
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(unfinished, path)
    } catch (error) {
      await rm(unfinished, { force: true })
      throw error
    }
  },
})

const openForReading = async (path: string): Promise<FileHandle | undefined> =>
  open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })

const readFilter = async (file: FileHandle): Promise<KeptFilter | undefined> => {
  const digest = createHash('sha256')
  const header = new Uint8Array(HEADER_SIZE)
  if (!(await readInto(file, header, digest)) || !equalBytes(header.subarray(0, MAGIC.length), MAGIC)) return undefined
  const leaves = readUint64(header, MAGIC.length)
  const size = readUint64(header, MAGIC.length + 8)
  const root = asHash(header.slice(MAGIC.length + 16))
  // Before memory is taken for so many leaves: the number is not checked yet.
  const { size: length } = await file.stat()
  if (length !== HEADER_SIZE + LeafFilter.byteLength(leaves) + HASH_SIZE) return undefined
  const filter = LeafFilter.withRoomFor(leaves)
  for (const bytes of filter.bytes) {
    for (let at = 0; at < bytes.length; at += CHUNK)
      if (!(await readInto(file, bytes.subarray(at, at + CHUNK), digest))) return undefined
  }
  const want = digest.digest()
  const end = new Uint8Array(HASH_SIZE)
  return (await readInto(file, end)) && equalBytes(end, want) ? { filter, size, root } : undefined
}

/** Fills `bytes` from where the file is; false where it ends before. */
const readInto = async (file: FileHandle, bytes: Uint8Array, digest?: Digest): Promise<boolean> => {
  const { bytesRead } = await file.read(bytes)
  digest?.update(bytes)
  return bytesRead === bytes.length
}

const writeFilter = async (file: FileHandle, { filter, size, root }: KeptFilter): Promise<void> => {
  const digest = createHash('sha256')
  const write = async (bytes: Uint8Array): Promise<void> => {
    digest.update(bytes)
    await file.writeFile(bytes)
  }
  const memory = filter.bytes
  await write(concatBytes(MAGIC, encodeUint64(filter.leaves), encodeUint64(size), root))
  for (const bytes of memory) {
    // A copy, since bits may be added between hashing and writing. Those that get in are of later leaves, and harmless.
    for (let at = 0; at < bytes.length; at += CHUNK) await write(bytes.slice(at, at + CHUNK))
  }
  await file.writeFile(digest.digest())
}
