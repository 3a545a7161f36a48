/** A program that writes numbered records into a bare LevelDB and says what it has acknowledged: `[dir, acks, mode, count]`. */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'
import { Level } from 'level'

/** How writes are synced: every one, none, or only every eighth. */
export type SyncMode = 'all' | 'none' | 'mixed'

const [directory = '', acksFile = '', mode = 'all', count = '0'] = process.argv.slice(2)

const db = new Level<string, string>(directory, { writeBufferSize: 64 * 1024 })
await db.open()
const acks = openSync(acksFile, 'w')
const trace = openSync(process.env['POWER_TRACE'] ?? acksFile, 'r')
const batchSize = 8
for (let n = 0; n < Number(count); n += batchSize) {
  const batch = db.batch()
  for (let i = n; i < n + batchSize; i++) batch.put(String(i).padStart(8, '0'), `record ${i} `.padEnd(200, '.'))
  const sync = mode === 'all' || (mode === 'mixed' && (n / batchSize) % 8 === 7)
  await batch.write({ sync })
  // Only what was asked to be synced counts as acknowledged when modes are mixed.
  if (sync || mode === 'none') writeSync(acks, `${n + batchSize - 1} ${fstatSync(trace).size}\n`)
}
closeSync(acks)
process.kill(process.pid, 'SIGKILL')
