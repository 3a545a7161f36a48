/** The rollback guard at the start of a server: its witnesses and mirrors are asked whether they know of a newer head. */
import type { Log } from '../log/open.ts'
import { askWitnesses, type GuardReport } from '../log/witnesses/guard.ts'
import type { Witnessing } from '../log/witnesses/witnessing.ts'
import { TlogError } from '../primitives/error.ts'
import { NO_QUORUM, type Policy } from '../tlog/policy.ts'
import type { Config } from './config.ts'
import type { OpenMirrors } from './open-mirrors.ts'

/** Whom it asks. */
export interface GuardOptions {
  readonly config: Config
  readonly log: Log
  readonly witnessing: Witnessing | undefined
  readonly mirrors: OpenMirrors | undefined
}

/**
 * Asks; resolves to what was heard, or undefined when there is nobody to ask. Rejects with RefusedError `behind_witness`,
 * `fork_of_witness` or `witness_unreachable`, and with `usage` for a name in `--proceed-without` that is none.
 */
export const guardStart = async ({
  config,
  log,
  witnessing,
  mirrors,
}: GuardOptions): Promise<GuardReport | undefined> => {
  const links = [...(witnessing?.links ?? []), ...(mirrors?.links ?? [])]
  const proceedWithout = new Set(config.proceedWithout?.split(',').filter((name) => name !== ''))
  const listed = witnessing?.policy.witnesses.map(({ name }) => name) ?? []
  const names = new Set([...links.flatMap((link) => link.names), ...listed])
  const stranger = [...proceedWithout].find((name) => !names.has(name))
  if (stranger !== undefined) throw new TlogError('usage', `--proceed-without: there is no witness ${stranger}`)
  if (links.length === 0) return undefined
  const policy = witnessing?.policy ?? NOBODY
  return askWitnesses({ policy, links, head: log.sequencer.published, proceedWithout })
}

const NOBODY: Policy = { logs: [], witnesses: [], groups: [], quorum: NO_QUORUM }
