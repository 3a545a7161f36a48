/** Okta: event hooks and the System Log (LogEvent objects). */
import type { Outcome } from '../../event/actions.ts'
import type { JsonObject } from '../../event/strict-json.ts'
import { TlogError } from '../../primitives/error.ts'
import { customAction } from './fit.ts'
import { at, type Loose, listOf, textAt } from './foreign-json.ts'
import { type ActorDraft, itemOf, type Mapped, type ThingDraft } from './item.ts'
import type { SourceFormat } from './source.ts'
import { bytesAt, elementsOf, isArrayAt, membersOf, rootOf, type Span } from './spans.ts'

/** `{"data": {"events": […]}}` of a hook, or an array as the System Log answers it. */
export const okta: SourceFormat = {
  name: 'okta',
  parse: ({ body }) => eventsIn(body).map((span) => itemOf(bytesAt(body, span), mapEvent)),
  // Okta wants an empty answer within three seconds.
  answer: () => ({ status: 204 }),
}

const eventsIn = (body: Uint8Array): readonly Span[] => {
  const root = rootOf(body)
  if (isArrayAt(body, root)) return elementsOf(body, root)
  const data = membersOf(body, root).get('data')
  const events = data === undefined ? undefined : membersOf(body, data).get('events')
  if (events === undefined) throw new TlogError('malformed', 'want {"data": {"events": […]}} or an array of log events')
  return elementsOf(body, events)
}

const mapEvent = (event: JsonObject): Mapped => {
  const uuid = textAt(event, 'uuid')
  const type = textAt(event, 'eventType')
  const targets = listOf(event['target']).map(partyOf)
  const action = actions.get(type ?? '') ?? (type?.startsWith('policy.rule.') ? 'policy.update' : undefined)
  const actor = actorOf(event['actor'])
  const self = { ...actor, type: actor.type === 'anonymous' ? 'unknown' : actor.type }
  const [target = self, ...involved] = ordered(action ?? '', targets, self)
  const client = at(event, 'client')
  return {
    id: uuid,
    time: event['published'],
    action: action ?? customAction('okta', type),
    outcome: outcomeOf(textAt(event, 'outcome', 'result')),
    actor: { ...actor, session: textAt(event, 'authenticationContext', 'externalSessionId') },
    target,
    with: involved,
    source: { ip: at(client, 'ipAddress'), ua: at(client, 'userAgent', 'rawUserAgent') },
    reason: textAt(event, 'outcome', 'reason'),
    service: appOf(action, targets),
    msg: event['displayMessage'],
    corr: textAt(event, 'transaction', 'id'),
    src_id: uuid,
  }
}

