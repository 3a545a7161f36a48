/** Signed notes: a text and the signatures under it (c2sp.org/signed-note). */
import { decodeBase64, encodeBase64 } from '../primitives/base64.ts'
import { concatBytes, decodeUtf8, encodeUtf8, equalBytes } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import type { NoteSigner, NoteVerifier } from './algorithm.ts'
import { assertKeyName, assertNoteText } from './characters.ts'

/** One signature line. */
export interface NoteSignature {
  readonly name: string
  /** The key ID as an unsigned 32-bit integer. */
  readonly keyId: number
  /** What the algorithm made: the bytes after the key ID, at least one. */
  readonly signature: Uint8Array
}

/** A note taken apart. Nothing in it is verified: do not act on its text. */
export interface Note {
  /** Ends in a newline. */
  readonly text: string
  /** One to `MAX_SIGNATURES`, in the order of the lines. */
  readonly signatures: readonly NoteSignature[]
}

/** A note with at least one verified signature. Its text is as trustworthy as the keys in `verified`. */
export interface OpenedNote {
  /** Ends in a newline. */
  readonly text: string
  /** Signatures by known keys, all verified; one key may stand here twice. */
  readonly verified: readonly NoteSignature[]
  /** Signatures by unknown keys; they say nothing. */
  readonly unverified: readonly NoteSignature[]
}

/** More signatures than this are refused. */
export const MAX_SIGNATURES = 64

/** Longer notes are refused. */
export const MAX_NOTE_BYTES = 1024 * 1024

/** Parses a note strictly. Throws `malformed`, or `too_large` above the two limits. */
export const parseNote = (bytes: Uint8Array): Note => {
  if (bytes.length > MAX_NOTE_BYTES) {
    throw new TlogError('too_large', `a note has at most ${MAX_NOTE_BYTES} bytes, got ${bytes.length}`)
  }
  const whole = decodeUtf8(bytes)
  // spec: the text is separated from the signatures by the last empty line in the note.
  const end = whole.lastIndexOf('\n\n')
  if (end < 0) throw new TlogError('malformed', 'note has no blank line before its signatures')
  const text = whole.slice(0, end + 1)
  assertNoteText(text)
  return { text, signatures: parseSignatures(whole.slice(end + 2)) }
}

/** The bytes of a note. Throws `malformed` or `too_large` for a note that `parseNote` would refuse. */
export const formatNote = (note: Note): Uint8Array => {
  assertNoteText(note.text)
  const bytes = encodeUtf8(`${note.text}\n${formatSignatures(note.signatures)}`)
  if (bytes.length > MAX_NOTE_BYTES) {
    throw new TlogError('too_large', `a note has at most ${MAX_NOTE_BYTES} bytes, got ${bytes.length}`)
  }
  return bytes
}

/** Parses signature lines alone, as witnesses answer them; at least one. Throws `malformed` or `too_large`. */
export const parseSignatures = (text: string): readonly NoteSignature[] => {
  if (!text.endsWith('\n')) throw new TlogError('malformed', 'signature lines do not end in a newline')
  const lines = text.slice(0, -1).split('\n')
  assertCount(lines.length)
  return lines.map(parseSignature)
}

/** Signature lines, each with its newline. Throws `malformed` or `too_large` for what `parseSignatures` would refuse. */
export const formatSignatures = (signatures: readonly NoteSignature[]): string => {
  assertCount(signatures.length)
  return signatures.map(formatSignature).join('')
}

/**
 * Checks a note against the keys its reader knows. Throws `malformed` or `too_large` as `parseNote` does,
 * `bad_signature` when a signature by a known key does not verify, `untrusted` when no known key signed, and
 * RangeError when two of the verifiers have the same name and key ID.
 */
export const openNote = (bytes: Uint8Array, verifiers: readonly NoteVerifier[]): OpenedNote =>
  verifyNote(parseNote(bytes), verifiers)

