/** Access: who is asking, and what a role may do (spec/access.md). */
import { TlogError } from '../primitives/error.ts'
import { bearerOf, type Role, type StoredToken, sourceOfToken, type TokenTable } from './tokens.ts'

/** All that is asked leave for. */
export const accessActions = [
  'raw.append',
  'event.send',
  'event.read',
  'event.prove',
  'event.search',
  'personal.read',
  'admin',
] as const

/** One of them. */
export type AccessAction = (typeof accessActions)[number]

/** Who is asking. */
export interface Access {
  readonly role: Role
  /** What the operator calls the token. */
  readonly label: string
  /** The one source whose events it may send; absent when it may send none. */
  readonly source?: string
  /** The one tenant whose events there are for it; absent when all are. */
  readonly tenant?: string
}

const allowed: Readonly<Record<Role, readonly AccessAction[]>> = {
  append: ['raw.append', 'event.send'],
  read: ['event.read', 'event.prove', 'event.search', 'personal.read'],
  audit: ['event.read', 'event.prove', 'event.search'],
  admin: ['admin'],
}

/** About the log as a whole, so not for those who are bound to a tenant. */
const wholeLog: readonly AccessAction[] = ['raw.append', 'admin']

/** True when the role has the action. Who is bound to a tenant may still not have it: `may` knows. */
export const allows = (role: Role, action: AccessAction): boolean => allowed[role].includes(action)

/** True when `access` may do this with an event of `tenant`, or with one that has no tenant. */
export const may = (access: Access, action: AccessAction, tenant: string | undefined): boolean => {
  if (!allows(access.role, action)) return false
  return access.tenant === undefined || (access.tenant === tenant && !wholeLog.includes(action))
}

/**
 * True when there is an event of this tenant for `access`. Where it is false, the answer MUST be that for an index without
 * an event, to the letter: it must not show that there is one.
 */
export const mayRead = (access: Access, tenant: string | undefined): boolean => may(access, 'event.read', tenant)

/**
 * Throws `forbidden` unless `access` may do this with events of some tenant, or to the log as a whole: what a route asks
 * first, before anything is looked up.
 */
export const requireAction = (access: Access, action: AccessAction): void => {
  if (!allows(access.role, action))
    throw new TlogError('forbidden', `a token with the role ${access.role} may not do this, which takes ${action}`)
  if (!may(access, action, access.tenant))
    throw new TlogError('forbidden', `a token that is bound to a tenant may not do this, which takes ${action}`)
}

/** The source whose events `access` sends. Throws `forbidden` when it may send none. */
export const requireSource = (access: Access): string => {
  requireAction(access, 'event.send')
  if (access.source === undefined)
    throw new TlogError('forbidden', 'the token is bound to no source, so it may not send events')
  return access.source
}

/** Who asks, from the Authorization header, for what. Throws `unauthorized`, and `forbidden` unless they may. */
export type Ask = (authorization: string | undefined, action: AccessAction) => Access

/** Asks an authenticator. */
export const askOf =
  (authenticator: Authenticator): Ask =>
  (authorization, action) => {
    const access = authenticator.authenticate(authorization)
    requireAction(access, action)
    return access
  }

/** Lets everybody send and read: on loopback, where it was asked for. */
export const askAnyone: Ask = (_, action) =>
  allows('append', action) ? { role: 'append', label: 'open', source: 'open' } : { role: 'read', label: 'open' }

/** Says who is asking. Implementations must say the same to every credential that they do not take. */
export interface Authenticator {
  /** From the Authorization header. Throws `unauthorized` for no credential, and for one that is unknown or expired. */
  authenticate(header: string | undefined): Access
}

/** An authenticator for one form of credentials, which it can tell from others without knowing any. */
export interface CredentialForm extends Authenticator {
  /** True for a header of this form. Must not depend on which credentials are known. */
  recognises(header: string): boolean
}

/** The tokens of the token file: `Authorization: Bearer <token>`. */
export const tokenAuthenticator = (table: Pick<TokenTable, 'find'>): CredentialForm => ({
  recognises: (header) => bearerOf(header) !== undefined,
  authenticate: (header) => {
    const text = bearerOf(header)
    if (text === undefined) throw nothingGiven()
    const token = table.find(text)
    if (token === undefined) throw new TlogError('unauthorized', 'the token is not known')
    return accessOf(token)
  },
})

/** Joins forms: the first that recognises the credential decides, so the narrower ones go first. */
export const firstOf = (forms: readonly CredentialForm[]): Authenticator => ({
  authenticate: (header) => {
    const form = header === undefined ? undefined : forms.find((one) => one.recognises(header))
    if (form === undefined) throw nothingGiven()
    return form.authenticate(header)
  },
})

const nothingGiven = (): TlogError => new TlogError('unauthorized', 'want "Authorization: Bearer <token>"')

/** Who is asking with this token. */
const accessOf = (token: StoredToken): Access => {
  const source = sourceOfToken(token)
  return {
    role: token.role,
    label: token.label,
    ...(source !== undefined && { source }),
    ...(token.tenant !== undefined && { tenant: token.tenant }),
  }
}
