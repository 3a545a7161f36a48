/**
 * Witnesses, and a log under their quorum, all real processes: `npm run bench:witness`.
 *
 *     --seconds 10 --only rate,open,origins,quorum --keys ed25519,both --origins 10000 --appends 300
 *
 * Updates are of made-up logs that grow by 256 entries: each has a new checkpoint signed by its log, and a consistency
 * proof. Every answer must be 200 with as many cosignatures as the witness has keys; it was on disk before it came.
 */
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { repositoryRoot } from '../../test/support/root.ts'
import { scratchFolder, syncMs } from '../disk.ts'
import { format, printTable, writeResults } from '../support.ts'
import { measureQuorum, type QuorumRow, quorumTable } from './witness-quorum.ts'
import {
  keyChoices,
  measureOpen,
  measureOrigins,
  measureRate,
  type OriginsRow,
  originsTable,
  type UpdatesRow,
  updatesTable,
} from './witness-updates.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    only: { type: 'string', default: 'rate,open,origins,quorum' },
    keys: { type: 'string', default: 'ed25519,both' },
    origins: { type: 'string', default: '10000' },
    appends: { type: 'string', default: '300' },
  },
})
const seconds = Number(values.seconds)
const chosen = values.only.split(',')
const keys = keyChoices.filter((one) => values.keys.split(',').includes(one))

using scratch = scratchFolder('probe')
// The folders of a cluster are made where temporary files go: on the disk of the repository, like all others.
process.env['TMPDIR'] = scratch.path
const fdatasyncMs = syncMs(scratch.path)
const loadBefore = loadavg()[0]
console.log(`load before: ${loadBefore}; a 4 KiB write with fdatasync: ${fdatasyncMs.toFixed(2)} ms`)

const updates: UpdatesRow[] = []
const origins: OriginsRow[] = []
const quorum: QuorumRow[] = []
for (const one of keys) if (chosen.includes('rate')) updates.push(...(await measureRate(one, seconds)))
for (const one of keys) if (chosen.includes('open')) updates.push(...(await measureOpen(one, seconds)))
if (updates.length > 0) printTable('One witness, add-checkpoint', updatesTable(updates))
if (chosen.includes('origins')) {
  for (const one of keys) origins.push(await measureOrigins(one, Number(values.origins), seconds))
  printTable(`One witness of ${format(Number(values.origins))} logs`, originsTable(origins))
}
if (chosen.includes('quorum')) {
  for (const one of keys) quorum.push(...(await measureQuorum(one, Number(values.appends), seconds)))
  printTable('A log under three of five witnesses', quorumTable(quorum))
}
process.chdir(repositoryRoot)
const loadAfter = loadavg()[0]
writeResults('witness', { seconds, loadBefore, loadAfter, fdatasyncMs, updates, origins, quorum })
