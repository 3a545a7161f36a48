/** Bearer tokens: the file that keeps them as hashes, each with a role, and the table by which a server knows them. */
import { timingSafeEqual } from 'node:crypto'
import { OWN_SOURCE } from '../audit/own-events.ts'
import { isSourceName } from '../event/leaf.ts'
import { parseTime } from '../event/time.ts'
import { encodeUtf8 } from '../primitives/bytes.ts'
import type { Clock } from '../primitives/clock.ts'
import { TlogError } from '../primitives/error.ts'
import { decodeHex, encodeHex } from '../primitives/hex.ts'
import { sha256 } from '../primitives/sha256.ts'

/** All roles (spec/access.md). */
export const roles = ['append', 'read', 'audit', 'admin'] as const

/** What a token may do: access.ts has the table. */
export type Role = (typeof roles)[number]

/** True for the name of a role. */
export const isRole = (text: string): text is Role => (roles as readonly string[]).includes(text)

/** A token as it is stored. */
export interface StoredToken {
  readonly role: Role
  /** SHA-256 of the token's text. Tokens are 256 random bits, so a slow hash would protect nothing. */
  readonly hash: Uint8Array
  /** What the operator calls it; no spaces. */
  readonly label: string
  /** Of an `append` token: the source whose events it sends. Without it that is the label, where it can be one. */
  readonly source?: string
  /** The tenant that it is bound to; without it all. Not of an `admin` token. */
  readonly tenant?: string
  /** From then on it is unknown: RFC 3339 with `Z`, as it was written. */
  readonly expires?: string
}

/** The hash under which a token is stored. */
export const hashToken = (token: string): Uint8Array => sha256(encodeUtf8(token))

/** True for what a token may be bound to as its source; the log's own name is not for others. */
export const isTokenSource = (text: string): boolean => isSourceName(text) && text !== OWN_SOURCE

/** True for the name of a tenant. spec: 1 to 64 of `a`–`z`, `0`–`9`, `.`, `_`, `-`. */
export const isTenantName = (text: string): boolean => /^[a-z0-9._-]{1,64}$/.test(text)

/** True for a time of RFC 3339 with `Z`, in capitals. */
export const isExpiry = (text: string): boolean => /^[^tz]+Z$/.test(text) && parseTime(text) !== undefined

/** The source whose events a token sends; undefined when it may send none. */
export const sourceOfToken = ({ role, source, label }: Omit<StoredToken, 'hash'>): string | undefined => {
  if (role !== 'append') return undefined
  return source ?? (isTokenSource(label) ? label : undefined)
}

/** When a token stops to count, in milliseconds since the Unix epoch; Infinity for one that does not. */
export const expiryOf = ({ expires }: Pick<StoredToken, 'expires'>): number =>
  expires === undefined ? Number.POSITIVE_INFINITY : (parseTime(expires) ?? Number.NEGATIVE_INFINITY)

/** What may follow the label, in this order, each once. */
const attributes = [
  { name: 'source', isValue: isTokenSource, isFor: (role: Role) => role === 'append' },
  { name: 'tenant', isValue: isTenantName, isFor: (role: Role) => role !== 'admin' },
  { name: 'expires', isValue: isExpiry, isFor: (_: Role) => true },
] as const

/** The lines of a token file: role, hash in hex, label, attributes. */
export const formatTokens = (tokens: readonly StoredToken[]): string =>
  tokens.map((token) => `${token.role} ${encodeHex(token.hash)} ${token.label}${formatAttributes(token)}\n`).join('')

/** The attributes of a token as they stand in its line, with a space before each. */
export const formatAttributes = (token: Pick<StoredToken, 'source' | 'tenant' | 'expires'>): string =>
  attributes.map(({ name }) => (token[name] === undefined ? '' : ` ${name}=${token[name]}`)).join('')

/**
 * Parses a token file. Throws `malformed`, naming the line and quoting nothing of it: what stands in the wrong place of
 * such a file may be a token.
 */
