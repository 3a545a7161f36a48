/** AWS CloudTrail: files of records, and single records as EventBridge hands them on (CloudTrail record contents, 1.11). */
import type { Outcome } from '../../event/actions.ts'
import type { JsonObject } from '../../event/strict-json.ts'
import { TlogError } from '../../primitives/error.ts'
import { accessAction, iamRule, isGrant, signInAction } from './cloudtrail-actions.ts'
import { iamArn, iamParty, resourcesOf } from './cloudtrail-target.ts'
import { customAction } from './fit.ts'
import { at, type Loose, textAt } from './foreign-json.ts'
import { type ActorDraft, itemOf, type Mapped, type ThingDraft } from './item.ts'
import { countingAnswer, type SourceFormat } from './source.ts'
import { bytesAt, elementsOf, membersOf, rootOf, type Span } from './spans.ts'

/** `{"Records": […]}`, one event of EventBridge, or one bare record. */
export const cloudtrail: SourceFormat = {
  name: 'cloudtrail',
  parse: ({ body }) => recordsIn(body).map((span) => itemOf(bytesAt(body, span), mapRecord)),
  answer: countingAnswer,
}

const recordsIn = (body: Uint8Array): readonly Span[] => {
  const root = rootOf(body)
  const members = membersOf(body, root)
  const records = members.get('Records')
  if (records !== undefined) return elementsOf(body, records)
  const detail = members.get('detail')
  if (detail !== undefined && members.has('detail-type')) return [detail]
  if (members.has('eventID')) return [root]
  throw new TlogError('malformed', 'want {"Records": […]}, a record, or an event of EventBridge')
}

const mapRecord = (record: JsonObject): Mapped => {
  const source = textAt(record, 'eventSource')
  if (source === 'aws:s3' || (at(record, 'bucket') !== undefined && at(record, 'object') !== undefined))
    return {
      code: 'notification',
      reason: 'says that an object is in S3: whoever may read it has to send what is in it',
    }
  const name = textAt(record, 'eventName') ?? ''
  const { action, target, involved } = meaningOf(record, source, name)
  const outcome = outcomeOf(record)
  const ip = textAt(record, 'sourceIPAddress')
  const isAddress = ip !== undefined && /^[0-9a-f.:]+$/i.test(ip)
  return {
    id: textAt(record, 'eventID'),
    time: record['eventTime'],
    action,
    outcome,
    actor: actorOf(record),
    target,
    with: involved,
    after: outcome === 'success' && CHANGES.test(action) ? record['requestParameters'] : undefined,
    source: {
      ip: isAddress ? ip : undefined,
      ua: record['userAgent'],
      // A service of AWS that acts for the caller stands where the address would.
      app: textAt(record, 'userIdentity', 'invokedBy') ?? (isAddress ? undefined : ip),
    },
    reason: reasonOf(record),
    service: source,
    msg: `${(source ?? 'aws').replace(/\.amazonaws\.com$/, '')}:${name === '' ? 'unknown' : name}`,
    corr: record['requestID'],
    src_id: record['eventID'],
  }
}

/** After these there is something that was not there before. */
const CHANGES = /\.(?:create|update|attach|add|assign|grant|enable|reset)$/

interface Meaning {
  readonly action: string
  readonly target: ThingDraft
  readonly involved: readonly ThingDraft[]
}

const meaningOf = (record: JsonObject, source: string | undefined, name: string): Meaning => {
  const rule = source === 'iam.amazonaws.com' ? iamRule(name, record['requestParameters']) : undefined
  if (rule !== undefined) {
    const target = iamParty(record, rule.target)
    return { action: rule.action, target, involved: rule.with === undefined ? [] : [iamParty(record, rule.with)] }
  }
  const [target, ...involved] = resourcesOf(record, name)
  if (source === 'signin.amazonaws.com') return signIn(record, name, target)
  if (source === 'sts.amazonaws.com' && isGrant(name))
    return { action: 'session.grant', target: granted(record, target), involved: [] }
  if (name === '') return { action: customAction('cloudtrail', textAt(record, 'eventType')), target, involved }
  return { action: accessAction(name, record['readOnly']), target, involved }
}

