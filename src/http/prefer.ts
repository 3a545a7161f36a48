/** How far an answer waits: `Prefer: wait=witnessed` (RFC 7240). */
import type { Context } from 'hono'
import type { PublishedCheckpoint } from '../log/log.ts'
import { TlogError } from '../primitives/error.ts'
import type { Env } from './body.ts'

/** Waits until a quorum of witnesses has cosigned a checkpoint of that size; undefined when it did not within bounds. */
export type Reach = (size: number) => Promise<PublishedCheckpoint | undefined>

/** True when the answer is to wait for a quorum. Throws `usage` where there is none to wait for. */
export const wantsWitnesses = (c: Context<Env>, reach: Reach | undefined): boolean => {
  const wait = /(?:^|[,;])\s*wait=([a-z0-9]+)/.exec(c.req.header('prefer') ?? '')?.[1]
  if (wait !== 'witnessed') return false
  if (reach === undefined) throw new TlogError('usage', 'this log has no witnesses to wait for')
  return true
}

/** The witnessed checkpoint over a signed one. Rejects with `unknown_outcome`: it is in the log, its quorum is not. */
export const witnessed = async (
  c: Context<Env>,
  { size }: PublishedCheckpoint,
  reach: Reach | undefined,
): Promise<PublishedCheckpoint> => {
  const reached = await reach?.(size)
  if (reached === undefined)
    throw new TlogError('unknown_outcome', `stored under size ${size}, which no quorum has cosigned yet`)
  c.header('Preference-Applied', 'wait=witnessed')
  return reached
}
