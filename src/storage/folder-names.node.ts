/** The names in a folder that another library writes to, synced when they may have changed. */
import { fstatSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/** Longer than the ticks in which file systems count time, in nanoseconds. */
const TICK = 20_000_000n

/**
 * LevelDB syncs its files but not their names: a power cut may take away a whole new file whose bytes were synced. The
 * folder's time of change tells cheaply whether a name came or went since the last sync.
 */
export class FolderNames {
  readonly #folder: FileHandle
  #synced = 0n

  private constructor(folder: FileHandle) {
    this.#folder = folder
  }

  /** Opens a folder. Rejects with the system's error. */
  static async open(path: string): Promise<FolderNames> {
    return new FolderNames(await open(path, 'r'))
  }

  /** Resolves when every name that was there at the call is durable. */
  async sync(): Promise<void> {
    const { mtimeNs } = fstatSync(this.#folder.fd, { bigint: true })
    if (mtimeNs === this.#synced) return
    await this.#folder.sync()
    // Two changes within one tick have the same time, so a time is trusted only once it is old.
    const settled = BigInt(Date.now()) * 1_000_000n - mtimeNs > TICK
    this.#synced = settled ? mtimeNs : 0n
  }

  /** Lets go of the folder. */
  close(): Promise<void> {
    return this.#folder.close()
  }
}
