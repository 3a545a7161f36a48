/** What all load generators share: how a load is described, and what is told of it. */
import type { RequestKind } from './requests.ts'

/** A load on one server. It warms up first; only what is answered in the window after that is measured. */
export interface Load {
  readonly url: string
  readonly request: RequestKind
  readonly connections: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** So many requests on one server, as fast as they are answered; the window is open all the time. */
export interface Fill extends Pick<Load, 'url' | 'request' | 'connections'> {
  readonly requests: number
}

/** Called when the window opens and when it closes. */
export type OnWindow = (edge: 'opens' | 'closes') => void

/** What a load showed. */
export interface LoadResult {
  /** Answered in the window. */
  readonly requests: number
  readonly perSecond: number
  readonly latencyMs: Latency
  /** All that were acknowledged, before, in and after the window. None fails: a wrong answer ends the load with an error. */
  readonly acknowledged: number
}

/** Points of a distribution, in milliseconds. */
export interface Latency {
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** The points of some numbers. */
export const latencyOf = (milliseconds: readonly number[]): Latency => {
  const sorted = Float64Array.from(milliseconds).sort()
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: at(1) }
}