/** Signing in is about oneself, switching about the role. */
const signIn = (record: JsonObject, name: string, resource: ThingDraft): Meaning => {
  const action = signInAction(name)
  if (action === undefined) return { action: customAction('cloudtrail', name), target: resource, involved: [] }
  const switched = textAt(record, 'additionalEventData', 'SwitchTo')
  if (action === 'auth.impersonate' && switched !== undefined)
    return { action, target: { type: 'role', id: switched }, involved: [] }
  const { id, name: shown } = actorOf(record)
  return { action, target: { type: 'user', id, name: shown }, involved: [] }
}

/** Credentials are of a role, or of a user. */
const granted = (record: JsonObject, resource: ThingDraft): ThingDraft => {
  const arn = textAt(record, 'requestParameters', 'roleArn') ?? textAt(resource.id)
  if (arn !== undefined && /:role\//.test(arn))
    return { type: 'role', id: arn, name: arn.slice(arn.lastIndexOf('/') + 1) }
  const { id, name } = actorOf(record)
  return { type: 'user', id, name: textAt(record, 'requestParameters', 'name') ?? name }
}

const actorOf = (record: JsonObject): ActorDraft => {
  const identity = at(record, 'userIdentity')
  const type = textAt(identity, 'type')
  const name = textAt(identity, 'userName')
  const session = textAt(identity, 'accessKeyId')
  const id = textAt(identity, 'arn') ?? textAt(identity, 'principalId')
  switch (type) {
    case 'Root':
      return { type: 'admin', id: id ?? textAt(identity, 'accountId'), name: name ?? 'root', session }
    case 'IAMUser':
      // A sign-in that failed has no ARN, only what was typed.
      return { type: 'user', id: id ?? (name && iamArn(record, 'user', name)), name, session }
    case 'AssumedRole':
    case 'FederatedUser':
    case 'Role':
      return assumed(identity, { id, session })
    case 'AWSService':
      return { type: 'service', id: textAt(identity, 'invokedBy') ?? id }
    case 'AWSAccount':
      return { type: 'service', id: id ?? textAt(identity, 'accountId'), session }
    case 'IdentityCenterUser':
      return { type: 'user', id: textAt(identity, 'onBehalfOf', 'userId') ?? id, name, session }
    default:
      return { type: 'user', id: id ?? textAt(identity, 'accountId') ?? textAt(identity, 'invokedBy'), name, session }
  }
}

/** Temporary credentials: of a person who came by single sign-on or with a second factor, or else of a program. */
const assumed = (identity: Loose, { id, session }: { readonly id: Loose; readonly session: Loose }): ActorDraft => {
  const issuer = at(identity, 'sessionContext', 'sessionIssuer')
  const issuerArn = textAt(issuer, 'arn')
  const isPerson =
    textAt(identity, 'type') === 'FederatedUser' ||
    textAt(identity, 'sessionContext', 'attributes', 'mfaAuthenticated') === 'true' ||
    textAt(identity, 'sessionContext', 'sourceIdentity') !== undefined ||
    (textAt(issuer, 'userName') ?? '').startsWith('AWSReservedSSO_')
  const text = typeof id === 'string' ? id : ''
  return {
    type: isPerson ? 'user' : 'service',
    id,
    // arn:aws:sts::123456789012:assumed-role/Admin/<session name>, AROA…:<session name>
    name: /[/:]([^/:]+)$/.exec(text)?.[1],
    session,
    on_behalf_of:
      issuerArn === undefined ? undefined : { type: 'role', id: issuerArn, name: textAt(issuer, 'userName') },
  }
}

const DENIED =
  /^(?:Client\.)?(?:AccessDenied(?:Exception)?|Unauthorized(?:Operation|Access|Exception)?|NotAuthorized(?:Exception)?|Forbidden(?:Exception)?|AuthorizationError(?:Exception)?)$/

const outcomeOf = (record: JsonObject): Outcome => {
  const code = textAt(record, 'errorCode')
  if (code !== undefined) return DENIED.test(code) ? 'denied' : 'failure'
  // Sign-ins that fail have no code, but an answer that is named like the event.
  const answers = [at(record, 'responseElements', textAt(record, 'eventName') ?? ''), at(record, 'serviceEventDetails')]
  const isFailure = answers.some((answer) => JSON.stringify(answer ?? null).includes('"Failure"'))
  return isFailure || textAt(record, 'errorMessage') !== undefined ? 'failure' : 'success'
}

const reasonOf = (record: JsonObject): string | undefined => {
  const parts = [textAt(record, 'errorCode'), textAt(record, 'errorMessage')].filter((part) => part !== undefined)
  return parts.length === 0 ? undefined : parts.join(': ')
}
