/** Keycloak: user events and admin events, as its representations and the common event listeners write them. */
import type { Outcome } from '../../event/actions.ts'
import type { JsonObject } from '../../event/strict-json.ts'
import { customAction, hashId, timeOfMillis } from './fit.ts'
import { at, jsonIn, objectOf, textAt } from './foreign-json.ts'
import { type Draft, itemOf, type Mapped } from './item.ts'
import { adminMeaning } from './keycloak-admin.ts'
import { countingAnswer, type SourceFormat } from './source.ts'
import { bytesAt, elementsOf, isArrayAt, rootOf } from './spans.ts'

/** One event, or an array of them, of either kind. */
export const keycloak: SourceFormat = {
  name: 'keycloak',
  parse: ({ body }) => {
    const root = rootOf(body)
    const spans = isArrayAt(body, root) ? elementsOf(body, root) : [root]
    return spans.map((span) => itemOf(bytesAt(body, span), mapEvent))
  },
  answer: countingAnswer,
}

const mapEvent = (event: JsonObject, raw: Uint8Array): Mapped => {
  const id = textAt(event, 'id') ?? textAt(event, 'uid')
  // Listeners put the kind before the type: access.LOGIN, admin.USER-CREATE.
  const [, prefix, type = ''] = /^(?:(access|admin)\.)?(.*)$/s.exec(textAt(event, 'type') ?? '') ?? []
  const isAdmin = prefix === 'admin' || textAt(event, 'operationType') !== undefined
  if (!isAdmin && type === '') return { code: 'missing', reason: 'want a type, or an operationType and a resourceType' }
  const time = event['time']
  const common = {
    id: id ?? hashId(raw),
    time: timeOfMillis(time) ?? time,
    reason: textAt(event, 'error'),
    src_id: id,
  }
  return isAdmin ? ofAdmin(event, type, common) : ofUser(event, type, common)
}

type Common = Pick<Draft, 'id' | 'time' | 'reason' | 'src_id'>

const userActions: ReadonlyMap<string, string> = new Map([
  ['LOGIN', 'auth.login'],
  ['IDENTITY_PROVIDER_LOGIN', 'auth.login'],
  ['LOGOUT', 'auth.logout'],
  ['IMPERSONATE', 'auth.impersonate'],
  ['REGISTER', 'user.create'],
  ['UPDATE_PROFILE', 'user.update'],
  ['UPDATE_EMAIL', 'user.update'],
  ['VERIFY_EMAIL', 'user.update'],
  ['DELETE_ACCOUNT', 'user.delete'],
  ['USER_DISABLED_BY_PERMANENT_LOCKOUT', 'user.lock'],
  ['USER_DISABLED_BY_TEMPORARY_LOCKOUT', 'user.lock'],
  ['UPDATE_PASSWORD', 'user.password.change'],
  ['RESET_PASSWORD', 'user.password.reset'],
  ['UPDATE_TOTP', 'user.mfa.enable'],
  ['REMOVE_TOTP', 'user.mfa.disable'],
  ['CODE_TO_TOKEN', 'session.grant'],
  ['REFRESH_TOKEN', 'session.grant'],
  ['TOKEN_EXCHANGE', 'session.grant'],
  ['CLIENT_LOGIN', 'session.grant'],
  ['PERMISSION_TOKEN', 'session.grant'],
  ['USER_INFO_REQUEST', 'access.read'],
  ['INTROSPECT_TOKEN', 'access.read'],
])

/** Credentials of either kind come under one type since Keycloak 24. */
const credentialAction = (type: string, credential: string | undefined): string | undefined => {
  if (type === 'UPDATE_CREDENTIAL') return credential === 'password' ? 'user.password.change' : 'user.mfa.enable'
  return type === 'REMOVE_CREDENTIAL' ? 'user.mfa.disable' : undefined
}

const ofUser = (event: JsonObject, type: string, common: Common): Mapped => {
  const details = at(event, 'details')
  const error = textAt(event, 'error')
  const base = type.replace(/_ERROR$/, '')
  const action = userActions.get(base) ?? credentialAction(base, textAt(details, 'credential_type'))
  const client = textAt(event, 'clientId')
  const name = textAt(details, 'username')
  const isClient = base === 'CLIENT_LOGIN'
  const id = textAt(event, 'userId') ?? (isClient ? client : undefined)
  const impersonator = textAt(details, 'impersonator')
  return {
    ...common,
    action: action ?? customAction('keycloak', base),
    outcome: outcomeOf(error, base !== type),
    actor:
      impersonator === undefined
        ? { type: isClient ? 'service' : 'user', id, name, session: event['sessionId'] }
        : { type: 'admin', id: impersonator, session: event['sessionId'] },
    target: { type: isClient ? 'service' : 'user', id, name, email: at(details, 'email') },
    source: { ip: event['ipAddress'] },
    service: client,
    msg: type,
    corr: textAt(details, 'code_id') ?? textAt(event, 'sessionId'),
  }
}

const ofAdmin = (event: JsonObject, type: string, common: Common): Mapped => {
  const error = textAt(event, 'error')
  const [typed, done] = type.split('-', 2)
  const resource = textAt(event, 'resourceType') ?? typed ?? ''
  const operation = textAt(event, 'operationType') ?? done ?? ''
  const path = textAt(event, 'resourcePath') ?? ''
  const state = jsonIn(event['representation']) ?? event['representation']
  const auth = at(event, 'authDetails')
  const { action, target, involved = [] } = adminMeaning({ resource, operation, path, state })
  const outcome = outcomeOf(error, false)
  const isStored = outcome === 'success' && /^(?:CREATE|UPDATE)$/.test(operation)
  return {
    ...common,
    action,
    outcome,
    actor: {
      type: 'admin',
      id: textAt(auth, 'userId'),
      name: textAt(auth, 'username'),
      session: at(auth, 'sessionId'),
    },
    target,
    with: involved,
    after: isStored ? objectOf(state) : undefined,
    source: { ip: at(auth, 'ipAddress'), app: at(auth, 'clientId') },
    msg: `${operation} ${resource} ${path}`,
  }
}

const outcomeOf = (error: string | undefined, isError: boolean): Outcome => {
  if (error !== undefined && /^(?:access_denied|not_allowed|forbidden|unauthorized)$/i.test(error)) return 'denied'
  return error !== undefined || isError ? 'failure' : 'success'
}
