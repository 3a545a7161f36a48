/** A client of one witness (c2sp.org/tlog-witness): asks for cosignatures, and takes nothing but what its keys signed. */
import type { NoteVerifier } from '../note/algorithm.ts'
import { formatNote, type NoteSignature, parseNote, parseSignatures, verifyNote } from '../note/note.ts'
import { decodeUtf8 } from '../primitives/bytes.ts'
import { isTlogError, TlogError } from '../primitives/error.ts'
import { type AddCheckpoint, formatAddCheckpoint, parseCosignedSize } from '../tlog/protocol/add-checkpoint.ts'
import { cosignatureTime } from '../tlog/signatures/index.ts'
import { type HttpOptions, httpExchange } from './http.ts'

/** What a witness answered. */
export type WitnessReply =
  /** Its cosignatures, verified; over the checkpoint that was sent. */
  | { readonly kind: 'cosigned'; readonly signatures: readonly NoteSignature[] }
  /** It has cosigned another size than it was told. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** It does not cosign this: 400, 403, 404, 422. */
  | { readonly kind: 'refused'; readonly status: number; readonly reason: string }

/** How to reach a witness, and whose signatures to take. */
export interface WitnessClientOptions extends Pick<HttpOptions, 'url' | 'fetch' | 'timeoutMs'> {
  /** The keys of the witness; undefined for a mirror, which takes a checkpoint in and signs later. */
  readonly verifiers: readonly NoteVerifier[] | undefined
}

/** Longer answers are refused. */
const MAX_ANSWER_BYTES = 64 * 1024

/**
 * Asks the witness to cosign. Rejects with `io` when it cannot be reached or is broken, `pushback` when it is asked too
 * often, and `bad_signature`, `untrusted`, `malformed` or `too_large` for an answer that is none.
 */
export type AskWitness = (request: AddCheckpoint, signal?: AbortSignal) => Promise<WitnessReply>

/** The asker of the witness at `url`. Throws TypeError when that is none. */
export const witnessClient = (options: WitnessClientOptions): AskWitness => {
  const exchange = httpExchange(options)
  return async (request, signal) => {
    const body = formatAddCheckpoint(request)
    const reply = await exchange({ method: 'POST', path: 'add-checkpoint', body, limit: MAX_ANSWER_BYTES, signal })
    const { verifiers } = options
    if (reply.status === 200)
      return { kind: 'cosigned', signatures: verifiers === undefined ? [] : verified(request, reply.body, verifiers) }
    if (reply.status === 409) return { kind: 'conflict', size: parseCosignedSize(reply.body) }
    const reason = sentence(reply.body)
    if ([400, 403, 404, 422].includes(reply.status)) return { kind: 'refused', status: reply.status, reason }
    throw new TlogError(reply.status === 429 ? 'pushback' : 'io', `the witness answered ${reply.status}: ${reason}`)
  }
}

// spec: The client MUST ignore any cosignatures from unknown keys. To parse the response, the client MAY concatenate it
// to the checkpoint, and use a note verification function configured with the witness keys it trusts.
const verified = (
  { checkpoint }: AddCheckpoint,
  body: Uint8Array,
  verifiers: readonly NoteVerifier[],
): readonly NoteSignature[] => {
  const { text } = parseNote(checkpoint)
  const signatures = parseSignatures(decodeUtf8(body))
  return newestOfEachKey(verifyNote(parseNote(formatNote({ text, signatures })), verifiers).verified)
}

/** A note has room for so many lines, and a witness that sends one key's sixty times must not take it from the others. */
const newestOfEachKey = (signatures: readonly NoteSignature[]): readonly NoteSignature[] => {
  const newest = new Map<string, { readonly time: number; readonly signature: NoteSignature }>()
  for (const signature of signatures) {
    const key = `${signature.name} ${signature.keyId}`
    const time = cosignatureTime(signature) ?? 0
    // spec: The cosignature MUST NOT omit the timestamp, i.e. the timestamp MUST NOT be zero.
    if (time === 0) throw new TlogError('malformed', `the cosignature of ${signature.name} has no time`)
    if (time > (newest.get(key)?.time ?? 0)) newest.set(key, { time, signature })
  }
  return [...newest.values()].map(({ signature }) => signature)
}

const sentence = (body: Uint8Array): string => {
  try {
    return decodeUtf8(body.subarray(0, 300))
      .replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
      .trim()
  } catch (error) {
    if (!isTlogError(error)) throw error
    return 'an answer that is not text'
  }
}
