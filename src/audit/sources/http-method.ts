/** What requests of HTTP do and how they went, for formats that say no more than method and status. */
import type { Outcome } from '../../event/actions.ts'
import { type Loose, textOf } from './foreign-json.ts'

const actions: ReadonlyMap<string, string> = new Map([
  ['GET', 'access.read'],
  ['HEAD', 'access.read'],
  ['OPTIONS', 'access.read'],
  ['POST', 'access.create'],
  ['DELETE', 'access.delete'],
])

/** What a method does to a resource; those that are not known change it. */
export const accessOfMethod = (method: string | undefined): string =>
  actions.get((method ?? '').toUpperCase()) ?? 'access.update'

/** How a request went by its status; `unknown` without one. */
export const outcomeOfStatus = (status: Loose): Outcome => {
  const code = Number(textOf(status) ?? Number.NaN)
  if (code === 401 || code === 403) return 'denied'
  if (code >= 400) return 'failure'
  return code >= 100 ? 'success' : 'unknown'
}
