/** The free-space watermark: appends stop before the disk is full, because LevelDB does not survive a full one. */
import { statfs } from 'node:fs/promises'
import { RefusedError } from './refusal.ts'

/** What to watch. */
export interface DiskGuardOptions {
  /** Folders; each may lie on a volume of its own. */
  readonly paths: readonly string[]
  /** Appends are refused while any of the volumes has less; 0 switches the watermark off. */
  readonly minFreeBytes: number
  /** How often to look, in milliseconds. Default 1,000, and a tenth of it when a volume has less than 16 times the watermark. */
  readonly intervalMs?: number
  /** Answers the bytes that an ordinary user may still write to a folder's volume. Default: the system's answer. */
  readonly measure?: (path: string) => Promise<number>
}

/** Watches free space until it is disposed. */
export interface DiskGuard extends Disposable {
  /** Free bytes of the fullest volume at the last look. */
  readonly freeBytes: number
  /** Why appends are refused now, if they are; they are taken again as soon as there is room. */
  refusal(): RefusedError | undefined
}

/** Looks once, then goes on looking. Rejects with the system's error when a folder cannot be looked at the first time. */
export const openDiskGuard = async (options: DiskGuardOptions): Promise<DiskGuard> => {
  const { minFreeBytes, intervalMs = 1_000 } = options
  let freeBytes = await fullest(options)
  let timer: NodeJS.Timeout | undefined
  let disposed = false
  const look = async (): Promise<void> => {
    // A volume that does not answer is not a full one: what was seen last stays, and a write that fails says the rest.
    freeBytes = await fullest(options).catch(() => freeBytes)
    if (!disposed) schedule()
  }
  const schedule = (): void => {
    const near = freeBytes < 16 * minFreeBytes
    timer = setTimeout(() => void look(), near ? intervalMs / 10 : intervalMs).unref()
  }
  schedule()
  return {
    get freeBytes() {
      return freeBytes
    },
    refusal: () => {
      if (freeBytes >= minFreeBytes) return undefined
      return new RefusedError('disk_full', `${freeBytes} bytes are free, the watermark is ${minFreeBytes}`)
    },
    [Symbol.dispose]: () => {
      disposed = true
      clearTimeout(timer)
    },
  }
}

const fullest = async ({ paths, measure = freeBytesAt }: DiskGuardOptions): Promise<number> =>
  Math.min(...(await Promise.all(paths.map((path) => measure(path)))))

const freeBytesAt = async (path: string): Promise<number> => {
  const { bavail, bsize } = await statfs(path)
  return bavail * bsize
}
