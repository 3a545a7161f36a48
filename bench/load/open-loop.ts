/**
 * The open loop: requests arrive at a fixed rate, however long the answers take, as they do from many producers who know
 * nothing of each other. Latency counts from when a request was due, not from when it could be sent: a server that stops
 * for a second is charged with that second by every request that was due in it (no coordinated omission).
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Connection } from './connection.ts'
import { deferred } from './deferred.ts'
import { type Latency, type Load, type LoadResult, latencyOf, type OnWindow } from './load.ts'
import { type Requests, requestMaker } from './requests.ts'

/** A load with a rate. `connections` is how many requests may be under way; those beyond wait, and their waiting counts. */
export interface OpenLoad extends Load {
  readonly perSecond: number
}

/** What it showed. */
export interface OpenResult extends LoadResult {
  /** How late requests were sent because the generator was, or no connection was free: part of `latencyMs`. */
  readonly lateMs: Latency
}

interface Lane {
  readonly connection: Connection
  readonly requests: Requests
  due: number
}

/** Runs the load. Rejects on the first answer that is not what it should be. */
export const openLoop = async (load: OpenLoad, onWindow: OnWindow): Promise<OpenResult> => {
  const makeRequests = requestMaker(load.request)
  const latencies: number[] = []
  const delays: number[] = []
  const idle: Lane[] = []
  let acknowledged = 0
  let from = 0
  let until = 0
  const broken = deferred<never>()
  const inWindow = (due: number): boolean => due >= from && due < until

  const open = async (): Promise<Connection> => {
    const requests = makeRequests()
    const answer = (status: number, body: Buffer): void => {
      requests.check(status, body)
      acknowledged++
      if (inWindow(lane.due)) latencies.push(performance.now() - lane.due)
      idle.push(lane)
      sendDue()
    }
    const connection = await Connection.open(load.url, { answer, failed: broken.reject })
    const lane: Lane = { connection, requests, due: 0 }
    idle.push(lane)
    return connection
  }

  let start = 0
  let count = 0
  const sendDue = (): void => {
    const now = performance.now()
    for (;;) {
      const due = start + (1000 * count) / load.perSecond
      if (due > now || due >= until) return
      // The one that was idle for longest: at low rates servers close connections that nobody uses.
      const lane = idle.shift()
      if (lane === undefined) return
      count++
      lane.due = due
      if (inWindow(due)) delays.push(now - due)
      lane.connection.send(lane.requests.next())
    }
  }

  const connections = await Promise.all(Array.from({ length: load.connections }, open))
  start = performance.now()
  from = start + 1000 * load.warmUpSeconds
  until = from + 1000 * load.seconds
  const window = async (): Promise<void> => {
    await pause(from - start)
    onWindow('opens')
    await pause(until - from)
    onWindow('closes')
  }
  const arrivals = async (): Promise<void> => {
    // Timers are no finer than a millisecond: up to that, and half of it on average, is the generator's own delay.
    while (performance.now() < until || idle.length < connections.length) {
      await pause(1)
      sendDue()
    }
  }
  await Promise.race([Promise.all([window(), arrivals()]), broken.promise])
  for (const connection of connections) connection.close()
  return {
    requests: latencies.length,
    perSecond: latencies.length / load.seconds,
    latencyMs: latencyOf(latencies),
    lateMs: latencyOf(delays),
    acknowledged,
  }
}
