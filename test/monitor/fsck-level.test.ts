/** fsck of a log in LevelDB: after any stored byte of an entry, a tile, the head or the index is changed, it fails. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpResources } from '../../src/client/index.ts'
import { openDataDir } from '../../src/log/data-dir.node.ts'
import { memoryLedger } from '../../src/log/ledger.ts'
import { createLog, openLog } from '../../src/log/open.ts'
import { checkpointIn, storedKeys } from '../../src/log/stored-rows.ts'
import { fsck } from '../../src/monitor/fsck.ts'
import type { FsckReport } from '../../src/monitor/fsck-report.ts'
import { httpSource, storeSource } from '../../src/monitor/fsck-source.ts'
import { ED25519 } from '../../src/note/algorithm.ts'
import { formatVerifierKey, signerKey } from '../../src/note/key.ts'
import { openStorage } from '../../src/storage/backends.ts'
import { rowKinds } from '../../src/storage/level-keys.ts'
import { signerOf, verifierOf } from '../../src/tlog/signatures/index.ts'
import { derivedSeed, type Random, seededRandom } from '../faults/random.ts'
import { addAll } from '../support/append.ts'
import { numbered } from '../support/memory-log.ts'
import { startServer } from '../support/server.ts'

const SEED = Number(process.env['TREEHEAD_SEED'] ?? 7_001)
const key = signerKey('log.example/level', ED25519, new Uint8Array(32).fill(3))
const vkey = formatVerifierKey(key)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'treehead-fsck-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const check = async (database: string, trust = vkey): Promise<FsckReport> => {
  await using storage = await openStorage(`level:${database}`)
  const rows = { checkpointIn, keys: storedKeys(storage.log) }
  return await fsck(storeSource(storage.log, rows), { vkey: trust })
}

const makeLog = async (database: string, commits: readonly number[]): Promise<void> => {
  await using storage = await openStorage(`level:${database}`, { create: true })
  const parts = {
    store: storage.log,
    ledger: memoryLedger(),
    key: { signer: signerOf(key), verifier: verifierOf(key) },
    clock: () => 1_767_225_600_000,
  }
  await createLog(parts)
  const log = await openLog(parts)
  let size = 0
  for (const count of commits) {
    await log.sequencer.append(numbered(size, size + count))
    size += count
  }
  await log.sequencer.drain()
}

type Row = readonly [key: Uint8Array, value: Uint8Array]

const openRows = (database: string) =>
  new Level<Uint8Array, Uint8Array>(database, { keyEncoding: 'view', valueEncoding: 'view' })

const flipped = (bytes: Uint8Array, random: Random): Uint8Array => {
  const copy = Uint8Array.from(bytes)
  copy[random.integer(0, copy.length)]! ^= 2 ** random.integer(0, 8)
  return copy
}

/** What may happen to one row. */
const damages: Readonly<Record<string, (row: Row, random: Random) => Row | undefined>> = {
  'a bit of its value is flipped': ([name, value], random) => [name, flipped(value, random)],
  // The first byte says what kind of row it is: then it is another kind of row, or none.
  'a bit of its key is flipped': ([name, value], random) => [flipped(name, random), value],
  'its value is cut': ([name, value], random) => [name, value.slice(0, random.integer(0, value.length))],
  'its value is longer': ([name, value]) => [name, Uint8Array.of(...value, 0)],
  'it is gone': () => undefined,
}

describe('a log in LevelDB', () => {
  const ofLog = (from: number, to: number) => (name: Uint8Array) =>
    name[0] === 0x6c && name[9]! >= from && name[9]! < to
  const kinds: Readonly<Record<string, (name: Uint8Array) => boolean>> = {
    entries: ofLog(rowKinds.run, rowKinds.tile),
    tiles: ofLog(rowKinds.tile, rowKinds.head),
    'signed heads': ofLog(rowKinds.head, 256),
    'the index': (name) => name[0] === 0x69,
  }
  const origin = (): string => join(folder, 'origin')
  let rows: readonly Row[]

  beforeAll(async () => {
    await makeLog(origin(), [1, 2, 297, 250, 50])
    const database = openRows(origin())
    rows = await database.iterator().all()
    await database.close()
  })

  it('is whole to begin with', async () => {
    expect(await check(origin())).toMatchObject({
      ok: true,
      size: 600,
      checked: { entries: 600, tiles: 2, keys: 600, heads: 6 },
    })
  })

  it.each(Object.keys(kinds).flatMap((what) => Object.keys(damages).map((how) => [what, how] as const)))(
    'fails fsck when, of a row of %s, %s',
    async (what, how) => {
      const ofKind = rows.filter(([name]) => kinds[what]!(name))
      expect(ofKind.length).toBeGreaterThan(0)
      // The loss of an older head takes nothing away but that head, and only its signer could say that it was there.
      if (what === 'signed heads' && how === 'it is gone') ofKind.splice(0, ofKind.length - 1)
      const database = join(folder, 'copy')
      cpSync(origin(), database, { recursive: true })
      // All rows where there are few, and some of the index: its position among them.
      const position = ofKind.filter(([name]) => name.length === 9)
      const random = seededRandom(derivedSeed(SEED, how.length * 100 + what.length))
      const chosen =
        ofKind.length <= 12 ? ofKind : [...position, ...Array.from({ length: 8 }, () => random.pick(ofKind))]
      for (const row of chosen) {
        const damaged = damages[how]!(row, random)
        await change(database, (batch) => {
          batch.del(row[0])
          if (damaged !== undefined) batch.put(damaged[0], damaged[1])
        })
        const report = await check(database)
        const detail = `seed ${SEED}: ${Buffer.from(row[0]).toString('hex')} became ${Buffer.from(damaged?.[0] ?? []).toString('hex')}`
        expect(report.ok, detail).toBe(false)
        expect(report.problems.length, detail).toBeGreaterThan(0)
        await change(database, (batch) => {
          if (damaged !== undefined) batch.del(damaged[0])
          batch.put(row[0], row[1])
        })
      }
      expect((await check(database)).ok).toBe(true)
      rmSync(database, { recursive: true })
    },
  )

  const change = async (
    database: string,
    fill: (batch: ReturnType<ReturnType<typeof openRows>['batch']>) => void,
  ): Promise<void> => {
    const open = openRows(database)
    await open.open()
    const batch = open.batch()
    fill(batch)
    await batch.write()
    await open.close()
  }
})

describe('a log that a server wrote', () => {
  it('passes over HTTP while it runs, and in its folder when it is stopped', async () => {
    const dataDir = join(folder, 'served')
    const server = await startServer({ dataDir })
    await addAll(server, numbered(0, 1_300))
    const served = await fsck(httpSource(httpResources({ url: server.url })), { vkey: server.vkey })
    expect(served).toMatchObject({ ok: true, size: 1_300, checked: { entries: 1_300, tiles: 7, keys: 0 } })
    await server.stop()
    const { database } = await openDataDir(dataDir)
    const stored = await check(database, server.vkey)
    expect(stored).toMatchObject({ ok: true, size: 1_300, checked: { entries: 1_300, tiles: 5, keys: 1_300 } })
  })
})
