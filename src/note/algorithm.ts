/** What a signature algorithm must offer to sign and verify notes (c2sp.org/signed-note). */

/** Plain Ed25519 over the note text. */
export const ED25519 = 0x01

/** Ed25519 cosignature of a checkpoint with a time (c2sp.org/tlog-cosignature). */
export const COSIGNATURE_V1 = 0x04

/** ML-DSA-44 cosignature of a checkpoint or subtree, with a time (c2sp.org/tlog-cosignature). */
export const SUBTREE_V1 = 0x06

/** The signature type identifier bytes this program knows. */
export type Algorithm = typeof ED25519 | typeof COSIGNATURE_V1 | typeof SUBTREE_V1

/** Checks signatures of one key. The pair of name and key ID says which signature lines are its own. */
export interface NoteVerifier {
  readonly name: string
  /** The key ID as an unsigned 32-bit integer. */
  readonly keyId: number
  /**
   * True when `signature`, the bytes after the key ID, signs `text`, which ends in a newline. Implementers answer
   * false for any bytes they do not understand, and throw for none.
   */
  verify(text: string, signature: Uint8Array): boolean
}

/** Makes signatures with one key. */
export interface NoteSigner {
  readonly name: string
  /** The key ID as an unsigned 32-bit integer. */
  readonly keyId: number
  /** The verifier key to hand to others, where the key has one. */
  readonly vkey?: string
  /** Signs `text`, which ends in a newline; returns the bytes after the key ID. May refuse a text by throwing. */
  sign(text: string): Uint8Array
}
