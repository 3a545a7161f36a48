/** Auth0: tenant log events, as log streams of the kind "custom webhook" deliver them. */
import type { Outcome } from '../../event/actions.ts'
import type { JsonObject } from '../../event/strict-json.ts'
import { managementMeaning } from './auth0-management.ts'
import { customAction } from './fit.ts'
import { at, type Loose, textAt } from './foreign-json.ts'
import { outcomeOfStatus } from './http-method.ts'
import { type ActorDraft, itemOf, type Mapped } from './item.ts'
import { recordsIn } from './records.ts'
import { countingAnswer, type SourceFormat } from './source.ts'
import { bytesAt } from './spans.ts'

/** One event, an array, `{"logs": […]}` or JSON lines; each `{"log_id", "data"}`, or flat as the Management API answers it. */
export const auth0: SourceFormat = {
  name: 'auth0',
  parse: ({ body }) => recordsIn(body, 'logs').map((span) => itemOf(bytesAt(body, span), mapEvent)),
  answer: countingAnswer,
}

const mapEvent = (event: JsonObject): Mapped => {
  const data = at(event, 'data') ?? event
  const id = textAt(event, 'log_id') ?? textAt(data, 'log_id')
  const type = textAt(data, 'type')
  const request = at(data, 'details', 'request')
  const isManagement = type === 'sapi' || type === 'fapi' || type === 'mgmt_api_read'
  const self: ActorDraft = { type: 'user', id: textAt(data, 'user_id'), name: textAt(data, 'user_name') }
  const [action = customAction('auth0', type), outcome = outcomeOf(type)] = codes.get(type ?? '') ?? []
  const meaning = isManagement ? managementMeaning(at(data, 'details')) : { action, target: self, involved: [] }
  const common = { id, time: at(data, 'date'), src_id: id, msg: at(data, 'description') ?? type }
  const failed = textAt(data, 'details', 'error', 'message') ?? textAt(data, 'details', 'response', 'body', 'message')
  const status = at(data, 'details', 'response', 'statusCode')
  const went = isManagement && status !== undefined ? outcomeOfStatus(status) : outcome
  return {
    ...common,
    ...meaning,
    outcome: went,
    actor: isManagement ? callerOf(data) : self,
    with: meaning.involved,
    source: { ip: at(data, 'ip') ?? at(request, 'ip'), ua: at(data, 'user_agent') ?? at(request, 'userAgent') },
    reason: went === 'success' ? undefined : (failed ?? textAt(data, 'description')),
    service: at(data, 'client_name') ?? at(data, 'client_id'),
    corr: at(data, 'session_id') ?? at(data, 'details', 'session_id'),
  }
}

type Code = readonly [action: string, outcome?: Outcome]

const all = (codes: string, ...code: Code): readonly (readonly [string, Code])[] =>
  codes.split(' ').map((one) => [one, code])

/** Codes of the log event types; the outcome of those without one is told by their first letter. */
const codes: ReadonlyMap<string, Code> = new Map([
  ...all('s f fu fp scoa fcoa', 'auth.login'),
  ...all('pwd_leak', 'auth.login', 'denied'),
  ...all('slo flo', 'auth.logout'),
  ...all('ss fs', 'user.create'),
  ...all('signup_pwd_leak', 'user.create', 'denied'),
  ...all('sce fce scu fcu scpn fcpn sv fv', 'user.update'),
  ...all('sdu fdu', 'user.delete'),
  ...all('scp fcp', 'user.password.change'),
  ...all('limit_wc limit_sul', 'user.lock', 'success'),
  ...all('ublkdu', 'user.unlock', 'success'),
  ...all('gd_enrollment_complete', 'user.mfa.enable', 'success'),
  ...all('gd_unenroll gd_user_delete', 'user.mfa.disable', 'success'),
  ...all('ssa fsa seacft feacft seccft feccft sede fede sens fens', 'session.grant'),
  ...all('sepft fepft sercft fercft sertft fertft seoobft feoobft seotpft feotpft', 'session.grant'),
])

const outcomeOf = (type = ''): Outcome => {
  if (/^limit_|_rejected$/.test(type)) return 'denied'
  if (/^f|_fail(?:ed|ure)?$/.test(type)) return 'failure'
  return /^s|_succeed$/.test(type) ? 'success' : 'unknown'
}

/** Somebody in the dashboard, or a program with credentials of its own. */
const callerOf = (data: Loose): ActorDraft => {
  const user = at(data, 'details', 'request', 'auth', 'user')
  const id = textAt(user, 'user_id') ?? textAt(data, 'user_id')
  if (id !== undefined)
    return { type: 'admin', id, name: at(user, 'name') ?? at(data, 'user_name'), email: at(user, 'email') }
  return { type: 'app', id: at(data, 'client_id'), name: at(data, 'client_name') }
}
