/** The data folder: made whole or not at all, vetted at every start, and a database that a bad open harmed is put back. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { createDataDir, dataDirState, dataFiles, openDataDir } from '../../src/log/data-dir.node.ts'
import { type OpenDir, openLogDir } from '../../src/log/open-dir.node.ts'
import { RefusedError } from '../../src/log/refusal.ts'
import { entries, entry } from '../support/log.ts'

const scratch = mkdtempSync(join(tmpdir(), 'treehead-data-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))
let made = 0
const freshPath = (): string => join(scratch, `log-${made++}`)
const make = async (path = freshPath(), more: { ledgerPath?: string; origin?: string } = {}): Promise<string> => {
  await createDataDir({ path, clock: Date.now, tokenLine: (token) => `append of ${token.length}\n`, ...more })
  return path
}
const open = (path: string, ledgerPath?: string): Promise<OpenDir> => openLogDir({ path, ledgerPath, clock: Date.now })
const refusal = async (opening: Promise<unknown>): Promise<string> => {
  const error = await opening.then(
    () => 'opened',
    (reason: unknown) => reason,
  )
  return error instanceof RefusedError ? error.reason : String(error)
}

describe('[GATE-1] a first start', () => {
  it('makes a log that opens, appends, and opens again', async () => {
    const path = await make(undefined, { origin: 'example.com/first' })
    expect(await dataDirState(path)).toBe('log')
    {
      await using opened = await open(path)
      expect(opened.log.origin).toBe('example.com/first')
      await opened.log.sequencer.append(entries(300))
    }
    await using again = await open(path)
    expect(again.log.reader.published.size).toBe(300)
    expect(readdirSync(path).filter((name) => name.startsWith('db'))).toEqual(['db'])
  })

  it('keeps secrets from others', async () => {
    const path = await make()
    for (const name of ['log.key', 'sth.key', 'tokens', 'append.token', 'ledger']) {
      expect(statSync(join(path, name)).mode & 0o777).toBe(0o600)
    }
    expect(statSync(path).mode & 0o777).toBe(0o700)
    for (const name of ['log.key', 'sth.key', 'tokens']) {
      chmodSync(join(path, name), 0o640)
      expect(await refusal(openDataDir(path))).toBe('key_permissions')
      chmodSync(join(path, name), 0o600)
    }
  })

  it('that was cut off anywhere is done again or finished, and gives a log that opens', async () => {
    const whole = await make()
    const names = readdirSync(whole)
    for (let moved = 0; moved <= names.length; moved++) {
      for (const staged of [true, false]) {
        // `staged`: everything was made and `moved` names were in place; otherwise it was cut off while being made.
        if (!staged && moved === names.length) continue
        const path = freshPath()
        const staging = join(path, 'first-start')
        mkdirSync(staging, { recursive: true })
        const order = [...names.filter((name) => name !== dataFiles.format), dataFiles.format]
        for (const [i, name] of order.entries()) {
          const there = staged ? (i < moved ? path : staging) : i < moved ? staging : undefined
          if (there !== undefined) cpSync(join(whole, name), join(there, name), { recursive: true })
        }
        expect(await dataDirState(path)).toBe('unfinished')
        await make(path)
        await using opened = await open(path)
        await opened.log.sequencer.append([entry('first')])
        expect(existsSync(staging)).toBe(false)
      }
    }
  })
})

describe('[GATE-3] [GATE-4] a folder that is not whole is refused by name', () => {
  it('nothing there, no format, another format, no key, another key', async () => {
    expect(await refusal(open(freshPath()))).toBe('no_log')
    const path = await make()
    await using other = await open(await make())
    const change = async (name: string, content: string | undefined): Promise<string> => {
      const file = join(path, name)
      const before = readFileSync(file)
      if (content === undefined) renameSync(file, `${file}.gone`)
      else writeFileSync(file, content)
      const reason = await refusal(open(path))
      writeFileSync(file, before, { mode: 0o600 })
      return reason
    }
    expect(await change('treehead.json', undefined)).toBe('half_made')
    expect(await change('treehead.json', '{"format":99}')).toBe('format')
    expect(await change('treehead.json', 'not JSON')).toBe('format')
    expect(await change('log.key', undefined)).toBe('wrong_key')
    expect(await change('log.key', 'PRIVATE+KEY+garbage')).toBe('wrong_key')
    expect(await change('log.key', readFileSync(join(other.dir.path, 'log.key'), 'utf8'))).toBe('wrong_key')
    expect(await change('ledger', undefined)).toBe('ledger_missing')
    expect(await change('ledger', 'x'.repeat(16_384))).toBe('ledger_damaged')
    await using opened = await open(path)
    expect(opened.log.reader.published.size).toBe(0)
  })

  it('a folder that is open already, and the database is not harmed by asking', async () => {
    const path = await make()
    await using opened = await open(path)
    expect(await refusal(open(path))).toBe('locked')
    await opened.log.sequencer.append(entries(10))
    expect(readdirSync(path).filter((name) => name.startsWith('db'))).toEqual(['db'])
  })

  it('a database that is gone, whose CURRENT is gone, or that is an empty new one', async () => {
    for (const harm of [
      (db: string) => rmSync(db, { recursive: true }),
      (db: string) => rmSync(join(db, 'CURRENT')),
      (db: string) => {
        rmSync(db, { recursive: true })
        mkdirSync(db)
      },
    ]) {
      const path = await make()
      {
        await using opened = await open(path)
        await opened.log.sequencer.append(entries(10))
      }
      harm(join(path, 'db'))
      expect(['head_missing', 'tree_damaged']).toContain(await refusal(open(path)))
      expect(['head_missing', 'tree_damaged']).toContain(await refusal(open(path)))
    }
  })
})

describe('[GATE-2] an older copy of the database', () => {
  it('is refused, also when the copy is put back twice, and the newest one opens again', async () => {
    const path = await make()
    {
      await using opened = await open(path)
      await opened.log.sequencer.append(entries(5))
    }
    cpSync(join(path, 'db'), join(path, 'old-copy'), { recursive: true })
    {
      await using opened = await open(path)
      await opened.log.sequencer.append(entries(9))
    }
    renameSync(join(path, 'db'), join(path, 'newest'))
    cpSync(join(path, 'old-copy'), join(path, 'db'), { recursive: true })
    expect(await refusal(open(path))).toBe('behind_ledger')
    expect(await refusal(open(path))).toBe('behind_ledger')
    rmSync(join(path, 'db'), { recursive: true })
    renameSync(join(path, 'newest'), join(path, 'db'))
    await using opened = await open(path)
    expect(opened.log.reader.published.size).toBe(9)
  })

  it('what LevelDB dropped while it opened is put back from the copy that was kept aside', async () => {
    const path = await make()
    {
      await using opened = await open(path)
      await opened.log.sequencer.append(entries(50))
    }
    // As after a start whose open was hit by a fault: the copy aside is whole, the database has lost its log file.
    cpSync(join(path, 'db'), join(path, 'db.aside'), { recursive: true })
    for (const name of readdirSync(join(path, 'db')))
      if (/\.(log|ldb)$/.test(name)) writeFileSync(join(path, 'db', name), '')
    await using opened = await open(path)
    expect(opened.log.reader.published.size).toBe(50)
    expect(existsSync(join(path, 'db.refused'))).toBe(true)
    expect(existsSync(join(path, 'db.aside'))).toBe(false)
  })

  it('a ledger on another volume is used, and its loss noticed', async () => {
    const ledgerPath = join(scratch, 'elsewhere')
    const path = await make(undefined, { ledgerPath })
    {
      await using opened = await open(path, ledgerPath)
      await opened.log.sequencer.append(entries(5))
    }
    expect(await refusal(open(path))).toBe('ledger_missing')
    await using opened = await open(path, ledgerPath)
    expect(opened.log.reader.published.size).toBe(5)
  })
})

describe('[GATE-5] a manifest that names a table which a power cut took away', () => {
  /**
   * LevelDB moves its log file into a table when it opens. Here the new manifest reached the disk and the name of the table
   * did not, nor did the removal of the log file: nothing is lost, but LevelDB does not open.
   */
  const tornOpen = async (damage: (database: string, older: string) => void): Promise<string> => {
    const path = await make()
    {
      await using opened = await open(path)
      await opened.log.sequencer.append(entries(700))
    }
    const database = join(path, dataFiles.database)
    const older = `${database}-older`
    cpSync(database, older, { recursive: true })
    {
      await using opened = await open(path)
      expect(opened.log.reader.published.size).toBe(700)
    }
    damage(database, older)
    rmSync(older, { recursive: true })
    return path
  }
  const tablesIn = (folder: string): readonly string[] => readdirSync(folder).filter((name) => name.endsWith('.ldb'))
  const dropNewTables = (database: string, older: string): void => {
    const before = tablesIn(older)
    const lost = tablesIn(database).filter((name) => !before.includes(name))
    expect(lost.length).toBeGreaterThan(0)
    for (const name of lost) rmSync(join(database, name))
  }

  it('is made anew, every entry is compared with the signed head, and the log goes on', async () => {
    const path = await tornOpen((database, older) => {
      dropNewTables(database, older)
      for (const name of readdirSync(older).filter((one) => one.endsWith('.log')))
        cpSync(join(older, name), join(database, name))
    })
    const events: string[] = []
    {
      await using opened = await openLogDir({ path, clock: Date.now, observe: ({ kind }) => void events.push(kind) })
      expect(opened.log.reader.published.size).toBe(700)
      const { indices } = await opened.log.sequencer.append([...entries(3), entry('after the repair')])
      expect(indices).toEqual([0, 1, 2, 700])
    }
    expect(events).toContain('repaired')
    await using again = await open(path)
    expect(again.log.reader.published.size).toBe(701)
  })

  it('is refused as it was when something is lost indeed, and the database is left as it was', async () => {
    const path = await tornOpen(dropNewTables)
    const before = readdirSync(join(path, dataFiles.database)).filter((name) => /ldb|MANIFEST/.test(name))
    expect(await refusal(open(path))).toBe('tree_damaged')
    expect(readdirSync(`${join(path, dataFiles.database)}.aside`)).toEqual(expect.arrayContaining(before))
  })
})
