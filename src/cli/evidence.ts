/** Evidence of a fork: two checkpoints that one log signed and that cannot both be true, in a file to keep. */
import { Option } from 'commander'
import { InconsistentError } from '../client/inconsistent.ts'
import { encodeBase64 } from '../primitives/base64.ts'
import { decodeUtf8 } from '../primitives/bytes.ts'
import { isTlogError } from '../primitives/error.ts'
import { say, writeNew } from './output.ts'

/** `--evidence`. */
export const evidenceFlag = (): Option =>
  new Option('--evidence <file>', 'where both checkpoints go if the log signed two histories').default(
    'treehead-evidence.json',
  )

/**
 * Runs `watch`; when it finds that the log signed two histories, both checkpoints are written before the error goes on.
 * Earlier evidence is kept: the file then gets a number.
 */
export const keepingEvidence = async <T>(path: string, watch: () => Promise<T>): Promise<T> => {
  try {
    return await watch()
  } catch (error) {
    if (error instanceof InconsistentError) await writeEvidence(path, error)
    throw error
  }
}

/** Writes both checkpoints into a file that was not there before, and says where. Never rejects. */
export const writeEvidence = async (path: string, { older, newer, proof }: InconsistentError): Promise<void> => {
  const evidence = { older: decodeUtf8(older), newer: decodeUtf8(newer), proof: proof.map(encodeBase64) }
  const text = `${JSON.stringify(evidence, undefined, 2)}\n`
  for (let i = 1; ; i++) {
    const place = i === 1 ? path : `${path}.${i}`
    try {
      await writeNew(place, text, 0o644)
      return say(`both checkpoints are in ${place}: keep them, and show them to whoever relies on this log`)
    } catch (error) {
      // Better on a terminal than nowhere.
      if (!isTlogError(error, 'usage') || i === 100) {
        say(`${place} could not be written; the evidence is:\n${text}`)
        return
      }
    }
  }
}
