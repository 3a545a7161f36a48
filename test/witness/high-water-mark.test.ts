/** A witness whose database was restored from an older copy must not cosign: it has forgotten what it promised. */
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { latestRows, originHash } from '../../src/witness/records.ts'
import { openWitnessDir } from '../../src/witness/witness-dir.node.ts'
import { signedLog } from '../support/signed-log.ts'

const log = signedLog()

const folder = (): { path: string } & Disposable => {
  const home = mkdtempSync(join(tmpdir(), 'treehead-witness-'))
  return { path: join(home, 'w'), [Symbol.dispose]: () => rmSync(home, { recursive: true, force: true }) }
}

const commit = async (path: string, size: number): Promise<void> => {
  await using dir = await openWitnessDir({ path })
  await dir.queue.commit(latestRows(originHash(log.origin), size, log.checkpoint(size)))
}

describe('[WIT-12] the high-water mark', () => {
  it('lets a witness start again with what it had', async () => {
    using home = folder()
    await commit(home.path, 5)
    await commit(home.path, 9)
    await using dir = await openWitnessDir({ path: home.path })
    expect(dir.keys.map(({ algorithm }) => algorithm)).toEqual([4, 6])
  })

  it('refuses an older copy of the database, however much older', async () => {
    using home = folder()
    await commit(home.path, 5)
    cpSync(join(home.path, 'db'), `${home.path}-old`, { recursive: true })
    await commit(home.path, 9)
    rmSync(join(home.path, 'db'), { recursive: true })
    cpSync(`${home.path}-old`, join(home.path, 'db'), { recursive: true })
    await expect(commit(home.path, 7)).rejects.toMatchObject({
      code: 'refused',
      message: /2 were made: it is an older copy/,
    })
  })

  it('goes on after an older mark, as after a crash between the two writes', async () => {
    using home = folder()
    await commit(home.path, 5)
    const older = readFileSync(join(home.path, 'mark'))
    await commit(home.path, 9)
    writeFileSync(join(home.path, 'mark'), older)
    await commit(home.path, 12)
    await commit(home.path, 13)
  })

  it('brings an older mark up to date at once, before anything is cosigned', async () => {
    using home = folder()
    await commit(home.path, 5)
    const [older, database] = [readFileSync(join(home.path, 'mark')), `${home.path}-one`]
    cpSync(join(home.path, 'db'), database, { recursive: true })
    await commit(home.path, 9)
    writeFileSync(join(home.path, 'mark'), older)
    {
      await using dir = await openWitnessDir({ path: home.path })
      expect(dir.path).toBe(home.path)
    }
    rmSync(join(home.path, 'db'), { recursive: true })
    cpSync(database, join(home.path, 'db'), { recursive: true })
    await expect(commit(home.path, 7)).rejects.toMatchObject({ code: 'refused' })
  })

  it('refuses a database without a mark, a mark that holds nothing, and a lost database', async () => {
    using home = folder()
    await commit(home.path, 5)
    const mark = readFileSync(join(home.path, 'mark'))
    rmSync(join(home.path, 'mark'))
    await expect(commit(home.path, 9)).rejects.toMatchObject({ code: 'refused', message: /is gone/ })
    writeFileSync(join(home.path, 'mark'), new Uint8Array(mark.length))
    await expect(commit(home.path, 9)).rejects.toMatchObject({ code: 'refused' })
    writeFileSync(join(home.path, 'mark'), mark)
    rmSync(join(home.path, 'db'), { recursive: true })
    await expect(commit(home.path, 9)).rejects.toMatchObject({ code: 'not_found' })
  })

  it('keys that others can read, a second process and another name are refused', async () => {
    using home = folder()
    await commit(home.path, 5)
    await using dir = await openWitnessDir({ path: home.path })
    await expect(openWitnessDir({ path: home.path })).rejects.toMatchObject({ code: 'conflict' })
    await expect(openWitnessDir({ path: home.path, name: 'another.example/w' })).rejects.toMatchObject({
      code: 'refused',
    })
    expect(statSync(join(dir.path, 'ed25519.key')).mode & 0o777).toBe(0o600)
  })
})
