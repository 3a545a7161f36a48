/**
 * Durable appends without HTTP: `npm run bench:append`.
 *
 *     --rounds 3 --entries 262144 --batches 1,64,256,1024,4096 --only treehead
 *
 * A whole log on LevelDB, ledger and signatures included, every commit synced, with de-duplication and without. Beside it
 * LevelDB alone, given the same entries in the same batches, so that a figure can be judged on any machine. All of them
 * run in turn, in alternating order, each in a fresh folder.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Level } from 'level'
import { openLedgerFile } from '../../src/log/ledger.node.ts'
import { createLog, openLog } from '../../src/log/open.ts'
import { joinFrames } from '../../src/primitives/framing.ts'
import { openStorage } from '../../src/storage/backends.ts'
import { testKey } from '../../test/support/log.ts'
import { repositoryRoot } from '../../test/support/root.ts'
import { scratchFolder, syncMs } from '../disk.ts'
import { machineCpuSeconds } from '../proc.ts'
import { format, median, printTable, writeResults } from '../support.ts'
import { RandomEntries } from './entries.ts'
import { latencyOf } from './load.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    entries: { type: 'string', default: '262144' },
    batches: { type: 'string', default: '1,64,256,1024,4096' },
    only: { type: 'string' },
  },
})
const ENTRY_BYTES = 256
/** Batches under way at a time, as an HTTP server would have: one is prepared while another syncs. */
const IN_FLIGHT = 2
/** Where a batch is of one entry, this many batches are enough. */
const MOST_BATCHES = 4_096

type Batch = readonly Uint8Array[]

/** Takes batches until it is disposed; resolves when a batch is durable. */
interface Target extends AsyncDisposable {
  append(batch: Batch): Promise<unknown>
  /** How many entries are in it now, if it knows. */
  size?(): number
}

const openTreehead = async (folder: string, allowDuplicates: boolean): Promise<Target> => {
  const storage = await openStorage(`level:${join(folder, 'db')}`, { create: true })
  const ledger = await openLedgerFile({ path: join(folder, 'ledger'), create: true })
  const parts = { store: storage.log, ledger, key: testKey(), clock: Date.now, allowDuplicates }
  await createLog(parts)
  const { sequencer, reader } = await openLog(parts)
  return {
    append: (batch) => sequencer.append(batch),
    size: () => reader.published.size,
    [Symbol.asyncDispose]: async () => {
      await sequencer.drain()
      await storage[Symbol.asyncDispose]()
      await ledger[Symbol.asyncDispose]()
    },
  }
}

/** LevelDB itself, with the buffers that our store gives it; each batch one chained batch of rows. */
const openBare = async (folder: string, rowsOf: (batch: Batch) => readonly Uint8Array[]): Promise<Target> => {
  const tuning = { writeBufferSize: 16 * 2 ** 20, maxFileSize: 8 * 2 ** 20 }
  const level = new Level<Uint8Array, Uint8Array>(join(folder, 'db'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...tuning,
  })
  await level.open()
  let count = 0
  return {
    append: (batch) => {
      const writes = level.batch()
      for (const row of rowsOf(batch)) {
        const key = new Uint8Array(8)
        new DataView(key.buffer).setUint32(4, count++)
        writes.put(key, row)
      }
      return writes.write({ sync: true })
    },
    [Symbol.asyncDispose]: () => level.close(),
  }
}

const packed = (batch: Batch): readonly Uint8Array[] =>
  Array.from({ length: Math.ceil(batch.length / 256) }, (_, i) =>
    joinFrames(batch, 256 * i, Math.min(batch.length, 256 * (i + 1))),
  )

const all: readonly { readonly name: string; readonly open: (folder: string) => Promise<Target> }[] = [
  { name: 'treehead', open: (folder) => openTreehead(folder, true) },
  { name: 'treehead, de-duplicating', open: (folder) => openTreehead(folder, false) },
  { name: 'LevelDB, a row per entry', open: (folder) => openBare(folder, (batch) => batch) },
  { name: 'LevelDB, 256 entries a row', open: (folder) => openBare(folder, packed) },
]

const contenders = all.filter(({ name }) => values.only === undefined || values.only === name)