export const parseTokens = (text: string): readonly StoredToken[] => {
  const rightsOf = new Map<string, string>()
  return text.split('\n').flatMap((line, i) => {
    if (line === '' || line.startsWith('#')) return []
    const wrong = (what: string): TlogError => new TlogError('malformed', `line ${i + 1} of the token file: ${what}`)
    const token = parseLine(line, wrong)
    const key = encodeHex(token.hash)
    const rights = `${token.role}${formatAttributes(token)}`
    // Two lines for one token would leave it to chance what it may do.
    if ((rightsOf.get(key) ?? rights) !== rights) throw wrong('the hash of an earlier line, with other rights')
    rightsOf.set(key, rights)
    return [token]
  })
}

const parseLine = (line: string, wrong: (what: string) => TlogError): StoredToken => {
  const [role = '', hash = '', label = '', ...rest] = line.split(' ')
  if (!/^[0-9a-f]{64}$/.test(hash) || label === '') throw wrong('want "<role> <sha-256 in hex> <label>"')
  if (!isRole(role)) throw wrong(`want one of the roles ${roles.join(', ')}`)
  return { role, hash: decodeHex(hash), label, ...parseAttributes(rest, role, wrong) }
}

const parseAttributes = (
  texts: readonly string[],
  role: Role,
  wrong: (what: string) => TlogError,
): Pick<StoredToken, 'source' | 'tenant' | 'expires'> => {
  let next = 0
  const found = texts.map((text) => {
    const at = attributes.findIndex(({ name }, i) => i >= next && text.startsWith(`${name}=`))
    const attribute = attributes[at]
    if (attribute === undefined)
      throw wrong('after the label want source=, tenant= and expires=, in this order, each once')
    next = at + 1
    const { name, isValue, isFor } = attribute
    const value = text.slice(name.length + 1)
    if (!isFor(role)) throw wrong(`${name}= is not for the role ${role}`)
    if (!isValue(value)) throw wrong(`this cannot be the value of ${name}=`)
    return [name, value] as const
  })
  return Object.fromEntries(found)
}

/** The token of `Authorization: Bearer <token>`; undefined for other forms. */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(header ?? '')?.[1]

/**
 * The tokens that a server knows. One table lives as long as the server; when the file changes, what it says now is put
 * into it (`replace`), and counts from the next request on.
 */
export class TokenTable {
  readonly #clock: Clock
  /** By the first four bytes of their hashes. */
  #known: ReadonlyMap<number, readonly Known[]> = new Map()

  constructor(tokens: readonly StoredToken[], clock: Clock) {
    this.#clock = clock
    this.replace(tokens)
  }

  /** Makes these the tokens, at once and all together. Of two with the same hash the first counts. */
  replace(tokens: readonly StoredToken[]): void {
    const known = new Map<number, Known[]>()
    for (const token of tokens) {
      const start = startOf(token.hash)
      const others = known.get(start) ?? []
      known.set(start, [...others, { token, until: expiryOf(token) }])
    }
    this.#known = known
  }

  /**
   * The stored token of this text; undefined when there is none or it has expired. Costs one hash however many there are.
   *
   * Its time tells no more than whether a stored hash begins with the same four bytes as that of what was presented, and
   * whoever knew all of a stored hash would be no nearer to the token, which is 256 random bits. The rest is compared in
   * constant time.
   */
  find(token: string): StoredToken | undefined {
    const given = hashToken(token)
    for (const { token: stored, until } of this.#known.get(startOf(given)) ?? [])
      if (timingSafeEqual(given, stored.hash)) return this.#clock() < until ? stored : undefined
    return undefined
  }
}

interface Known {
  readonly token: StoredToken
  /** In milliseconds since the Unix epoch. */
  readonly until: number
}

const startOf = (hash: Uint8Array): number =>
  (hash[0] ?? 0) * 2 ** 24 + (hash[1] ?? 0) * 2 ** 16 + (hash[2] ?? 0) * 2 ** 8 + (hash[3] ?? 0)
