/** The recorder and the replayer tried on a bare LevelDB, where it is known what each way of syncing loses. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { bundledProgram, nativeLibrary } from './build.ts'
import { derivedSeed, seededRandom } from './random.ts'
import { type NameRule, PowerCuts } from './replay.ts'
import { scratchFolder } from './scratch.ts'
import type { Tail } from './tail.ts'
import type { SyncMode } from './writers/level.ts'

/** What was found in the images of one way of syncing. */
export interface LevelPowerResult {
  readonly images: number
  /** Images that LevelDB did not open. */
  readonly refused: number
  /** Images in which an acknowledged record was missing, and the most that were missing in one. */
  readonly withLoss: number
  readonly mostLost: number
  /** Images in which a record was missing before one that was there. */
  readonly withHoles: number
}

const presentRecords = async (image: string): Promise<ReadonlySet<number> | undefined> => {
  const db = new Level<string, string>(image, { createIfMissing: false })
  try {
    await db.open()
  } catch {
    return undefined
  }
  const present = new Set<number>()
  for await (const key of db.keys()) present.add(Number(key))
  await db.close()
  return present
}

/** Records a writer of `records` records, then opens `points` × tails images of it with bare LevelDB and counts. */
export const tryLevelPower = async (options: {
  readonly mode: SyncMode
  readonly records: number
  readonly points: number
  readonly tails: readonly Tail[]
  readonly names: readonly NameRule[]
  readonly seed: number
}): Promise<LevelPowerResult> => {
  using scratch = scratchFolder('level-power')
  const path = (name: string): string => join(scratch.path, name)
  mkdirSync(path('root'))
  mkdirSync(path('grave'))
  writeFileSync(path('trace'), '')
  // As slow as a disk, so that LevelDB's own thread is still writing a table while newer records are synced.
  writeFileSync(path('delay'), '2')
  const arguments_ = [bundledProgram('writers/level'), path('root/db'), path('acks'), options.mode]
  const recording = { root: path('root'), trace: path('trace'), grave: path('grave') }
  const ran = spawnSync(process.execPath, [...arguments_, String(options.records)], {
    env: {
      ...process.env,
      LD_PRELOAD: nativeLibrary('power'),
      POWER_ROOT: recording.root,
      POWER_TRACE: recording.trace,
      POWER_GRAVE: recording.grave,
      POWER_DELAY: path('delay'),
    },
    encoding: 'utf8',
  })
  if (ran.signal !== 'SIGKILL') throw new Error(`the writer failed: ${ran.stderr}`)
  const acks = readFileSync(path('acks'), 'utf8').trim().split('\n')
  const acknowledged = acks.map((line) => line.split(' ').map(Number) as [last: number, traceSize: number])
  const cuts = new PowerCuts(recording)
  const random = seededRandom(options.seed)
  const result = { images: 0, refused: 0, withLoss: 0, mostLost: 0, withHoles: 0 }
  for (let point = 0; point < options.points; point++) {
    const at = random.integer(1, cuts.events.length + 1)
    const end = cuts.events[at - 1]?.end ?? 0
    const lastAcked = acknowledged.findLast(([, traceSize]) => traceSize <= end)?.[0] ?? -1
    for (const tail of options.tails) {
      const image = path(`image-${result.images}`)
      cuts.write({ at, tail, names: random.pick(options.names), seed: derivedSeed(options.seed, result.images) }, image)
      const present = await presentRecords(join(image, 'db'))
      rmSync(image, { recursive: true })
      result.images++
      if (present === undefined && lastAcked >= 0) result.refused++
      if (present === undefined) continue
      const last = Math.max(-1, ...present)
      const expected = options.mode === 'mixed' ? 0 : lastAcked + 1
      let lost = 0
      for (let i = 0; i < expected; i++) if (!present.has(i)) lost++
      if (lost > 0) result.withLoss++
      result.mostLost = Math.max(result.mostLost, lost)
      if (present.size !== last + 1) result.withHoles++
    }
  }
  return result
}
