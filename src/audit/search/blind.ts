/** Blinding: a term at rest is a keyed digest, which says nothing to anybody who has the database alone. */
import { treeHasher } from '../../merkle/hasher.ts'
import { concatBytes, encodeUtf8 } from '../../primitives/bytes.ts'
import { HASH_SIZE } from '../../primitives/hash.ts'
import type { Subjects } from '../subjects.ts'
import { fields, type Term } from './segment.ts'

/** A term as it is looked for: in the clear in memory, blinded in the database. */
export interface BlindTerm extends Term {
  /** 32 bytes. */
  readonly digest: Uint8Array
}

/** Blinds with the key of a table of subjects. */
export class Blinder {
  readonly #key: Uint8Array

  constructor(subjects: Pick<Subjects, 'tag'>) {
    this.#key = subjects.tag('search\0key')
  }

  /**
   * SHA-256(0x00 ‖ key ‖ field ‖ value) of each term, one behind the other. One keyed digest for all terms makes the key of
   * these, because an HMAC for each costs five times as much as hashing four of them at a time. Only parts of the digests are
   * kept, so no digest can be extended to that of a longer term.
   */
  blind(terms: readonly Term[]): Uint8Array {
    const out = new Uint8Array(terms.length * HASH_SIZE)
    const messages = terms.map((term) => this.#message(term))
    treeHasher().hashLeaves(messages, out)
    return out
  }

  #message({ field, value }: Term): Uint8Array {
    const start = this.#key.length + 1
    const message = new Uint8Array(start + value.length)
    message.set(this.#key)
    message[this.#key.length] = fields.indexOf(field)
    // Nearly all are ASCII, for which an encoder takes three times as long.
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return concatBytes(message.subarray(0, start), encodeUtf8(value))
      message[start + i] = unit
    }
    return message
  }

  /** The terms with their digests. */
  blindTerms(terms: readonly Term[]): readonly BlindTerm[] {
    const digests = this.blind(terms)
    return terms.map((term, i) => ({ ...term, digest: digests.slice(i * HASH_SIZE, (i + 1) * HASH_SIZE) }))
  }

  /** Eight bytes that tell a text from others, and nothing else of it. */
  mark(text: string): Uint8Array {
    return this.blind([{ field: 'all', value: `mark\0${text}` }]).slice(0, 8)
  }
}
