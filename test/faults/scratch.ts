/** Scratch folders for experiments, in memory where there is room, so that thousands of images do not wear a disk. */
import { accessSync, constants, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const roomNeeded = 2 * 2 ** 30

const isRoomy = (folder: string): boolean => {
  try {
    accessSync(folder, constants.W_OK)
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize > roomNeeded
  } catch {
    return false
  }
}

/** Where scratch folders lie: FAULTS_DIR, else shared memory when it has 2 GiB free, else the system's folder. */
export const scratchRoot = (): string => process.env['FAULTS_DIR'] ?? (isRoomy('/dev/shm') ? '/dev/shm' : tmpdir())

/** A new empty folder that is removed when disposed. */
export const scratchFolder = (name: string, under: string = scratchRoot()): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(under, `treehead-${name}-`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
