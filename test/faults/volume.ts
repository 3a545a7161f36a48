/** Small volumes that can be filled to the last byte: a tmpfs, for which one must be root. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A mounted volume. Disposing unmounts it. */
export interface Volume extends Disposable {
  readonly path: string
  /** Bytes that can still be written. */
  free(): number
  /** Writes ballast until only `bytes` are free. */
  fillTo(bytes: number): void
  /** Removes the ballast. */
  relieve(): void
}

const mebibyte = 2 ** 20

/** Mounts a tmpfs of `mebibytes` at `path`; undefined where that is not allowed. */
export const mountVolume = (path: string, mebibytes: number): Volume | undefined => {
  mkdirSync(path, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return undefined
  }
  const free = (): number => {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize
  }
  const ballast = join(path, 'ballast')
  let pieces = 0
  return {
    path,
    free,
    fillTo: (bytes) => {
      for (let room = free() - bytes; room > 0; room -= mebibyte) {
        writeFileSync(`${ballast}-${pieces++}`, new Uint8Array(Math.min(room, mebibyte)))
      }
    },
    relieve: () => {
      while (pieces > 0) rmSync(`${ballast}-${--pieces}`)
    },
    [Symbol.dispose]: () => {
      execFileSync('umount', ['-l', path])
    },
  }
}
