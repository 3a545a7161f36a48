/**
 * The suite of simulated witnesses: seeded schedules by the hundred thousand, and all orders of events for small sizes. Broken
 * decision functions can take the place of the real ones, to show that the oracle has teeth.
 */
import { explore } from './gossip-exhaustive.ts'
import { type Judgement, judgement } from './gossip-node.ts'
import { isOneHistory, treeOf } from './gossip-trees.ts'
import { planOf, World } from './gossip-world.ts'
import { progress } from './parallel.ts'
import { derivedSeed, seededRandom } from './random.ts'
import type { Report } from './report.ts'

/** Plays one schedule to its end. */
export const playSchedule = (seed: number, schedule: number, judge: Judgement = judgement): World => {
  const random = seededRandom(derivedSeed(seed, schedule))
  const world = new World(planOf(schedule, random), random, judge)
  for (let steps = random.integer(15, 60); steps > 0; steps--) world.step()
  world.lastRound()
  return world
}

/** How much to play. */
export interface GossipSimOptions {
  readonly schedules: number
  readonly seed: number
  readonly judge?: Judgement
  /** Ends at the first schedule that breaks something. */
  readonly untilBroken?: boolean
}

/** Plays schedules and reports. */
export const runGossipSim = ({ schedules, seed, judge, untilBroken = false }: GossipSimOptions): Report => {
  const figures: Record<string, number> = { steps: 0, evidence: 0, 'with two inconsistent heads': 0 }
  const findings: Report['findings'][number][] = []
  let played = 0
  while (played < schedules && !(untilBroken && findings.length > 0)) {
    const schedule = played++
    const { oracle, faults, plan, nodes, steps } = playSchedule(seed, schedule, judge)
    const experiment = `seed ${seed}, schedule ${schedule}: log ${plan.log}, witnesses ${plan.witness}`
    for (const what of oracle.broken) findings.push({ invariant: 'I2', what, experiment })
    for (const [name, count] of Object.entries(faults)) figures[name] = (figures[name] ?? 0) + count
    figures['steps'] = (figures['steps'] ?? 0) + steps.length
    figures['evidence'] = (figures['evidence'] ?? 0) + nodes.reduce((sum, { evidence }) => sum + evidence.length, 0)
    const trees = nodes.map(({ latest }) => latest?.tree ?? treeOf(''))
    const isForked = trees.some((a) => trees.some((b) => !isOneHistory(a, b)))
    figures['with two inconsistent heads'] = (figures['with two inconsistent heads'] ?? 0) + (isForked ? 1 : 0)
    if (played % 1_000 === 0) progress(`witness-sim ${played}/${schedules}, ${findings.length} broken promises`)
  }
  return { suite: 'witness-sim', seed, experiments: played, figures, findings }
}

/** All orders of events for heads of trees of up to `size` leaves, as a report. */
export const runExploration = (size: number): Report => {
  const { shapes, states, transitions, broken } = explore({ size, heads: 3 })
  const experiment = `all orders of events, trees of up to ${size} leaves`
  const findings = broken.map((what) => ({ invariant: 'I2' as const, what, experiment }))
  return { suite: 'witness-sim, exhaustive', seed: 0, experiments: transitions, figures: { shapes, states }, findings }
}
