/** Ingestion: the items of a delivery go into the log, whatever they are (spec/sources.md). */

import { concatBytes, encodeUtf8 } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'
import type { Recordable } from './make-entry.ts'
import { ownEvent } from './own-events.ts'
import type { Recorded, Recorder } from './recorder.ts'
import { fitText } from './sources/fit.ts'
import type { SourceItem } from './sources/source.ts'

/** What became of a delivery. */
export interface Ingested {
  /** How many became events, those that were there already included. */
  readonly events: number
  /** How many of all that were kept were there already. */
  readonly duplicates: number
  /** How many could not be made into events, and are kept as they came. */
  readonly quarantined: number
  readonly ignored: number
}

/** What ingesting needs. */
export interface IngestParts {
  readonly recorder: Pick<Recorder, 'record'>
  /** Wall clock. */
  readonly clock: Clock
}

/** Items that are recorded together. */
const AT_ONCE = 1_000

/**
 * Records the items of a delivery, in order. Resolves once all are durable; rejects as the recorder does, and then sending
 * the delivery again is safe. An event whose id is taken by another one goes into quarantine: nothing that came is lost.
 */
export const ingest = async (
  source: string,
  items: readonly SourceItem[],
  { recorder, clock }: IngestParts,
): Promise<Ingested> => {
  const counts = { events: 0, duplicates: 0, quarantined: 0, ignored: 0 }
  const kept = items.filter((item) => item.kind !== 'ignored')
  counts.ignored = items.length - kept.length
  for (let at = 0; at < kept.length; at += AT_ONCE) {
    const step = kept.slice(at, at + AT_ONCE)
    const { items: answers } = await recorder.record(step.map((item) => recordableOf(source, item, clock())))
    const taken: Recordable[] = []
    for (const [i, answer] of answers.entries()) {
      const item = step[i]
      if (item === undefined) continue
      if (answer.kind === 'too large') throw new TlogError('too_large', answer.message)
      if (answer.kind === 'conflict' && item.kind === 'event') taken.push(conflictOf(source, item, clock()))
      else {
        if (isKnown(answer)) counts.duplicates++
        item.kind === 'event' ? counts.events++ : counts.quarantined++
      }
    }
    if (taken.length === 0) continue
    const { items: again } = await recorder.record(taken)
    counts.quarantined += again.length
    counts.duplicates += again.filter(isKnown).length
  }
  return counts
}

/** What is in quarantine is known by its bytes: the same id at another time is no other item. */
const isKnown = (answer: Recorded): boolean =>
  answer.kind === 'conflict' || (answer.kind === 'recorded' && answer.isDuplicate)

type KeptItem = Exclude<SourceItem, { kind: 'ignored' }>

const recordableOf = (source: string, item: KeptItem, time: number): Recordable =>
  item.kind === 'event'
    ? { source, event: item.event, raw: item.raw }
    : quarantined(source, { code: item.code, reason: item.reason, raw: item.raw, time })

const conflictOf = (source: string, { event, raw }: Extract<KeptItem, { kind: 'event' }>, time: number): Recordable =>
  quarantined(source, { code: 'id_conflict', reason: `another event has the id ${event.id}`, raw, time })

/** Its id comes from its bytes, so that a delivery that is repeated adds nothing. Its time is that of the first. */
const quarantined = (
  source: string,
  {
    code,
    reason,
    raw,
    time,
  }: { readonly code: string; readonly reason: string; readonly raw: Uint8Array; readonly time: number },
): Recordable => {
  const digest = encodeHex(sha256(concatBytes(encodeUtf8(`${source}\0${code}\0`), raw)))
  return ownEvent({
    action: 'event.quarantine',
    id: `quarantine:${digest.slice(0, 40)}`,
    time,
    target: { type: 'source', id: source },
    particulars: { source, code },
    reason: fitText(reason) ?? code,
    raw,
  })
}
