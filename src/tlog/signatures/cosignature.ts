/** Signature type 0x04: Ed25519 cosignatures of checkpoints, with a time (c2sp.org/tlog-cosignature). */
import type { NoteSigner, NoteVerifier } from '../../note/algorithm.ts'
import { formatVerifierKey, type SignerKey, type VerifierKey } from '../../note/key.ts'
import { concatBytes, encodeUint64, encodeUtf8 } from '../../primitives/bytes.ts'
import { signEd25519, verifyEd25519 } from '../../primitives/ed25519.ts'
import { ED25519_SIGNATURE_SIZE } from '../../primitives/ed25519-key.ts'
import { parseCheckpoint } from '../checkpoint.ts'
import { splitTimestamped } from './timestamped.ts'

/** Verifies with a key of type 0x04. */
export const cosignatureVerifier = ({ name, keyId, publicKey }: VerifierKey): NoteVerifier => ({
  name,
  keyId,
  verify: (text, signature) => {
    const parts = splitTimestamped(signature, ED25519_SIGNATURE_SIZE)
    return parts !== undefined && verifyEd25519(parts.signature, signedMessage(text, parts.time), publicKey)
  },
})

/**
 * Signs with a key of type 0x04, stating `time` in POSIX seconds. Its `sign` throws `malformed` for a text that is not
 * a checkpoint. The statement is that no larger tree of that log was seen by then: the caller must know this.
 */
export const cosignatureSigner = (key: SignerKey, time: number): NoteSigner => ({
  name: key.name,
  keyId: key.keyId,
  vkey: formatVerifierKey(key),
  sign: (text) => {
    parseCheckpoint(text)
    return concatBytes(encodeUint64(time), signEd25519(signedMessage(text, time), key.seed))
  },
})

// spec: The signed message MUST be two newline (U+000A) terminated lines (one header line and one timestamp line)
// followed by the whole note body of the cosigned checkpoint (including the final newline, but not including any
// signature lines).
const signedMessage = (text: string, time: number): Uint8Array => encodeUtf8(`cosignature/v1\ntime ${time}\n${text}`)
