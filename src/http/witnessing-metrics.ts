/** The witnesses and mirrors of a log as numbers for Prometheus. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Witnessing, WitnessingEvent } from '../log/witnesses/witnessing.ts'
import type { MirrorPusher } from '../mirror/pusher.ts'
import { SECONDS } from './request-metrics.ts'

/** Adds what is measured; answers who is to be told of the events. Labels are the names in the policy. */
export const addWitnessing = (registry: Registry, witnessing: Witnessing): ((event: WitnessingEvent) => void) => {
  const registers = [registry]
  const gauge = (name: string, help: string, read: (set: (witness: string, value: number) => void) => void): void => {
    new Gauge({
      name,
      help,
      labelNames: ['witness'],
      registers,
      collect() {
        read((witness, value) => this.set({ witness }, value))
      },
    })
  }
  gauge('treehead_witness_size', 'the size that each witness cosigned last', (set) => {
    for (const { names, size } of witnessing.links) for (const name of names) set(name, size)
  })
  gauge('treehead_witness_cosigning', '1 for each witness whose last answer was a cosignature', (set) => {
    for (const { names, state } of witnessing.links) for (const name of names) set(name, state === 'cosigning' ? 1 : 0)
  })
  new Gauge({
    name: 'treehead_witnessed_size',
    help: 'entries under the newest checkpoint that a quorum has cosigned',
    registers,
    collect() {
      this.set(witnessing.witnessed?.size ?? 0)
    },
  })
  const seconds = new Histogram({
    name: 'treehead_quorum_seconds',
    help: 'from asking the witnesses to a published checkpoint',
    buckets: SECONDS,
    registers,
  })
  const missed = new Counter({
    name: 'treehead_quorum_misses_total',
    help: 'rounds that ended without a quorum',
    registers,
  })
  return (event) => {
    if (event.kind === 'witnessed') seconds.observe(event.milliseconds / 1e3)
    else if (event.kind === 'no quorum') missed.inc()
  }
}

/** Adds the size that each mirror has cosigned. */
export const addMirrors = (registry: Registry, mirrors: readonly MirrorPusher[]): void => {
  new Gauge({
    name: 'treehead_mirror_size',
    help: 'entries that each mirror has said it keeps',
    labelNames: ['mirror'],
    registers: [registry],
    collect() {
      for (const { name, state } of mirrors) this.set({ mirror: name }, state.size ?? 0)
    },
  })
}
