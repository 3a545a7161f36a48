/** Events verified offline: that the log has the entry, and what of the event its file shows (spec/entry.md, ENTRY-8). */
import { type ErasedUnder, type EventFile, parseEventFile } from '../event/event-file.ts'
import { type ByGroup, type Group, groupKeys, groups, joinGroups, opensCommitment, subjectOf } from '../event/groups.ts'
import { type AuditLeaf, parseLeaf } from '../event/leaf.ts'
import { isJsonObject, type JsonObject } from '../event/strict-json.ts'
import { decodeUtf8, equalBytes, readUint64 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { sha256 } from '../primitives/sha256.ts'
import { type VerifiedProof, verifyProofFile } from './receipt.ts'
import type { Trust } from './trust.ts'

/** How much of an event a file shows; the fifth verdict, that something is wrong, is an error. */
export type EventVerdict = 'valid' | 'erased' | 'withheld' | 'missing'

/** What an event file proves. */
export interface VerifiedEvent {
  /** `missing` is no success: a payload is gone without an entry that says so. */
  readonly verdict: EventVerdict
  readonly leaf: AuditLeaf
  /** That the entry is in the log. */
  readonly proof: VerifiedProof
  /** What is shown of the event, every part of it what the entry commits to. */
  readonly event: JsonObject
  /** The bytes that the event was made from, where they are shown. */
  readonly raw: Uint8Array | undefined
  readonly withheld: readonly Group[]
  /** The groups that were erased, each with the index of the entry that says so. */
  readonly erased: ByGroup<number>
  /** Groups that nothing in the file accounts for. */
  readonly missing: readonly Group[]
}

/**
 * Verifies an event file without the network. Throws as `verifyProofFile` does, `malformed` for a file or an entry that is
 * not in its form, and `bad_proof` for a group that is not what the entry commits to, or was erased by no entry that the
 * log has.
 */
export const verifyEventFile = (bytes: Uint8Array, trust: Trust): VerifiedEvent => {
  const file = parseEventFile(bytes)
  const proof = verifyProofFile(file.proof, { ...trust, entry: file.leaf })
  const leaf = parseLeaf(file.leaf)
  if (leaf.origin !== proof.origin)
    throw new TlogError('wrong_origin', `the entry is of ${leaf.origin}, and the proof of ${proof.origin}`)
  for (const group of ['actor', 'target', 'meta'] as const)
    if (leaf.commitments[group] === undefined) throw new TlogError('bad_proof', `the entry is of no event: no ${group}`)
  for (const group of groups)
    if (file.groups[group] !== undefined && leaf.commitments[group] === undefined)
      throw new TlogError('bad_proof', `the entry commits to no ${group}`)
  const accounts = groups.filter((group) => leaf.commitments[group] !== undefined)
  const withheld = accounts.filter((group) => file.groups[group]?.kind === 'withheld')
  const missing = accounts.filter((group) => file.groups[group] === undefined)
  const erased = verifyErased(file, proof, trust)
  const verdict =
    missing.length > 0
      ? 'missing'
      : withheld.length > 0
        ? 'withheld'
        : Object.keys(erased).length > 0
          ? 'erased'
          : 'valid'
  return { verdict, leaf, proof, ...openShown(file, leaf), withheld, erased, missing }
}

const openShown = (
  file: EventFile,
  { commitments, action, outcome }: AuditLeaf,
): { readonly event: JsonObject; readonly raw: Uint8Array | undefined } => {
  const values: Partial<Record<Group, unknown>> = {}
  let raw: Uint8Array | undefined
  for (const group of groups) {
    const shown = file.groups[group]
    const commitment = commitments[group]
    if (shown?.kind !== 'shown' || commitment === undefined) continue
    if (!opensCommitment(group, shown.opening, commitment))
      throw new TlogError('bad_proof', `${group} is not what the entry commits to`)
    if (group === 'raw') raw = shown.opening.value
    else values[group] = keysOf(group, JSON.parse(decodeUtf8(shown.opening.value)))
  }
  return { event: { ...joinGroups(values), action, outcome }, raw }
}

/** A group that could hold other keys of the event could show what the entry does not say. */
const keysOf = (group: Group, value: unknown): unknown => {
  const known = groupKeys[group]
  if (known === undefined) return value
  if (!isJsonObject(value) || Object.keys(value).some((key) => !known.includes(key)))
    throw new TlogError('bad_proof', `${group} holds what it cannot`)
  return value
}

const verifyErased = (file: EventFile, { index, origin }: VerifiedProof, trust: Trust): ByGroup<number> => {
  const found: Partial<Record<Group, number>> = {}
  for (const group of groups) {
    const shown = file.groups[group]
    if (shown?.kind === 'erased') found[group] = verifyErasure(group, shown.under, { index, origin }, trust)
  }
  return found
}

const LOG_SOURCE = 'treehead'

/** A group about both goes with either. */
const isAbout = (group: Group, part: unknown): boolean =>
  (part === 'actor' || part === 'target') && (subjectOf[group] === part || subjectOf[group] === 'both')

/** The index of the entry under which the event at `index` was erased. */
const verifyErasure = (
  group: Group,
  { leaf, proof, indices }: ErasedUnder,
  { index, origin }: { readonly index: number; readonly origin: string },
  trust: Trust,
): number => {
  const verified = verifyProofFile(proof, { ...trust, entry: leaf })
  const { action, particulars = {}, origin: own, source } = parseLeaf(leaf)
  const { list, count, part } = particulars
  const isErasure = action === 'log.archive' || (action === 'privacy.erase' && isAbout(group, part))
  if (own !== origin || verified.origin !== origin || source !== LOG_SOURCE || !isErasure)
    throw new TlogError('bad_proof', `what ${group} is said to be erased under is no erasure of it by this log`)
  // Whoever could say beforehand what will be erased could let anything disappear later.
  if (verified.index <= index) throw new TlogError('bad_proof', `${group} was erased before the event was there`)
  if (!(list instanceof Uint8Array) || !equalBytes(sha256(indices), list) || indices.length !== 8 * Number(count))
    throw new TlogError('bad_proof', 'the list of what was erased is not that of the entry')
  let last = -1
  let isListed = false
  for (let at = 0; at < indices.length; at += 8) {
    const next = readUint64(indices, at)
    if (next <= last) throw new TlogError('bad_proof', 'the list of what was erased is not in order')
    last = next
    isListed ||= next === index
  }
  if (isListed) return verified.index
  throw new TlogError('bad_proof', `the list of what was erased does not have event ${index}`)
}
