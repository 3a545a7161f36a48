/** The power-cut tools have teeth: on a bare LevelDB they find what unsynced and half-synced writing loses. */
import { describe, expect, it } from 'vitest'
import { canInject } from './build.ts'
import { tryLevelPower } from './level-power.ts'

const tails = ['drop', 'torn', 'zeros', 'garbage'] as const
const options = { records: 4000, names: ['late', 'early'], seed: 1 } as const

describe.skipIf(!canInject('gcc'))('power cuts of a bare LevelDB', { timeout: 300_000 }, () => {
  it('loses nothing when every write is synced', async () => {
    const result = await tryLevelPower({ ...options, mode: 'all', points: 40, tails })
    expect(result).toMatchObject({ images: 160, refused: 0, withLoss: 0, withHoles: 0 })
  })

  it('loses acknowledged records when no write is synced', async () => {
    const result = await tryLevelPower({ ...options, mode: 'none', points: 15, tails })
    expect(result.withLoss).toBeGreaterThan(0)
  })

  it('leaves holes when synced and unsynced writes are mixed', async () => {
    const result = await tryLevelPower({ ...options, mode: 'mixed', points: 60, tails: ['drop'] })
    expect(result.withHoles).toBeGreaterThan(0)
  })
})
