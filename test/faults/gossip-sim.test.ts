/** Simulated witnesses, by the rules of gossip-oracle.ts; `node test/faults/run.mjs witness-sim` plays 100,000 schedules. */
import { describe, expect, it } from 'vitest'
import { explore } from './gossip-exhaustive.ts'
import { gossipMutants } from './gossip-mutants.ts'
import { judgement } from './gossip-node.ts'
import { replay } from './gossip-replay.ts'
import { playSchedule, runGossipSim } from './gossip-sim.ts'
import { formatReport } from './report.ts'

describe('simulated witnesses and gossip', { timeout: 300_000 }, () => {
  it('[FAULT-15] never cosign a fork, go back or accuse the innocent, and hold evidence after one round', () => {
    const report = runGossipSim({ schedules: 4_000, seed: 1 })
    console.log(formatReport(report))
    expect(report.findings).toEqual([])
    // A simulator in which nothing happens would find nothing.
    for (const name of [
      'evidence',
      'dropped',
      'repeated',
      'reordered',
      'restarts',
      'rollbacks',
      'lies',
      'forks',
      'acknowledged',
    ])
      expect(report.figures[name], name).toBeGreaterThan(20)
  })

  it('[FAULT-16] keep to it in every order of events for two witnesses and two heads of up to three entries', () => {
    const { broken, states } = explore({ size: 3, heads: 2 })
    expect(broken).toEqual([])
    expect(states).toBeGreaterThan(1_000)
  })

  it('[FAULT-15] decide and find as witnesses with real notes and signatures do', async () => {
    const worlds = Array.from({ length: 200 }, (_, i) => playSchedule(1, i)).filter(
      ({ plan }) => plan.witness !== 'one rolled back',
    )
    for (const world of worlds.slice(0, 24)) expect(await replay(world), JSON.stringify(world.plan)).toEqual([])
  })

  it.each(Object.entries(gossipMutants))('[FAULT-14] are noticed when one %s', (_, mutant) => {
    const judge = { ...judgement, ...mutant }
    const report = runGossipSim({ schedules: 4_000, seed: 1, judge, untilBroken: true })
    expect(report.findings).not.toEqual([])
  })
})
