/**
 * Mutants: copies of the built program with one promise broken, which the suites must catch. The program itself has no
 * hooks for this; a mutant is made by replacing text in a copy of dist/, and text that is not there exactly once fails.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repositoryRoot } from '../support/root.ts'
import { builtMain } from './server.ts'

/** One replacement in a file of dist/. `find` must match exactly once. */
export interface Patch {
  readonly file: string
  readonly find: RegExp
  readonly replace: string
}

/** Throws when a patch does not fit: then the suites have lost their teeth. */
const makeMutant = (name: string, patches: readonly Patch[]): string => {
  const home = join(repositoryRoot, '.cache/faults/mutants', `${name}-${process.pid}`)
  rmSync(home, { recursive: true, force: true })
  process.on('exit', () => rmSync(home, { recursive: true, force: true }))
  mkdirSync(home, { recursive: true })
  cpSync(dirname(dirname(builtMain)), join(home, 'dist'), { recursive: true })
  cpSync(join(repositoryRoot, 'package.json'), join(home, 'package.json'))
  symlinkSync(join(repositoryRoot, 'node_modules'), join(home, 'node_modules'))
  for (const { file, find, replace } of patches) {
    const path = join(home, 'dist', file)
    const text = readFileSync(path, 'utf8')
    const found = [...text.matchAll(new RegExp(find, 'g'))].length
    if (found !== 1) throw new Error(`mutant ${name}: ${find} matches ${found} times in ${file}, want once`)
    writeFileSync(path, text.replace(find, replace))
  }
  return join(home, 'dist/cli/main.js')
}

const level = 'storage/level.js'
const sequencer = 'log/sequencer.js'
const gate = 'log/gate.js'
const synced = /batch\.write\(\{ sync: true \}\)/

const unsyncedLevel = { file: level, find: synced, replace: 'batch.write({ sync: false })' }
const unsyncedLedger = { file: 'storage/slots.node.js', find: /await file\.datasync\(\)/, replace: '' }

/** The mutants, by the promise they break. */
export const mutants = {
  /** The database is written but not synced. */
  syncOff: [unsyncedLevel],
  /** The ledger is written but not synced. */
  ledgerUnsynced: [unsyncedLedger],
  /** Neither is synced, nor are the names of new files. */
  nothingSynced: [
    unsyncedLevel,
    unsyncedLedger,
    { file: 'storage/folder-names.node.js', find: /await this\.#folder\.sync\(\)/, replace: '' },
  ],
  /** Every eighth commit is synced. */
  mixedSync: [
    { file: level, find: synced, replace: 'batch.write({ sync: (globalThis.n = (globalThis.n ?? 0) + 1) % 8 === 0 })' },
  ],
  /** Answers first and writes 20 ms later, from the fourth write on. */
  writeLate: [
    {
      file: level,
      find: /await batch\.write\(\{ sync: true \}\)/,
      replace:
        'globalThis.n = (globalThis.n ?? 0) + 1; const write = () => batch.write({ sync: true }); ' +
        'if (globalThis.n < 4) await write(); else setTimeout(() => write().catch(() => {}), 20)',
    },
  ],
  /** A failed write is reported, and then the handle is used again. */
  goesOn: [
    { file: level, find: /this\.#failure = cause;/, replace: '' },
    // The version was counted up before the write.
    { file: level, find: /previous !== this\.#version/, replace: 'false' },
    { file: sequencer, find: /#poison\(error\) \{/, replace: '#poison(error) { return;' },
  ],
  /** No copy of the database is tried when a start fails. */
  noCopyAside: [{ file: 'log/open-dir.node.js', find: /rescuable\.has\(refusal\.reason\)/, replace: 'false' }],
  /** Nobody compares the database with the ledger. */
  noLedger: [
    { file: gate, find: /if \(known\.size > tree\.size\) \{/, replace: 'if (known.size > tree.size) { return record;' },
    { file: gate, find: /if \(!equalHash\(root, known\.root\)\)/, replace: 'if (false)' },
  ],
  /** Stored entries are not compared with the tree, neither at the start nor when they are read. */
  noRecordCheck: [
    {
      file: 'log/rebuild.js',
      find: /if \(!equalHash\(hashes\.subarray/,
      replace: 'if (false && !equalHash(hashes.subarray',
    },
    { file: 'log/reader.js', find: /if \(!equalBytes\(got, want\)\)/, replace: 'if (false)' },
  ],
  /** Heads get the time that the clock says, whatever it said before. */
  clockUnchecked: [{ file: 'log/publish.js', find: /if \(now > last\)/, replace: 'if (true)' }],
  /** No mutant: LevelDB changes its log file every 64 KiB, which otherwise takes 16 MiB. Nothing may be lost. */
  smallBuffers: [{ file: level, find: /writeBufferSize: 16 \* 2 \*\* 20/, replace: 'writeBufferSize: 2 ** 16' }],
} as const satisfies Readonly<Record<string, readonly Patch[]>>

/** One of the mutants. */
export type MutantName = keyof typeof mutants

/** Makes one of the mutants and answers its entry point. */
export const mutant = (name: MutantName): string => makeMutant(name, mutants[name])
