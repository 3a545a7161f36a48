/** The load generator's process: takes one job from its parent, does it, and sends what it showed. */
import { type CannonLoad, cannon } from './cannon.ts'
import { closedLoop } from './closed-loop.ts'
import type { Fill, Load, LoadResult, OnWindow } from './load.ts'
import { type OpenLoad, type OpenResult, openLoop } from './open-loop.ts'

/** One load and who generates it. */
export type Job =
  | { readonly generator: 'closed loop'; readonly load: Load | Fill }
  | { readonly generator: 'open loop'; readonly load: OpenLoad }
  | { readonly generator: 'autocannon'; readonly load: CannonLoad }

/** What the parent is sent: when the window opens and closes, and one result or error. */
export type Report =
  | { readonly kind: 'window'; readonly edge: 'opens' | 'closes' }
  | { readonly kind: 'result'; readonly result: LoadResult | OpenResult }
  | { readonly kind: 'error'; readonly message: string }

const run = (job: Job, onWindow: OnWindow): Promise<LoadResult | OpenResult> => {
  switch (job.generator) {
    case 'closed loop':
      return closedLoop(job.load, onWindow)
    case 'open loop':
      return openLoop(job.load, onWindow)
    case 'autocannon':
      return cannon(job.load, onWindow)
  }
}

// The window may close after an error has ended the job.
const send = (report: Report): void => void (process.connected && process.send?.(report))

process.once('message', (job: Job) => {
  run(job, (edge) => send({ kind: 'window', edge })).then(
    (result) => {
      send({ kind: 'result', result })
      process.disconnect()
    },
    (error: unknown) => {
      send({ kind: 'error', message: String(error) })
      process.disconnect()
    },
  )
})
