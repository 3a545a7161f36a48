/**
 * The closed loop: each connection sends its next request when the last one was answered. It shows the most that a
 * server can do with so many producers; its latencies are those of a server that is always busy.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Connection } from './connection.ts'
import { deferred } from './deferred.ts'
import { type Fill, type Load, type LoadResult, latencyOf, type OnWindow } from './load.ts'
import { requestMaker } from './requests.ts'

/** Runs the load. Rejects on the first answer that is not what it should be. */
export const closedLoop = async (load: Load | Fill, onWindow: OnWindow): Promise<LoadResult> => {
  const makeRequests = requestMaker(load.request)
  const latencies: number[] = []
  let acknowledged = 0
  let from = Number.POSITIVE_INFINITY
  let until = Number.POSITIVE_INFINITY
  let left = 'requests' in load ? load.requests : Number.POSITIVE_INFINITY
  let busy = 0
  const end = deferred<void>()

  const open = async (): Promise<{ readonly connection: Connection; readonly start: () => void }> => {
    const requests = makeRequests()
    let sent = 0
    const send = (now: number): void => {
      left--
      sent = now
      connection.send(requests.next())
    }
    const answer = (status: number, body: Buffer): void => {
      const now = performance.now()
      requests.check(status, body)
      acknowledged++
      if (now >= from && now < until) latencies.push(now - sent)
      if (now < until && left > 0) send(now)
      else if (--busy === 0) end.resolve()
    }
    const connection = await Connection.open(load.url, { answer, failed: end.reject })
    const start = (): void => {
      if (left === 0) return
      busy++
      send(performance.now())
    }
    return { connection, start }
  }

  const opened = await Promise.all(Array.from({ length: load.connections }, open))
  const window = async (): Promise<void> => {
    if ('seconds' in load) await pause(1000 * load.warmUpSeconds)
    from = performance.now()
    if ('seconds' in load) until = from + 1000 * load.seconds
    onWindow('opens')
    if ('seconds' in load) await pause(1000 * load.seconds)
    else until = await end.promise.then(() => performance.now())
    onWindow('closes')
  }
  for (const { start } of opened) start()
  await Promise.all([window(), end.promise])
  for (const { connection } of opened) connection.close()
  return {
    requests: latencies.length,
    perSecond: (1000 * latencies.length) / (until - from),
    latencyMs: latencyOf(latencies),
    acknowledged,
  }
}
