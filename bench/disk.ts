/** Where benches keep their logs, and how long that disk takes to sync. */
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../test/support/root.ts'
import { median } from './support.ts'

/** A new folder, on the disk of the repository; removed with all that is in it when it is disposed. */
export const scratchFolder = (name: string): Disposable & { readonly path: string } => {
  const parent = join(repositoryRoot, '.cache/bench')
  mkdirSync(parent, { recursive: true })
  const path = mkdtempSync(join(parent, `${name}-`))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** The median time of one 4 KiB write with fdatasync in a folder, in milliseconds. */
export const syncMs = (folder: string): number => {
  const file = join(folder, 'sync-probe')
  const fd = openSync(file, 'w')
  const block = new Uint8Array(4096)
  const times = Array.from({ length: 100 }, () => {
    const start = performance.now()
    writeSync(fd, block)
    fdatasyncSync(fd)
    return performance.now() - start
  })
  closeSync(fd)
  rmSync(file)
  return median(times)
}
