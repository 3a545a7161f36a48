/** What the events of security event tokens mean: provisioning by SCIM, sessions and credentials by CAEP, accounts by RISC. */
import type { JsonObject } from '../../event/strict-json.ts'
import { customAction } from './fit.ts'
import { at, type Loose, listOf, objectOf, textAt } from './foreign-json.ts'
import type { ThingDraft } from './item.ts'

/** The event's part that its URI tells. */
export interface Meaning {
  /** Undefined for what is about the stream, not about anybody. */
  readonly action: string | undefined
  /** Of the subject, where the event tells it. */
  readonly kind?: string
  readonly involved?: readonly ThingDraft[]
  readonly after?: JsonObject | undefined
}

/** What one event of a token means. */
export const eventMeaning = (uri: string, event: Loose, subject: Loose): Meaning => {
  // Drafts wrote SCIM in capitals; URNs are compared without regard to it anyway.
  const scim = /^urn:ietf:params:scim:event:(.+)$/i.exec(uri)?.[1]?.toLowerCase()
  if (scim !== undefined) return provisioned(scim, event, subject)
  const name = /\/event-type\/([^/]+)$/.exec(uri)?.[1]
  if (name === undefined) return { action: customAction('set', uri) }
  if (/\/ss[ef]\/event-type\//.test(uri) || /\/risc\/event-type\/verification$/.test(uri)) return { action: undefined }
  if (name === 'credential-change') return { action: credentialAction(event) }
  return { action: actions.get(name) ?? customAction('set', name) }
}

const actions: ReadonlyMap<string, string> = new Map([
  ['session-revoked', 'auth.logout'],
  ['sessions-revoked', 'auth.logout'],
  ['session-established', 'auth.login'],
  ['account-disabled', 'user.disable'],
  ['account-enabled', 'user.enable'],
  ['account-purged', 'user.delete'],
  ['identifier-changed', 'user.update'],
])

/** CAEP: `credential_type` password, pin, x509, fido2-platform, …; `change_type` create, revoke, update, delete. */
const credentialAction = (event: Loose): string => {
  const type = textAt(event, 'credential_type') ?? ''
  const isGone = /^(?:revoke|delete)$/.test(textAt(event, 'change_type') ?? '')
  if (/^(?:password|pin)$/.test(type)) return 'user.password.change'
  if (/^(?:x509|verifiable-credential)$/.test(type)) return isGone ? 'user.key.revoke' : 'user.key.create'
  return isGone ? 'user.mfa.disable' : 'user.mfa.enable'
}

const provisioned = (name: string, event: Loose, subject: Loose): Meaning => {
  const kind = /\/Groups\//i.test(textAt(subject, 'uri') ?? '') ? 'group' : 'user'
  const [family, act, form] = name.split(':')
  const data = at(event, 'data')
  const after = form === 'full' ? objectOf(data) : attributesOf(event)
  if (family === 'prov') {
    if (act === 'create') return { action: `${kind}.create`, kind, after, involved: membersOf(data) }
    if (act === 'delete') return { action: `${kind}.delete`, kind }
    if (act === 'activate' && kind === 'user') return { action: 'user.enable', kind }
    if (act === 'deactivate' && kind === 'user') return { action: 'user.disable', kind }
    if (act === 'patch' || act === 'put')
      return { action: changed(kind, event), kind, after, involved: membersOf(data) }
  }
  // The answer to a request that somebody made.
  if (name === 'misc:asyncresp') return { action: customAction('set', 'asyncresp'), kind: 'request' }
  return { action: customAction('set', `${family}.${act ?? 'unknown'}`), kind }
}

/** A notice names the attributes, and not what they are. */
const attributesOf = (event: Loose): JsonObject | undefined => {
  const names = listOf(at(event, 'attributes'))
  return names.length === 0 ? undefined : { attributes: names }
}

const changed = (kind: string, event: Loose): string => {
  if (kind === 'group') return 'group.update'
  const active = textAt(event, 'data', 'active')
  if (active === 'false') return 'user.disable'
  const names = listOf(at(event, 'attributes'))
  return names.length === 1 && names[0] === 'password' ? 'user.password.change' : 'user.update'
}

const membersOf = (data: Loose): readonly ThingDraft[] =>
  listOf(at(data, 'members')).map((one) => ({ type: 'user', id: textAt(one, 'value'), name: textAt(one, 'display') }))

/** Whom a token is about, by the formats of RFC 9493 and that of SCIM. */
export const subjectOf = (subject: Loose, kind: string | undefined): ThingDraft => {
  const inside = at(subject, 'user') ?? at(subject, 'group') ?? subject
  const type = kind ?? (at(subject, 'group') === undefined ? 'user' : 'group')
  const email = textAt(inside, 'email')
  const id =
    textAt(inside, 'uri')?.replace(/^.*\/(?:Users|Groups)\//i, '') ??
    textAt(inside, 'sub') ??
    textAt(inside, 'id') ??
    email ??
    textAt(inside, 'phone_number') ??
    textAt(inside, 'url') ??
    textAt(at(inside, 'identifiers') === undefined ? undefined : listOf(at(inside, 'identifiers'))[0], 'id')
  return { type, id, name: textAt(inside, 'externalId'), email }
}
