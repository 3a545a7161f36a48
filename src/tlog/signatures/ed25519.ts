/** Signature type 0x01: plain Ed25519 over the note text (c2sp.org/signed-note). */
import type { NoteSigner, NoteVerifier } from '../../note/algorithm.ts'
import { formatVerifierKey, type SignerKey, type VerifierKey } from '../../note/key.ts'
import { encodeUtf8 } from '../../primitives/bytes.ts'
import { signEd25519, verifyEd25519 } from '../../primitives/ed25519.ts'

/** Verifies with a key of type 0x01. */
export const ed25519Verifier = ({ name, keyId, publicKey }: VerifierKey): NoteVerifier => ({
  name,
  keyId,
  // spec: Ed25519 signatures are generated according to RFC 8032 over the note text.
  verify: (text, signature) => verifyEd25519(signature, encodeUtf8(text), publicKey),
})

/** Signs with a key of type 0x01. */
export const ed25519Signer = (key: SignerKey): NoteSigner => ({
  name: key.name,
  keyId: key.keyId,
  vkey: formatVerifierKey(key),
  sign: (text) => signEd25519(encodeUtf8(text), key.seed),
})
