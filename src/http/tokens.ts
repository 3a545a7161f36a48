/** Bearer tokens: kept as hashes, compared in constant time, each with a role. */
import { timingSafeEqual } from 'node:crypto'
import { encodeUtf8 } from '../primitives/bytes.ts'
import { TlogError } from '../primitives/error.ts'
import { decodeHex, encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'

/** What a token may do: `append` writes and nothing else. Reads are public. */
export type Role = 'append'

/** A token as it is stored. */
export interface StoredToken {
  readonly role: Role
  /** SHA-256 of the token's text. Tokens are 256 random bits, so a slow hash would protect nothing. */
  readonly hash: Uint8Array
  /** What the operator calls it; no spaces. */
  readonly label: string
}

/** The hash under which a token is stored. */
export const hashToken = (token: string): Uint8Array => sha256(encodeUtf8(token))

/** The lines of a token file: role, hash in hex, label. */
export const formatTokens = (tokens: readonly StoredToken[]): string =>
  tokens.map(({ role, hash, label }) => `${role} ${encodeHex(hash)} ${label}\n`).join('')

/** Parses a token file. Throws `malformed`, naming the line. */
export const parseTokens = (text: string): readonly StoredToken[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line, i) => {
      const [role, hash, label, ...more] = line.split(' ')
      if (role !== 'append' || hash?.length !== 64 || label === undefined || more.length > 0) {
        throw new TlogError('malformed', `line ${i + 1} of the token file is not "append <sha-256 in hex> <label>"`)
      }
      return { role, hash: decodeHex(hash), label }
    })

/**
 * Checks the Authorization header for a token with `role`. Throws `unauthorized` for no or an unknown token. Takes as
 * long for a token that is wrong in its first byte as for one that is wrong in its last.
 */
export const requireToken = (header: string | undefined, tokens: readonly StoredToken[], role: Role): void => {
  const match = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(header ?? '')
  const token = match?.[1]
  if (token === undefined) throw new TlogError('unauthorized', 'want "Authorization: Bearer <append token>"')
  const given = hashToken(token)
  let known = false
  for (const stored of tokens) if (timingSafeEqual(given, stored.hash) && stored.role === role) known = true
  if (!known) throw new TlogError('unauthorized', 'the token is not known')
}

/** Compares without telling by the time it takes where they differ; their lengths are no secret. */
export const equalSecrets = (a: string, b: string): boolean => {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return difference === 0
}
