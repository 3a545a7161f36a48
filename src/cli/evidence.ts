/** Evidence that a command comes upon, in a file to keep and to show (spec/gossip.md). */
import { Option } from 'commander'
import { evidenceOf, InconsistentError } from '../client/inconsistent.ts'
import type { Trust } from '../client/trust.ts'
import { concatBytes, decodeUtf8, encodeUtf8 } from '../primitives/bytes.ts'
import { isTlogError } from '../primitives/error.ts'
import { formatEvidence } from '../tlog/evidence.ts'
import { say, writeNew } from './output.ts'

/** `--evidence`. */
export const evidenceFlag = (): Option =>
  new Option('--evidence <file>', 'where both checkpoints go if the log signed two histories').default(
    'treehead.evidence',
  )

/**
 * Runs `watch`; when it finds that the log signed two histories, the evidence is written before the error goes on. Earlier
 * evidence is kept: the file then gets a number.
 */
export const keepingEvidence = async <T>(path: string, trust: Trust, watch: () => Promise<T>): Promise<T> => {
  try {
    return await watch()
  } catch (error) {
    if (error instanceof InconsistentError) await writeEvidence(path, fileOf(error, trust))
    throw error
  }
}

/** The evidence of an error; where no one key signed both checkpoints, the two of them, one after the other. */
export const fileOf = (error: InconsistentError, trust: Trust): Uint8Array => {
  const both = concatBytes(error.older, encodeUtf8('\n'), error.newer)
  const evidence = evidenceOf(error, trust)
  try {
    return evidence === undefined ? both : formatEvidence(evidence)
  } catch (refusal) {
    // Whatever is wrong with the form, what the log signed must not be lost.
    if (isTlogError(refusal)) return both
    throw refusal
  }
}

/** Writes evidence into a file that was not there before, and says where. Never rejects. */
export const writeEvidence = async (path: string, bytes: Uint8Array): Promise<void> => {
  for (let i = 1; ; i++) {
    const place = i === 1 ? path : `${path}.${i}`
    try {
      await writeNew(place, bytes, 0o644)
      return say(`evidence is in ${place}: keep it, and show it to whoever relies on this log`)
    } catch (error) {
      // Better on a terminal than nowhere.
      if (!isTlogError(error, 'usage') || i === 100) {
        say(`${place} could not be written; the evidence is:\n${decodeUtf8(bytes)}`)
        return
      }
    }
  }
}