/** What one run showed; processor time is that of the whole process, LevelDB's and Node's threads included. */
interface Run {
  readonly entriesPerSecond: number
  readonly cpuMicrosPerEntry: number
  readonly batchP50Ms: number
  readonly batchP99Ms: number
  /** Cores that other processes of the machine kept busy meanwhile. */
  readonly otherCores: number
}

const makeBatches = (batch: number): readonly Batch[] => {
  const source = new RandomEntries(ENTRY_BYTES)
  const count = Math.min(MOST_BATCHES, Math.ceil(Number(values.entries) / batch))
  return Array.from({ length: count }, () => {
    const bytes = Buffer.alloc(batch * ENTRY_BYTES)
    for (let at = 0; at < bytes.length; at += ENTRY_BYTES) source.write(bytes, at)
    return Array.from({ length: batch }, (_, i) => bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES))
  })
}

const runOnce = async (open: (folder: string) => Promise<Target>, batches: readonly Batch[]): Promise<Run> => {
  using folder = scratchFolder('append')
  await using target = await open(folder.path)
  const times: number[] = []
  const left = batches.values()
  const producer = async (): Promise<void> => {
    for (const batch of left) {
      const sent = performance.now()
      await target.append(batch)
      times.push(performance.now() - sent)
    }
  }
  const [cpu, machine, start] = [process.cpuUsage(), machineCpuSeconds(), performance.now()]
  await Promise.all(Array.from({ length: IN_FLIGHT }, producer))
  const seconds = (performance.now() - start) / 1e3
  const { user, system } = process.cpuUsage(cpu)
  const others = machineCpuSeconds() - machine - (user + system) / 1e6
  const entries = batches.reduce((sum, batch) => sum + batch.length, 0)
  if (target.size !== undefined && target.size() !== entries)
    throw new Error(`appended ${entries} entries, the log has ${target.size()}`)
  const { p50, p99 } = latencyOf(times)
  return {
    entriesPerSecond: entries / seconds,
    cpuMicrosPerEntry: (user + system) / entries,
    batchP50Ms: p50,
    batchP99Ms: p99,
    otherCores: Math.max(0, others / seconds),
  }
}

const columns: readonly { readonly name: string; readonly of: keyof Run }[] = [
  { name: 'entries/s', of: 'entriesPerSecond' },
  { name: 'CPU us/entry', of: 'cpuMicrosPerEntry' },
  { name: 'p50 ms/batch', of: 'batchP50Ms' },
  { name: 'p99', of: 'batchP99Ms' },
  { name: 'other cores', of: 'otherCores' },
]

const measureBatch = async (batch: number): Promise<readonly Run[]> => {
  const batches = makeBatches(batch)
  const runs = contenders.map((contender) => ({ ...contender, runs: [] as Run[] }))
  // Once to warm up: the first of them would otherwise pay for the compiler.
  for (const { open } of runs) await runOnce(open, batches.slice(0, Math.ceil(batches.length / 8)))
  for (let round = 0; round < Number(values.rounds); round++)
    for (const each of round % 2 === 0 ? runs : runs.toReversed()) each.runs.push(await runOnce(each.open, batches))
  return runs.map(({ runs }) => {
    const middle = (key: keyof Run): number => median(runs.map((run) => run[key]))
    return Object.fromEntries(columns.map(({ of }) => [of, middle(of)])) as unknown as Run
  })
}

const results: Record<string, Record<string, Run>> = {}
using probe = scratchFolder('probe')
const fdatasyncMs = syncMs(probe.path)
for (const batch of values.batches.split(',').map(Number)) {
  const runs = await measureBatch(batch)
  results[batch] = Object.fromEntries(contenders.map(({ name }, i) => [name, runs[i]!]))
  printTable(`Batches of ${format(batch)} entries of ${ENTRY_BYTES} B, synced, ${IN_FLIGHT} in flight: medians`, [
    ['', ...columns.map(({ name }) => name), 'of the row per entry'],
    ...contenders.map(({ name }, i) => [
      name,
      ...columns.map(({ of }) => format(runs[i]![of])),
      format(runs[i]!.entriesPerSecond / (runs[2] ?? runs[0]!).entriesPerSecond),
    ]),
  ])
}
process.chdir(repositoryRoot)
writeResults('append', {
  entryBytes: ENTRY_BYTES,
  inFlight: IN_FLIGHT,
  rounds: values.rounds,
  fdatasyncMs,
  medians: results,
})
