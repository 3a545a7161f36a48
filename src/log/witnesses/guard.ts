/** The rollback guard: before a log takes entries its witnesses are asked whether they know a newer head than its disk does. */

import type { Policy } from '../../tlog/policy.ts'
import { isQuorum } from '../../tlog/quorum.ts'
import type { PublishedCheckpoint } from '../log.ts'
import { RefusedError } from '../refusal.ts'
import type { WitnessLink } from './link.ts'

/** What the guard asks, and what it may do without. */
export interface GuardParts {
  readonly policy: Policy
  readonly links: readonly WitnessLink[]
  readonly head: PublishedCheckpoint
  /** Names of witnesses that an operator decided to start without. */
  readonly proceedWithout: ReadonlySet<string>
}

/** What was heard from the witnesses. */
export interface GuardReport {
  /** Names of those that answered. */
  readonly answered: readonly string[]
  /** Names of those that did not, which is no danger or was decided on. */
  readonly missing: readonly string[]
}

/**
 * Asks every witness to cosign the head that is there. A witness that has seen a larger tree says so, and then the
 * database is an older copy: RefusedError `behind_witness`; one that has seen another tree refuses: `fork_of_witness`.
 *
 * A head that was published has a quorum of cosignatures, so it is enough when those who do not answer are no quorum by
 * themselves: then each quorum has one among those who did. Else RefusedError `witness_unreachable`.
 */
export const askWitnesses = async ({ policy, links, head, proceedWithout }: GuardParts): Promise<GuardReport> => {
  const { size, checkpoint, tree } = head
  const cosignable = { size, checkpoint, proofFrom: (from: number) => tree.consistencyProof(from) }
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++)
    await Promise.all(links.filter((link) => !hasAnswered(link)).map((link) => link.cosign(cosignable)))
  for (const { state, detail, names } of links) {
    const who = names.join(', ')
    if (state === 'ahead') throw new RefusedError('behind_witness', `${who}: ${detail}`)
    if (state === 'refusing' && detail.startsWith('422'))
      throw new RefusedError('fork_of_witness', `${who} refuses the head of size ${size}: ${detail}`)
  }
  const silent = links.filter((link) => !hasAnswered(link))
  const urls = new Set(links.flatMap(({ names }) => names))
  const missing = [
    ...silent.flatMap(({ names }) => names),
    // Without a URL nobody can be asked.
    ...policy.witnesses.map(({ name }) => name).filter((name) => !urls.has(name)),
  ]
  const unexcused = missing.filter((name) => !proceedWithout.has(name))
  if (policy.quorum !== 'none' && unexcused.length > 0 && isQuorum(policy, new Set(missing))) {
    const why = silent.map(({ names, detail }) => `${names.join(', ')}: ${detail}`)
    throw new RefusedError('witness_unreachable', why.join('; ') || `${unexcused.join(', ')} have no URL`)
  }
  return { answered: links.filter(hasAnswered).flatMap(({ names }) => names), missing }
}

/** How often a witness is asked that does not answer, before the start is given up for it. */
const ATTEMPTS = 3

/** A 404 is no answer: it may come from a proxy, or from a witness that has lost the log from its list. */
const hasAnswered = ({ state }: WitnessLink): boolean => state === 'cosigning'
