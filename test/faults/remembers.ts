/** A verifying client that remembers a checkpoint: what it says of a log that has forgotten it. */
import { LogClient } from '../../src/client/log-client.ts'
import { isTlogError } from '../../src/primitives/error.ts'

/**
 * What it did: raised `inconsistent`, with both checkpoints; raised `bad_proof`, because the log cannot show that the two
 * agree; went on with the one it remembers; or took the other history.
 */
export type Remembrance = 'raised inconsistent' | 'raised bad_proof' | 'kept its own' | 'was taken in'

/** What our client, having seen the checkpoint `before`, makes of the log at `url`. */
export const rememberingClient = async (url: string, vkey: string, before: string): Promise<Remembrance> => {
  const store = { load: async () => Buffer.from(before), save: async () => {} }
  try {
    const { bytes } = await new LogClient({ url, vkey, store }).checkpoint()
    return Buffer.from(bytes).toString() === before ? 'kept its own' : 'was taken in'
  } catch (error) {
    if (isTlogError(error, 'inconsistent')) return 'raised inconsistent'
    if (isTlogError(error, 'bad_proof')) return 'raised bad_proof'
    throw error
  }
}