const actions: ReadonlyMap<string, string> = new Map([
  ['user.session.start', 'auth.login'],
  ['user.session.end', 'auth.logout'],
  ['user.session.clear', 'auth.logout'],
  ['user.session.impersonation.initiate', 'auth.impersonate'],
  ['user.authentication.sso', 'session.grant'],
  ['app.oauth2.token.grant', 'session.grant'],
  ['app.oauth2.as.token.grant', 'session.grant'],
  ['user.lifecycle.create', 'user.create'],
  ['user.lifecycle.activate', 'user.enable'],
  ['user.lifecycle.reactivate', 'user.enable'],
  ['user.lifecycle.unsuspend', 'user.enable'],
  ['user.lifecycle.suspend', 'user.disable'],
  ['user.lifecycle.deactivate', 'user.disable'],
  ['user.lifecycle.delete.completed', 'user.delete'],
  ['user.account.lock', 'user.lock'],
  ['user.account.lock.limit', 'user.lock'],
  ['user.account.unlock', 'user.unlock'],
  ['user.account.unlock_by_admin', 'user.unlock'],
  ['user.account.update_password', 'user.password.change'],
  ['user.account.reset_password', 'user.password.reset'],
  ['user.account.expire_password', 'user.password.reset'],
  ['user.account.update_profile', 'user.update'],
  ['user.account.privilege.grant', 'user.privilege.grant'],
  ['user.account.privilege.revoke', 'user.privilege.revoke'],
  ['user.mfa.factor.activate', 'user.mfa.enable'],
  ['user.mfa.factor.deactivate', 'user.mfa.disable'],
  ['user.mfa.factor.reset_all', 'user.mfa.disable'],
  ['application.user_membership.add', 'user.privilege.grant'],
  ['application.user_membership.remove', 'user.privilege.revoke'],
  ['system.api_token.create', 'user.key.create'],
  ['system.api_token.revoke', 'user.key.revoke'],
  ['group.lifecycle.create', 'group.create'],
  ['group.lifecycle.delete', 'group.delete'],
  ['group.profile.update', 'group.update'],
  ['group.user_membership.add', 'group.member.add'],
  ['group.user_membership.remove', 'group.member.remove'],
  ['group.privilege.grant', 'group.privilege.grant'],
  ['group.privilege.revoke', 'group.privilege.revoke'],
  ['group.application_assignment.add', 'group.privilege.grant'],
  ['group.application_assignment.remove', 'group.privilege.revoke'],
  ['iam.role.create', 'role.create'],
  ['iam.role.update', 'role.update'],
  ['iam.role.delete', 'role.delete'],
  ['iam.role.permissions.add', 'role.privilege.grant'],
  ['iam.role.permissions.delete', 'role.privilege.revoke'],
  ['policy.lifecycle.create', 'policy.create'],
  ['policy.lifecycle.update', 'policy.update'],
  ['policy.lifecycle.delete', 'policy.delete'],
  ['policy.lifecycle.activate', 'policy.enable'],
  ['policy.lifecycle.deactivate', 'policy.disable'],
])

const kinds: ReadonlyMap<string, string> = new Map([
  ['User', 'user'],
  ['AppUser', 'app-user'],
  ['UserGroup', 'group'],
  ['PublicClientApp', 'app'],
  ['AppInstance', 'app'],
  ['PolicyEntity', 'policy'],
])

const partyOf = (target: Loose): ThingDraft => {
  const type = textAt(target, 'type')
  const login = textAt(target, 'alternateId')
  return {
    type: kinds.get(type ?? '') ?? type?.replaceAll(/([a-z])([A-Z])/g, '$1-$2'),
    id: textAt(target, 'id') ?? login,
    name: textAt(target, 'displayName'),
    email: type === 'User' && login?.includes('@') ? login : undefined,
  }
}

/** First what the action is about: of user.* the user, of group.* the group, whatever stands first in the event. */
const ordered = (action: string, targets: readonly ThingDraft[], self: ThingDraft): readonly ThingDraft[] => {
  const isSigningIn = action.startsWith('auth.')
  const kind = isSigningIn ? 'user' : action.replace(/\..*$/s, '')
  const first = targets.find(({ type }) => type === kind)
  if (first !== undefined) return [first, ...targets.filter((one) => one !== first)]
  // Signing in is about oneself; so is what names no target.
  return isSigningIn ? [self, ...targets] : targets
}

const actorOf = (actor: Loose): ActorDraft => {
  const { type, id, name, email } = partyOf(actor)
  // Requests without a session have an actor "unknown".
  if (id === undefined || id === 'unknown') return { type: 'anonymous', id: undefined }
  if (type === 'user') return { type: 'user', id, name, email }
  if (type === 'app') return { type: 'app', id, name }
  return { type: 'system', id, name }
}

const appOf = (action: string | undefined, targets: readonly ThingDraft[]): Loose =>
  action === 'auth.login' || action === 'session.grant' ? targets.find(({ type }) => type === 'app')?.name : undefined

const outcomes: ReadonlyMap<string, Outcome> = new Map([
  ['SUCCESS', 'success'],
  ['ALLOW', 'success'],
  ['FAILURE', 'failure'],
  ['DENY', 'denied'],
])

const outcomeOf = (result: string | undefined): Outcome => outcomes.get(result ?? '') ?? 'unknown'