/** `openNote` for a note that is parsed already; throws as it does. */
export const verifyNote = (note: Note, verifiers: readonly NoteVerifier[]): OpenedNote => {
  const known = indexVerifiers(verifiers)
  const verified: NoteSignature[] = []
  const unverified: NoteSignature[] = []
  for (const signature of note.signatures) {
    const verifier = known.get(identity(signature))
    // spec: Verifiers MUST ignore signatures from unknown keys, even if they share a name or ID (but not both) with a
    // known key. If the key name and ID match a known key, verifiers MUST verify the signature.
    if (verifier === undefined) unverified.push(signature)
    // A line that stands there again costs whoever sent it more than us.
    else if (verified.some((one) => isSameSignature(one, signature))) verified.push(signature)
    else if (verifier.verify(note.text, signature.signature)) verified.push(signature)
    // spec: If a signature from a known key fails to verify, clients SHOULD reject the whole note.
    else throw new TlogError('bad_signature', `signature of ${signature.name} does not verify`)
  }
  if (verified.length === 0) {
    const names = unverified.slice(0, 3).map((signature) => JSON.stringify(signature.name.slice(0, 64)))
    throw new TlogError('untrusted', `want a signature by a known key, got ${unverified.length}: ${names.join(', ')}`)
  }
  return { text: note.text, verified, unverified }
}

const isSameSignature = (a: NoteSignature, b: NoteSignature): boolean =>
  a.keyId === b.keyId && a.name === b.name && equalBytes(a.signature, b.signature)

/** Signs `text`, which ends in a newline, with each signer in order. Throws `malformed` for a text no note can hold. */
export const signNote = (text: string, signers: readonly NoteSigner[]): Uint8Array => {
  assertNoteText(text)
  const signatures = signers.map((signer) => ({
    name: signer.name,
    keyId: signer.keyId,
    signature: signer.sign(text),
  }))
  return formatNote({ text, signatures })
}

const DASH = '\u2014 '

// spec: em dash (U+2014), space (U+0020), key name, space, base64-encoded signature, newline.
const parseSignature = (line: string): NoteSignature => {
  const space = line.indexOf(' ', DASH.length)
  if (!line.startsWith(DASH) || space < 0) {
    throw new TlogError('malformed', 'a signature line is an em dash, a key name and base64, one space between each')
  }
  const name = line.slice(DASH.length, space)
  assertKeyName(name)
  // spec: Signatures are the base64 encoding of 4+n bytes. The first four bytes in the signature are the uint32 key ID
  // stored in big-endian order.
  const bytes = decodeBase64(line.slice(space + 1))
  if (bytes.length < 5) throw new TlogError('malformed', `signature of ${name} is empty`)
  return { name, keyId: new DataView(bytes.buffer).getUint32(0), signature: bytes.subarray(4) }
}

const formatSignature = ({ name, keyId, signature }: NoteSignature): string => {
  assertKeyName(name)
  if (signature.length === 0) throw new TlogError('malformed', `signature of ${name} is empty`)
  if (!Number.isInteger(keyId) || keyId < 0 || keyId >= 2 ** 32) {
    throw new RangeError(`a key ID has 32 bits, unsigned, got ${keyId}`)
  }
  const id = new Uint8Array(4)
  new DataView(id.buffer).setUint32(0, keyId)
  return `${DASH}${name} ${encodeBase64(concatBytes(id, signature))}\n`
}

const assertCount = (count: number): void => {
  if (count === 0) throw new TlogError('malformed', 'a note has at least one signature')
  if (count > MAX_SIGNATURES) {
    throw new TlogError('too_large', `a note has at most ${MAX_SIGNATURES} signatures, got ${count}`)
  }
}

// A name has no space, so the pair has one text.
const identity = (key: { readonly name: string; readonly keyId: number }): string => `${key.name} ${key.keyId}`

const indexVerifiers = (verifiers: readonly NoteVerifier[]): ReadonlyMap<string, NoteVerifier> => {
  const known = new Map<string, NoteVerifier>()
  for (const verifier of verifiers) {
    if (known.has(identity(verifier)))
      throw new RangeError(`two verifiers have the name and key ID of ${verifier.name}`)
    known.set(identity(verifier), verifier)
  }
  return known
}
